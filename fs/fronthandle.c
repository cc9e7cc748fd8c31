#include "fs/front.h"

#include "fs/handle.h"
#include "fs/ops.h"
#include "fs/writer.h"

#include <fcntl.h>
#include <poll.h>

void front_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct op *op = front_begin(req, "open", ino, fi);

	if (!op)
		return;
	if (op->node->kind == NODE_INSIDE)
		inside_open(op);
	else
		ctl_open(op);
}

void front_create(
	fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct op *op = front_begin_inside(req, "create", parent, name);

	if (!op)
		return;
	op->fi = *fi;
	op->mode = mode;
	inside_create(op);
}

void front_read(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct op *op = op_new(front_fs(req), req, "read", ino, fi);

	op->size = size;
	op->offset = (uint64_t)offset;
	if (op->node->kind == NODE_INSIDE)
		inside_read(op);
	else
		ctl_read(op);
}

void front_write(fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t size, off_t offset,
	struct fuse_file_info *fi)
{
	struct op *op = front_begin(req, "write", ino, fi);

	if (!op)
		return;
	op->size = size;
	op->offset = (uint64_t)offset;
	if (op->node->kind == NODE_INSIDE) {
		inside_kill_setid(op);
		writer_write(op, bytes);
	} else {
		ctl_write(op, bytes);
	}
}

void front_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct op *op = op_new(front_fs(req), req, "flush", ino, fi);

	if (op->node->kind == NODE_INSIDE)
		inside_flush(op);
	else
		ctl_flush(op);
}

void front_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct op *op = front_begin(req, "fsync", ino, fi);

	if (!op)
		return;
	if (op->node->kind == NODE_INSIDE)
		inside_fsync(op);
	else
		ctl_flush(op);
}

void front_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct op *op = op_new(front_fs(req), req, "release", ino, fi);
	struct fs *fs = op->fs;
	struct handle *h = op->h;

	if (op->node->kind == NODE_INSIDE)
		inside_release(op);
	else
		ctl_release(op);
	handle_unref_unlocked(fs, h); /* the open's own */
	atomic_fetch_sub(&fs->opens, 1);
}

void front_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct op *op = front_begin(req, "opendir", ino, fi);

	if (!op)
		return;
	if (op->node->kind == NODE_INSIDE)
		inside_opendir(op);
	else if (op->node->kind == NODE_RUNS || op->node->kind == NODE_RUN)
		runs_opendir(op);
	else
		top_opendir(op);
}

static void read_dir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
	struct fuse_file_info *fi, bool plus)
{
	struct op *op = op_new(front_fs(req), req, "readdir", ino, fi);

	op->size = size;
	op->offset = (uint64_t)offset;
	dir_read(op, plus);
}

void front_readdir(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	read_dir(req, ino, size, offset, fi, false);
}

void front_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	read_dir(req, ino, size, offset, fi, true);
}

void front_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct op *op = op_new(front_fs(req), req, "releasedir", ino, fi);
	struct fs *fs = op->fs;
	struct handle *h = op->h;

	op_reply_err(op, 0);
	handle_unref_unlocked(fs, h);
	atomic_fetch_sub(&fs->opens, 1);
}

void front_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	fuse_reply_err(req, 0);
}

void front_poll(
	fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph)
{
	struct op *op = op_new(front_fs(req), req, "poll", ino, fi);

	if (op->node->kind == NODE_CTL) {
		ctl_poll(op, ph);
		return;
	}
	if (ph)
		fuse_pollhandle_destroy(ph);
	op_reply_poll(op, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
}

void front_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
	struct fuse_file_info *fi)
{
	static const struct {
		int bit;
		uint32_t flag;
	} known[] = { { FALLOC_FL_KEEP_SIZE, FALLOC_KEEP }, { FALLOC_FL_PUNCH_HOLE, FALLOC_PUNCH },
		{ FALLOC_FL_ZERO_RANGE, FALLOC_ZERO } };
	struct op *op = front_begin(req, "fallocate", ino, fi);

	if (!op)
		return;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		op->flags |= mode & known[i].bit ? known[i].flag : 0;
		mode &= ~known[i].bit;
	}
	op->offset = (uint64_t)offset;
	op->length = (uint64_t)length;
	if (op->node->kind != NODE_INSIDE || mode)
		op_reply_err(op, -EOPNOTSUPP);
	else
		inside_fallocate(op);
}

void front_lseek(
	fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *fi)
{
	struct op *op = front_begin(req, "lseek", ino, fi);

	if (!op)
		return;
	op->offset = (uint64_t)offset;
	op->flags = whence == SEEK_HOLE;
	if (whence != SEEK_HOLE && whence != SEEK_DATA)
		op_reply_err(op, -EINVAL);
	else if (op->node->kind == NODE_INSIDE)
		inside_seek(op);
	else
		op_reply_err(op, -ESPIPE);
}

void front_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t offset_in,
	struct fuse_file_info *fi_in, fuse_ino_t ino, off_t offset, struct fuse_file_info *fi,
	size_t length, int flags)
{
	struct op *op = front_begin(req, "copy_file_range", ino, fi);
	struct handle *from = (struct handle *)(uintptr_t)fi_in->fh;

	if (!op)
		return;
	if (flags || op->node->kind != NODE_INSIDE) {
		op_reply_err(op, -EOPNOTSUPP);
		return;
	}
	/* The kernel copies between sandboxes itself. */
	if (!front_second(op, ino_in))
		return;
	pthread_mutex_lock(&op->fs->lock);
	handle_ref(from);
	pthread_mutex_unlock(&op->fs->lock);
	op->h2 = from;
	op->offset = (uint64_t)offset;
	op->offset2 = (uint64_t)offset_in;
	op->length = length;
	inside_copy(op);
}
