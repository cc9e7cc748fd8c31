/*
 * The mounts of one type, as the kernel lists them to this process: those of its own mount namespace.
 */
#ifndef SBX_BASE_MOUNTINFO_H
#define SBX_BASE_MOUNTINFO_H

#include "common/base/cleanup.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct mount {
	char *dir;
	char *source;
	long uid;     /* whose it is, by the kernel's word; -1: not said */
	dev_t dev;    /* what stat says of its files; all mounts of one file system have the same */
	bool covered; /* another mount is on top of it */
};

struct mounts {
	struct mount *at;
	size_t count;
};

#define auto_mounts struct mounts auto_with(mounts_fini)

/* From the text of /proc/self/mountinfo, in its order. Lines that make no sense are skipped. */
void mounts_parse(const char *text, const char *type, struct mounts *ret);
int mounts_read(const char *type, struct mounts *ret, struct err *err);
void mounts_fini(struct mounts *m);
bool mounts_has(const struct mounts *m, const char *dir);
bool mounts_has_dev(const struct mounts *m, dev_t dev);
/* The topmost of them on dir, NULL; borrowed. */
const struct mount *mounts_at(const struct mounts *m, const char *dir);

/*
 * dir as the kernel would name it: absolute, without links. The last part may be a dead mount,
 * which cannot be looked at. malloc'ed; NULL and errno.
 */
char *mount_resolve(const char *dir);

#endif
