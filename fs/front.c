#include "fs/front.h"

#include "fs/handle.h"
#include "fs/initflags.h"
#include "fs/manage.h"
#include "fs/ops.h"

#include <sys/xattr.h>

struct op *front_begin(
	fuse_req_t req, const char *what, fuse_ino_t ino, const struct fuse_file_info *fi)
{
	struct op *op = op_new(front_fs(req), req, what, ino, fi);
	int rc = op_refused(op);

	if (rc == 0)
		return op;
	op_reply_err(op, rc);
	return NULL;
}

struct op *front_begin_inside(fuse_req_t req, const char *what, fuse_ino_t ino, const char *name)
{
	struct op *op = front_begin(req, what, ino, NULL);

	if (!op)
		return NULL;
	if (op->node->kind != NODE_INSIDE) {
		op_reply_err(op, -EPERM);
		return NULL;
	}
	op->name = xstrdup(name);
	return op;
}

static void do_init(void *userdata, struct fuse_conn_info *conn)
{
	struct fs *fs = userdata;

	atomic_store(&fs->can_expire, conn->capable & FUSE_CAP_EXPIRE_ONLY);
	conn->max_write = 1024 * 1024;
	conn->max_background = 64;
	conn->congestion_threshold = 48;
	conn->want &= ~(unsigned)(FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_WRITEBACK_CACHE |
				  FUSE_CAP_SPLICE_READ | FUSE_CAP_HANDLE_KILLPRIV);
}

static void do_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct op *op = front_begin(req, "lookup", parent, NULL);

	if (!op)
		return;
	op->name = xstrdup(name);
	if (op->node->kind == NODE_INSIDE)
		inside_lookup(op);
	else if (op->node->kind == NODE_RUNS)
		runs_lookup(op);
	else
		top_lookup(op);
}

static void do_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	struct fuse_forget_data one = { .ino = ino, .nlookup = nlookup };
	struct fs *fs = front_fs(req);
	struct node *n;

	pthread_mutex_lock(&fs->lock);
	n = node_get(&fs->nodes, one.ino);
	if (n)
		node_forget(fs, n, one.nlookup);
	pthread_mutex_unlock(&fs->lock);
	fuse_reply_none(req);
}

static void do_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct fs *fs = front_fs(req);
	struct node *n;

	pthread_mutex_lock(&fs->lock);
	for (size_t i = 0; i < count; i++) {
		n = node_get(&fs->nodes, forgets[i].ino);
		if (n)
			node_forget(fs, n, forgets[i].nlookup);
	}
	pthread_mutex_unlock(&fs->lock);
	fuse_reply_none(req);
}

static void do_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct op *op = front_begin(req, "getattr", ino, fi);

	if (!op)
		return;
	if (op->node->kind == NODE_INSIDE) {
		inside_getattr(op);
	} else if (op->node->kind == NODE_CTL) {
		ctl_getattr(op);
	} else {
		top_getattr(op);
	}
}

static void do_setattr(
	fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi)
{
	struct op *op = front_begin(req, "setattr", ino, fi);

	if (!op)
		return;
	op->stat = *attr;
	op->to_set = to_set;
	if (op->node->kind == NODE_INSIDE) {
		inside_setattr(op);
	} else if (op->node->kind == NODE_CTL) {
		ctl_setattr(op);
	} else {
		op_reply_err(op, -EPERM);
	}
}

static void do_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct op *op = front_begin_inside(req, "readlink", ino, NULL);

	if (op)
		inside_readlink(op);
}

static void do_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct op *op = front_begin_inside(req, "mknod", parent, name);

	if (!op)
		return;
	op->mode = mode;
	op->rdev = rdev;
	inside_mknod(op);
}

static void do_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct op *op = front_begin(req, "mkdir", parent, NULL);

	if (!op)
		return;
	op->name = xstrdup(name);
	op->mode = mode;
	if (op->node->kind == NODE_INSIDE)
		inside_mkdir(op);
	else
		manage_mkdir(op);
}

static void do_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct op *op = front_begin_inside(req, "symlink", parent, name);

	if (!op)
		return;
	op->name2 = xstrdup(target);
	inside_symlink(op);
}

static bool is_runs(const struct node *n)
{
	return n->kind == NODE_RUNS || n->kind == NODE_RUN;
}

static void do_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct op *op = front_begin(req, "unlink", parent, NULL);

	if (!op)
		return;
	op->name = xstrdup(name);
	if (op->node->kind == NODE_INSIDE)
		inside_unlink(op);
	else if (is_runs(op->node))
		runs_unlink(op);
	else
		op_reply_err(op, -EPERM);
}

static void do_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct op *op = front_begin(req, "rmdir", parent, NULL);

	if (!op)
		return;
	op->name = xstrdup(name);
	if (op->node->kind == NODE_INSIDE)
		inside_rmdir(op);
	else if (is_runs(op->node))
		runs_rmdir(op);
	else
		manage_rmdir(op);
}

bool front_second(struct op *op, fuse_ino_t ino)
{
	pthread_mutex_lock(&op->fs->lock);
	op->other = node_get(&op->fs->nodes, ino);
	if (op->other)
		node_ref(op->other);
	pthread_mutex_unlock(&op->fs->lock);
	if (op->other && op->other->kind == NODE_INSIDE && op->other->box == op->node->box)
		return true;
	op_reply_err(op, op->other ? -EXDEV : -ESTALE);
	return false;
}

static void do_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
	const char *new_name, unsigned flags)
{
	struct op *op = front_begin_inside(req, "rename", parent, name);

	if (!op || !front_second(op, new_parent))
		return;
	op->name2 = xstrdup(new_name);
	op->flags = flags;
	inside_rename(op);
}

static void do_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name)
{
	struct op *op = front_begin_inside(req, "link", new_parent, new_name);

	if (op && front_second(op, ino))
		inside_link(op);
}

static void do_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs none = { .f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255 };
	struct op *op = front_begin(req, "statfs", ino, NULL);

	if (!op)
		return;
	if (op->node->kind == NODE_INSIDE)
		inside_statfs(op);
	else
		op_reply_statfs(op, &none);
}

/* Of a file of a sandbox, where they are wanted; NULL: answered. */
static struct op *begin_xattr(fuse_req_t req, const char *what, fuse_ino_t ino, const char *name)
{
	struct op *op = front_begin(req, what, ino, NULL);

	if (!op)
		return NULL;
	op->name = xstrdup(name);
	if (!op->fs->opt->xattr) /* the kernel does not ask again */
		op_reply_err(op, -ENOSYS);
	else if (op->node->kind != NODE_INSIDE)
		op_reply_err(op, -EOPNOTSUPP);
	else
		return op;
	return NULL;
}

static void do_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct op *op = begin_xattr(req, "getxattr", ino, name);

	if (!op)
		return;
	op->size = size;
	inside_getxattr(op);
}

static void do_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct op *op = begin_xattr(req, "listxattr", ino, NULL);

	if (!op)
		return;
	op->size = size;
	inside_listxattr(op);
}

static void do_setxattr(
	fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	struct op *op = begin_xattr(req, "setxattr", ino, name);

	if (!op)
		return;
	op->flags =
		(flags & XATTR_CREATE ? XATTR_NEW : 0) | (flags & XATTR_REPLACE ? XATTR_THERE : 0);
	op->size = size;
	inside_setxattr(op, value);
}

static void do_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct op *op = begin_xattr(req, "removexattr", ino, name);

	if (op)
		inside_removexattr(op);
}

static const struct fuse_lowlevel_ops table = {
	.init = do_init,
	.lookup = do_lookup,
	.forget = do_forget,
	.forget_multi = do_forget_multi,
	.getattr = do_getattr,
	.setattr = do_setattr,
	.readlink = do_readlink,
	.mknod = do_mknod,
	.mkdir = do_mkdir,
	.symlink = do_symlink,
	.unlink = do_unlink,
	.rmdir = do_rmdir,
	.rename = do_rename,
	.link = do_link,
	.open = front_open,
	.create = front_create,
	.read = front_read,
	.write = front_write,
	.flush = front_flush,
	.fsync = front_fsync,
	.release = front_release,
	.opendir = front_opendir,
	.readdir = front_readdir,
	.readdirplus = front_readdirplus,
	.releasedir = front_releasedir,
	.fsyncdir = front_fsyncdir,
	.statfs = do_statfs,
	.poll = front_poll,
	.fallocate = front_fallocate,
	.lseek = front_lseek,
	.copy_file_range = front_copy_file_range,
	.getxattr = do_getxattr,
	.listxattr = do_listxattr,
	.setxattr = do_setxattr,
	.removexattr = do_removexattr,
};

const struct fuse_lowlevel_ops *fs_ops(void)
{
	return &table;
}
