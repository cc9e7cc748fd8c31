/*
 * Files with several names that a source has sent: (device, inode) to the first of its paths.
 */
#ifndef SBX_PACK_LINKS_H
#define SBX_PACK_LINKS_H

#include "common/base/buf.h"

#include <sys/stat.h>

struct linked {
	uint64_t dev, ino;
	uint32_t root;
	char *path;
};

struct links {
	struct linked *at; /* open addressing; path NULL: free */
	size_t count, cap;
};

void links_fini(struct links *l);

/* The path that it was sent as before, or NULL: it is remembered as this one now. */
const struct linked *links_find(
	struct links *l, const struct stat *st, uint32_t root, const char *path);

#endif
