/*
 * Our mounts, as the kernel lists them.
 */
#ifndef SBX_PLUGIN_MOUNTINFO_H
#define SBX_PLUGIN_MOUNTINFO_H

#include "common/base/cleanup.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define MOUNT_TYPE "fuse.sbx"

struct mount {
	char *dir;
	char *source; /* what sbxfs called it: CONTEXT/NAMESPACE */
};

struct mounts {
	struct mount *at;
	size_t count;
};

#define auto_mounts struct mounts auto_with(mounts_fini)

/* From the text of /proc/self/mountinfo: those of our type, in its order. Lines that make no sense
 * are skipped. */
void mounts_parse(const char *text, struct mounts *ret);
int mounts_read(struct mounts *ret, struct err *err);
void mounts_fini(struct mounts *m);
bool mounts_has(const struct mounts *m, const char *dir);

/*
 * dir as the kernel would name it: absolute, without links. The last part may be a dead mount,
 * which cannot be looked at. malloc'ed; NULL and errno.
 */
char *mount_resolve(const char *dir);

#endif
