/*
 * The mount itself: whether it can be made, made, and unmade.
 */
#ifndef SBX_FS_MOUNT_H
#define SBX_FS_MOUNT_H

#include "fs/fs.h"

#define MOUNT_SUBTYPE "sbx"
#define MOUNT_TYPE    "fuse." MOUNT_SUBTYPE /* as /proc/self/mountinfo says */

/*
 * A folder, ours, empty unless nonempty; /dev/fuse can be opened. A dead mount of ours that stands
 * there is taken away first. err says what to do.
 */
int mount_check(const struct options *o, struct err *err);

/* Mounts with source (sbxfs:CONTEXT/NAMESPACE). fs->se and fs->dev are set. Takes over args' strings. */
int mount_open(struct fs *fs, struct fuse_args *args, const char *source, struct err *err);

#endif
