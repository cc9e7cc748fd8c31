/*
 * .sbx at the mount's root: by it kubectl sbx finds out whose mount this is, and of which cluster.
 * One JSON line; not listed, readable for its owner alone. "ops" and "requests" are those of
 * SIGUSR1's counters: what the kernel asked, and what was sent to sandboxes for it; "cache_bytes" is about
 * what all that is remembered of their files takes, "spool_bytes" what their runs' outputs do.
 */
#ifndef SBX_FS_MOUNTFILE_H
#define SBX_FS_MOUNTFILE_H

#include "common/base/buf.h"

#define MOUNTFILE_NAME ".sbx"

struct fs;
void mountfile_print(struct fs *fs, struct buf *ret);

#endif
