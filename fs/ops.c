#include "fs/ops.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "fs/box.h"
#include "fs/handle.h"
#include "fs/initflags.h"
#include "fs/writer.h"

#include <poll.h>

int fs_errno(int rc)
{
	switch (rc) {
	case -EPIPE:
	case -EBADMSG:
	case -EMSGSIZE:
	case -ENOBUFS:
		return EIO;
	case 0:
		return 0;
	default:
		return -rc;
	}
}

int op_refused(const struct op *op)
{
	if (!op->node)
		return -ESTALE;
	return op->box && atomic_load(&op->box->down) == -ESTALE ? -ESTALE : 0;
}

int op_path(struct op *op, bool with_name, struct buf *ret)
{
	return with_name ? node_path_of(op->node, op->name, ret) : node_path(op->node, ret);
}

static void drained(struct op *op, int rc)
{
	bool mine;

	pthread_mutex_lock(&op->fs->lock);
	mine = !op->gave_up;
	pthread_mutex_unlock(&op->fs->lock);
	if (mine)
		op->after_drain(op, rc);
	else
		op_unref(op);
}

static void give_up(struct op *op)
{
	scoped_lock(&op->fs->lock);
	op->gave_up = true;
}

bool op_drain_unlock(struct op *op, struct node *n, op_step *step)
{
	struct fs *fs = op->fs;
	bool wait = false;

	op->after_drain = step;
	op->step = drained;
	if (n)
		wait = writer_drain(n, op);
	if (wait) {
		op->cancel = give_up;
		op_ref(op);
		node_ref(n);
	}
	pthread_mutex_unlock(&fs->lock);
	if (!wait)
		return false;
	op_arm(op, false);
	writer_push(fs, n, true);
	op_unref(op);
	pthread_mutex_lock(&fs->lock);
	node_unref(fs, n);
	pthread_mutex_unlock(&fs->lock);
	return true;
}

static struct fs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* Makes the op; answers and gives NULL when its node cannot be used. */
static struct op *begin(
	fuse_req_t req, const char *what, fuse_ino_t ino, const struct fuse_file_info *fi)
{
	struct op *op = op_new(fs_of(req), req, what, ino, fi);
	int rc = op_refused(op);

	if (rc == 0)
		return op;
	op_reply_err(op, rc);
	return NULL;
}

/* The same for what may only be done inside fs/. */
static struct op *begin_inside(fuse_req_t req, const char *what, fuse_ino_t ino, const char *name)
{
	struct op *op = begin(req, what, ino, NULL);

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
	conn->max_write = 1024 * 1024;
	conn->max_background = 64;
	conn->congestion_threshold = 48;
	conn->want &= ~(unsigned)(FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_WRITEBACK_CACHE |
				  FUSE_CAP_SPLICE_READ | FUSE_CAP_HANDLE_KILLPRIV);
}

static void do_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct op *op = begin(req, "lookup", parent, NULL);

	if (!op)
		return;
	op->name = xstrdup(name);
	if (op->node->kind == NODE_INSIDE)
		inside_lookup(op);
	else
		top_lookup(op);
}

static void do_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	struct fuse_forget_data one = { .ino = ino, .nlookup = nlookup };
	struct fs *fs = fs_of(req);
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
	struct fs *fs = fs_of(req);
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
	struct op *op = begin(req, "getattr", ino, fi);
	struct stat st;

	if (!op)
		return;
	if (op->node->kind == NODE_INSIDE) {
		inside_getattr(op);
	} else if (op->node->kind == NODE_CTL) {
		ctl_stat(op->node, &st);
		op_reply_attr(op, &st, 0);
	} else {
		top_getattr(op);
	}
}

static void do_setattr(
	fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi)
{
	struct op *op = begin(req, "setattr", ino, fi);
	struct stat st;

	if (!op)
		return;
	op->stat = *attr;
	op->to_set = to_set;
	if (op->node->kind == NODE_INSIDE) {
		inside_setattr(op);
	} else if (op->node->kind == NODE_CTL &&
		   !(to_set & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))) {
		ctl_stat(op->node, &st); /* truncate and touch: nothing to do, nothing wrong */
		op_reply_attr(op, &st, 0);
	} else {
		op_reply_err(op, -EPERM);
	}
}

static void do_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct op *op = begin_inside(req, "readlink", ino, NULL);

	if (op)
		inside_readlink(op);
}

static void do_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct op *op = begin_inside(req, "mknod", parent, name);

	if (!op)
		return;
	op->mode = mode;
	inside_mknod(op);
}

static void do_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct op *op = begin_inside(req, "mkdir", parent, name);

	if (!op)
		return;
	op->mode = mode;
	inside_mkdir(op);
}

static void do_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct op *op = begin_inside(req, "symlink", parent, name);

	if (!op)
		return;
	op->name2 = xstrdup(target);
	inside_symlink(op);
}

static void do_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct op *op = begin_inside(req, "unlink", parent, name);

	if (op)
		inside_unlink(op);
}

static void do_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct op *op = begin_inside(req, "rmdir", parent, name);

	if (op)
		inside_rmdir(op);
}

/* The second node of rename and link; false: answered. */
static bool second(struct op *op, fuse_ino_t ino)
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
	struct op *op = begin_inside(req, "rename", parent, name);

	if (!op || !second(op, new_parent))
		return;
	op->name2 = xstrdup(new_name);
	op->flags = flags;
	inside_rename(op);
}

static void do_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name)
{
	struct op *op = begin_inside(req, "link", new_parent, new_name);

	if (op && second(op, ino))
		inside_link(op);
}

static void do_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct op *op = begin(req, "open", ino, fi);

	if (!op)
		return;
	if (op->node->kind == NODE_INSIDE)
		inside_open(op);
	else
		ctl_open(op);
}

static void do_create(
	fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct op *op = begin_inside(req, "create", parent, name);

	if (!op)
		return;
	op->fi = *fi;
	op->mode = mode;
	inside_create(op);
}

static void do_read(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct op *op = op_new(fs_of(req), req, "read", ino, fi);

	op->size = size;
	op->offset = (uint64_t)offset;
	if (op->node->kind == NODE_INSIDE)
		inside_read(op);
	else
		ctl_read(op);
}

static void do_write(fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t size, off_t offset,
	struct fuse_file_info *fi)
{
	struct op *op = begin(req, "write", ino, fi);

	if (!op)
		return;
	op->size = size;
	op->offset = (uint64_t)offset;
	if (op->node->kind == NODE_INSIDE)
		writer_write(op, bytes);
	else
		ctl_write(op, bytes);
}

static void do_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct op *op = op_new(fs_of(req), req, "flush", ino, fi);

	if (op->node->kind == NODE_INSIDE)
		inside_flush(op);
	else
		ctl_flush(op);
}

static void do_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct op *op = begin(req, "fsync", ino, fi);

	if (!op)
		return;
	if (op->node->kind == NODE_INSIDE)
		inside_fsync(op);
	else
		ctl_flush(op);
}

static void do_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct op *op = op_new(fs_of(req), req, "release", ino, fi);
	struct fs *fs = op->fs;
	struct handle *h = op->h;

	if (op->node->kind == NODE_INSIDE)
		inside_release(op);
	else
		ctl_release(op);
	handle_unref_unlocked(fs, h); /* the open's own */
}

static void do_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct op *op = begin(req, "opendir", ino, fi);

	if (!op)
		return;
	if (op->node->kind == NODE_INSIDE)
		inside_opendir(op);
	else
		top_opendir(op);
}

static void read_dir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
	struct fuse_file_info *fi, bool plus)
{
	struct op *op = op_new(fs_of(req), req, "readdir", ino, fi);

	op->size = size;
	op->offset = (uint64_t)offset;
	dir_read(op, plus);
}

static void do_readdir(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	read_dir(req, ino, size, offset, fi, false);
}

static void do_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	read_dir(req, ino, size, offset, fi, true);
}

static void do_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct op *op = op_new(fs_of(req), req, "releasedir", ino, fi);
	struct fs *fs = op->fs;
	struct handle *h = op->h;

	op_reply_err(op, 0);
	handle_unref_unlocked(fs, h);
}

static void do_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	fuse_reply_err(req, 0);
}

static void do_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs none = { .f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255 };
	struct op *op = begin(req, "statfs", ino, NULL);

	if (!op)
		return;
	if (op->node->kind == NODE_INSIDE)
		inside_statfs(op);
	else
		op_reply_statfs(op, &none);
}

static void do_poll(
	fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph)
{
	struct op *op = op_new(fs_of(req), req, "poll", ino, fi);

	if (op->node->kind == NODE_CTL) {
		ctl_poll(op, ph);
		return;
	}
	if (ph)
		fuse_pollhandle_destroy(ph);
	op_reply_poll(op, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
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
	.open = do_open,
	.create = do_create,
	.read = do_read,
	.write = do_write,
	.flush = do_flush,
	.fsync = do_fsync,
	.release = do_release,
	.opendir = do_opendir,
	.readdir = do_readdir,
	.readdirplus = do_readdirplus,
	.releasedir = do_releasedir,
	.fsyncdir = do_fsyncdir,
	.statfs = do_statfs,
	.poll = do_poll,
};

const struct fuse_lowlevel_ops *fs_ops(void)
{
	return &table;
}
