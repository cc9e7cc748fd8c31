/*
 * An open cwd or env: a text that is changed as a file is, and counts when it is closed.
 *
 * Not thread-safe: the handle's lock.
 */
#ifndef SBX_FS_CTLEDIT_H
#define SBX_FS_CTLEDIT_H

#include "common/base/buf.h"
#include "fs/node.h"

struct ctl_edit;
struct jobs;

/* text: what is there now. flags: open(2)'s; O_TRUNC begins with nothing, O_APPEND writes behind. */
struct ctl_edit *ctl_edit_new(const struct buf *text, int flags);
void ctl_edit_free(struct ctl_edit *e); /* takes NULL */

int ctl_edit_write(struct ctl_edit *e, const char *bytes, size_t n, uint64_t offset); /* -EFBIG */
void ctl_edit_truncate(struct ctl_edit *e, size_t n);
const char *ctl_edit_text(const struct ctl_edit *e); /* borrowed */

/* If it was changed it becomes the default of the runs. -EINVAL: it is wrong, nothing changes. */
int ctl_edit_apply(struct ctl_edit *e, enum ctl_kind kind, struct jobs *js);
void ctl_edit_clear(enum ctl_kind kind, struct jobs *js);

#endif
