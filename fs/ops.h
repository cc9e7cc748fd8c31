/*
 * What the operations share. Each handler makes an op (op.h), and by the kind
 * of its node goes to one of three: the folders above (ops_top.c), a control
 * file (ops_ctl.c), or a file of the sandbox (ops_dir.c, ops_name.c,
 * ops_attr.c, ops_file.c). None of them waits.
 */
#ifndef SBX_FS_OPS_H
#define SBX_FS_OPS_H

#include "fs/op.h"

struct ctl_handle;

/* ops_top.c: the root, the namespaces, a sandbox's folder */
void top_lookup(struct op *op);
void top_getattr(struct op *op);
void top_opendir(struct op *op);
/* fs->lock held. The entry of one name in the snapshot; false: it is gone. Counts the lookup. */
bool top_entry(struct fs *fs, struct node *parent, const char *name, struct fuse_entry_param *ret);

/* ops_dir.c */
void inside_lookup(struct op *op);
void inside_opendir(struct op *op);
void dir_read(struct op *op, bool plus);

/* ops_name.c: op->node is the folder, op->name the name */
void inside_mkdir(struct op *op);
void inside_mknod(struct op *op);
void inside_symlink(struct op *op); /* op->name2: the target */
void inside_link(struct op *op);    /* op->other: the file */
void inside_rename(struct op *op);  /* op->other, op->name2: where to; op->flags: renameat2's */
void inside_unlink(struct op *op);
void inside_rmdir(struct op *op);

/* ops_attr.c */
void inside_getattr(struct op *op);
void inside_setattr(struct op *op); /* op->stat, op->to_set */
void inside_readlink(struct op *op);
void inside_statfs(struct op *op);

/* ops_file.c */
void inside_open(struct op *op);
void inside_create(struct op *op);
void inside_read(struct op *op);
void inside_flush(struct op *op);
void inside_fsync(struct op *op);
void inside_release(struct op *op);

/* ops_ctl.c */
extern const char *const ctl_names[];
bool ctl_exists(const struct box *b, enum ctl_kind kind);
void ctl_stat(struct node *n, struct stat *ret); /* fs->lock not needed */
void ctl_open(struct op *op);
void ctl_read(struct op *op);
void ctl_write(struct op *op, const char *bytes);
void ctl_flush(struct op *op);
void ctl_release(struct op *op);
void ctl_poll(struct op *op, struct fuse_pollhandle *ph);
void ctl_handle_free(struct ctl_handle *c); /* takes NULL */

/* fs->lock held. The path of op->node, with op->name when with_name, or why there is none. */
int op_path(struct op *op, bool with_name, struct buf *ret);

/* Gone, or another Pod now: what the op gets at once. fs->lock not needed. */
int op_refused(const struct op *op);

/*
 * fs->lock held on entry, and let go. When n has pending writes: op->step runs when they are
 * through (unless it was interrupted: then it never runs), and true is returned.
 */
bool op_drain_unlock(struct op *op, struct node *n, op_step *step);

#endif
