/*
 * What the operations share. Each handler (front.h) makes an op (op.h), and by the kind
 * of its node goes to one of four: the folders above (ops_top.c), those of the
 * runs (runsdir.c), a control file (ctlfile.c), or a file of the sandbox (ops_dir.c, ops_name.c,
 * ops_attr.c, ops_set.c, ops_file.c, ops_settle.c, ops_space.c, ops_xattr.c). None of them waits.
 */
#ifndef SBX_FS_OPS_H
#define SBX_FS_OPS_H

#include "fs/op.h"

struct ctl_handle;
struct parcel;

/* ops_top.c: the root, the namespaces, a sandbox's folder */
void top_lookup(struct op *op);
void top_getattr(struct op *op);
void top_opendir(struct op *op);
/* fs->lock held. The entry of one name in the snapshot; false: it is gone. Counts the lookup. */
bool top_entry(struct fs *fs, struct node *parent, const char *name, struct fuse_entry_param *ret);
void top_add_name(struct handle *h, const char *name); /* to the snapshot that readdir shows */

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
void inside_show(struct op *op); /* the attributes that are known */
void inside_readlink(struct op *op);
void inside_statfs(struct op *op);
/* Asks that of the path that op->node has; without one op is answered. */
void inside_ask_path(struct op *op, enum remote_op what, op_done *done);

/* ops_set.c */
void inside_setattr(struct op *op); /* op->stat, op->to_set */
/* op writes: HANDLE_KILLPRIV_V2 leaves it to us to take the set-id bits away, as others than root lose them. */
void inside_kill_setid(struct op *op);

/* fs->lock held. Its content is another now: what was read ahead is old. */
void inside_forget_blocks(struct node *n);

/* ops_space.c: op->h, op->offset */
void inside_fallocate(struct op *op); /* op->flags: FALLOC_*; op->length */
void inside_seek(struct op *op);      /* op->flags: is it a hole */
void inside_copy(struct op *op);      /* from op->h2 at op->offset2; op->length */

/* ops_xattr.c: op->name is the attribute's */
void inside_getxattr(struct op *op); /* op->size */
void inside_listxattr(struct op *op);
void inside_setxattr(struct op *op, const char *bytes); /* op->size; op->flags: XATTR_* */
void inside_removexattr(struct op *op);

/* ops_file.c */
uint32_t inside_open_flags(int flags); /* OPEN_* */
/* fs->lock held. A handle as the kernel asked for it. Its one reference is the kernel's, until release. */
struct handle *inside_handle_for(struct op *op, struct node *n, const struct remote_reply *reply);
/* n was looked up for e. */
void inside_reply_create(
	struct op *op, struct node *n, struct handle *h, const struct fuse_entry_param *e);
void inside_open(struct op *op);
void inside_create(struct op *op);
void inside_read(struct op *op);

/* ops_settle.c */
/* A parcel's answer tells the attributes behind all changes that were there when it was asked. */
void inside_settle(struct parcel *p, struct remote_reply *reply);
void inside_flush(struct op *op);
void inside_fsync(struct op *op);
void inside_release(struct op *op);

/* runsdir.c: runs/ and runs/N */
void runs_lookup(struct op *op);
void runs_opendir(struct op *op);
void runs_unlink(struct op *op); /* op->name in op->node */
void runs_rmdir(struct op *op);
/* fs->lock held. The node of one name in it, not counted; NULL. */
struct node *runs_child(struct fs *fs, struct node *parent, const char *name);
/* fs->lock held. False: there is no such run any more. */
bool runs_stat(const struct node *n, struct stat *ret);

/* ctltext.c */
extern const char *const ctl_names[];
bool ctl_exists(const struct box *b, enum ctl_kind kind);
int ctl_stat(struct fs *fs, struct node *n, struct stat *ret); /* -ENOENT; fs->lock not needed */
/* fs->lock held. A control file; run: its number, or 0. */
struct node *ctl_node(struct fs *fs, struct node *parent, enum ctl_kind kind, unsigned run);

/* ctlhandle.c */
void ctl_open(struct op *op);
void ctl_handle_free(struct ctl_handle *c); /* takes NULL */

/* ctlfile.c */
/*
 * Will more be read from it than its size says now? sendfile(2) (busybox cat, Python's shutil) and
 * splice(2) read no further than the size that the kernel holds; programs that look at sizes call
 * stat, which always asks for the true one. So the look-up of an open gives CTL_ENDLESS.
 */
bool ctl_grows(struct fs *fs, struct node *n); /* fs->lock not needed */
#define CTL_ENDLESS ((off_t)1 << 40)
void ctl_read(struct op *op);
void ctl_write(struct op *op, const char *bytes);
void ctl_flush(struct op *op);
void ctl_release(struct op *op);
void ctl_getattr(struct op *op);
void ctl_setattr(struct op *op); /* op->stat, op->to_set */
void ctl_poll(struct op *op, struct fuse_pollhandle *ph);

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
