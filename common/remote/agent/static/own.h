/*
 * Whose what this thread makes shall be.
 *
 * By the thread's file system ids, with its capabilities kept: what is made has its owner from the
 * start (a chown behind it could be led to another file), and a folder's set-gid bit works as ever. Ids
 * that the kernel does not grant (no root, or unknown to the user namespace) change nothing.
 */
#ifndef SBX_AGENT_OWN_H
#define SBX_AGENT_OWN_H

#include <stdbool.h>
#include <stdint.h>

#define OWN_KEEP UINT32_MAX

struct own {
	bool changed;
};

struct own own_begin(uint64_t uid, uint64_t gid);
/* errno stays. */
void own_end(struct own *own);

#endif
