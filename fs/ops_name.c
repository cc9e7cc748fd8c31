/* Making, moving and taking away names in a folder of the sandbox. */
#include "common/base/clock.h"
#include "common/base/path.h"
#include "fs/box.h"
#include "fs/dircache.h"
#include "fs/handle.h"
#include "fs/learn.h"
#include "fs/notify.h"
#include "fs/ops.h"
#include "fs/writer.h"

/* Its path, and nobody may join a listing asked for before the change. -errno: answered. */
static int prepare(struct op *op, struct buf *path)
{
	int rc;

	pthread_mutex_lock(&op->fs->lock);
	rc = op_path(op, true, path);
	dir_touch(op->node);
	pthread_mutex_unlock(&op->fs->lock);
	if (rc < 0)
		op_reply_err(op, rc);
	return rc;
}

static void reply_made(void *arg)
{
	struct op *op = arg;

	op_reply_entry(op, op->made, &op->entry);
}

static void made(struct op *op, struct remote_reply *reply)
{
	struct fs *fs = op->fs;
	struct node *n;

	if (reply->rc == 0 && !reply->has_attr)
		reply->rc = -EBADMSG;
	pthread_mutex_lock(&fs->lock);
	dir_touch(op->node);
	if (reply->rc < 0) {
		if (reply->rc == -EEXIST || reply->rc == -ENOENT)
			dir_invalidate(fs, op->node); /* the listing knew otherwise */
		pthread_mutex_unlock(&fs->lock);
		op_reply_err(op, reply->rc);
		return;
	}
	learn_touched(op->node);
	n = learn_child(fs, op->node, op->name, &reply->attr);
	if (op->other) /* a link: the other name counts one more */
		learn_attr(fs, op->other, &reply->attr);
	if (S_ISDIR(reply->attr.mode))
		dir_new(n, clock_now_ms() - op->sent_ms);
	learn_show_entry(fs, n, false, &op->entry);
	op->made = n;
	pthread_mutex_unlock(&fs->lock);
	if (op->other) { /* the kernel takes both names for one inode, and keeps the old count */
		notify_attr(fs->notifier, op->other->id);
		notify_then(fs->notifier, reply_made, op);
	} else {
		reply_made(op);
	}
}

static void make(struct op *op, struct remote_request *rq)
{
	auto_buf path = BUF_INIT(1);

	if (prepare(op, &path) < 0)
		return;
	rq->path = buf_text(&path);
	op_send(op, rq, made);
}

void inside_mkdir(struct op *op)
{
	struct remote_request rq = { .op = OP_MKDIR, .mode = op->mode & 07777 };

	make(op, &rq);
}

void inside_symlink(struct op *op)
{
	struct remote_request rq = { .op = OP_SYMLINK, .path2 = op->name2 };

	make(op, &rq);
}

static void forgotten(struct op *op, struct remote_reply *reply)
{
	op_unref(op);
}

/* mknod of a regular file is an open that is closed again. */
static void file_made(struct op *op, struct remote_reply *reply)
{
	struct remote_request rq = { .op = OP_CLOSE, .handle = reply->handle };

	if (reply->rc == 0)
		op_send(op_new(op->fs, NULL, "close", op->node->id, NULL), &rq, forgotten);
	made(op, reply);
}

void inside_mknod(struct op *op)
{
	struct remote_request rq = { .op = OP_MKNOD, .mode = op->mode & (S_IFMT | 07777) };
	auto_buf path = BUF_INIT(1);

	if (S_ISFIFO(op->mode) || S_ISSOCK(op->mode)) {
		make(op, &rq);
	} else if (!S_ISREG(op->mode)) {
		op_reply_err(op, -EPERM);
	} else if (prepare(op, &path) == 0) {
		rq.op = OP_OPEN;
		rq.mode &= 07777;
		rq.flags = OPEN_WRITE | OPEN_CREATE | OPEN_EXCL;
		rq.path = buf_text(&path);
		op_send(op, &rq, file_made);
	}
}

static void link_now(struct op *op, int drained)
{
	struct remote_request rq = { .op = OP_LINK };
	auto_buf path = BUF_INIT(1), old = BUF_INIT(1);
	int rc;

	pthread_mutex_lock(&op->fs->lock);
	rc = node_path(op->other, &old);
	pthread_mutex_unlock(&op->fs->lock);
	if (rc < 0) {
		op_reply_err(op, rc);
		return;
	}
	if (prepare(op, &path) < 0)
		return;
	rq.path = buf_text(&old);
	rq.path2 = buf_text(&path);
	op_send(op, &rq, made);
}

void inside_link(struct op *op)
{
	pthread_mutex_lock(&op->fs->lock);
	if (!op_drain_unlock(op, op->other, link_now))
		link_now(op, 0);
}

/* fs->lock held. Other names of the file count one less now. */
static void doubt_links(struct fs *fs, const struct node *gone)
{
	struct node *n, *next;

	HASH_ITER(by_id, fs->nodes.by_id, n, next)
	{
		if (n == gone || n->box != gone->box || !n->known ||
			n->attr.ino != gone->attr.ino || n->attr.dev != gone->attr.dev)
			continue;
		node_doubt(n);
		notify_attr(fs->notifier, n->id);
		if (!n->gone && n->parent->kind == NODE_INSIDE)
			dir_doubt(n->parent, n->name);
	}
}

static void removed(struct op *op, struct remote_reply *reply)
{
	struct fs *fs = op->fs;
	struct node *n;

	pthread_mutex_lock(&fs->lock);
	dir_touch(op->node);
	if (reply->rc == 0 || reply->rc == -ENOENT) {
		n = node_child(&fs->nodes, op->node, op->name);
		if (n && n->attr.nlink > 1 && !S_ISDIR(n->attr.mode))
			doubt_links(fs, n);
		learn_absent(fs, op->node, op->name);
		learn_touched(op->node);
	}
	pthread_mutex_unlock(&fs->lock);
	op_reply_err(op, reply->rc);
}

static void remove_as(struct op *op, enum remote_op what)
{
	struct remote_request rq = { .op = what };
	auto_buf path = BUF_INIT(1);

	if (prepare(op, &path) < 0)
		return;
	rq.path = buf_text(&path);
	op_send(op, &rq, removed);
}

static void unlink_now(struct op *op, int drained)
{
	remove_as(op, OP_UNLINK);
}

void inside_unlink(struct op *op)
{
	struct fs *fs = op->fs;

	pthread_mutex_lock(&fs->lock);
	if (!op_drain_unlock(op, node_child(&fs->nodes, op->node, op->name), unlink_now))
		unlink_now(op, 0);
}

void inside_rmdir(struct op *op)
{
	remove_as(op, OP_RMDIR);
}

/* fs->lock held. The tables in one step, so that the new name is never absent. */
static void move(struct op *op)
{
	struct fs *fs = op->fs;
	struct node *n = node_child(&fs->nodes, op->node, op->name);
	struct node *there = node_child(&fs->nodes, op->other, op->name2);
	struct item *item = NULL;
	struct attr a;
	bool known = dir_find(op->node, op->name, &item) == 1;

	if (n && n == there)
		return;
	if (known)
		a = item->attr;
	else if (n && n->known)
		a = n->attr;
	known = known || (n && n->known);
	dir_drop(op->node, op->name);
	if (there && there->attr.nlink > 1 && !S_ISDIR(there->attr.mode))
		doubt_links(fs, there);
	if (n)
		node_move(fs, n, op->other, op->name2);
	else if (there)
		node_detach(&fs->nodes, there);
	if (!known) {
		dir_invalidate(fs, op->other);
		return;
	}
	dir_put(op->other, op->name2, &a);
	dir_doubt(op->other, op->name2); /* its ctime is another */
	if (n)
		node_doubt(n);
}

static void exchange(struct op *op)
{
	struct fs *fs = op->fs;
	struct node *a = node_child(&fs->nodes, op->node, op->name);
	struct node *b = node_child(&fs->nodes, op->other, op->name2);

	if (a)
		node_detach(&fs->nodes, a);
	if (b)
		node_detach(&fs->nodes, b);
	dir_invalidate(fs, op->node);
	dir_invalidate(fs, op->other);
}

static void renamed(struct op *op, struct remote_reply *reply)
{
	struct fs *fs = op->fs;

	pthread_mutex_lock(&fs->lock);
	dir_touch(op->node);
	dir_touch(op->other);
	if (reply->rc == 0) {
		if (op->flags & RENAME_FLAG_EXCHANGE)
			exchange(op);
		else
			move(op);
		learn_touched(op->node);
		learn_touched(op->other);
	} else {
		dir_invalidate(fs, op->node);
		dir_invalidate(fs, op->other);
	}
	pthread_mutex_unlock(&fs->lock);
	op_reply_err(op, reply->rc);
}

static void rename_now(struct op *op, int drained)
{
	struct remote_request rq = { .op = OP_RENAME, .flags = op->flags };
	auto_buf path = BUF_INIT(1), path2 = BUF_INIT(1);
	int rc;

	pthread_mutex_lock(&op->fs->lock);
	rc = node_path_of(op->other, op->name2, &path2);
	dir_touch(op->other);
	pthread_mutex_unlock(&op->fs->lock);
	if (rc < 0) {
		op_reply_err(op, rc);
		return;
	}
	if (prepare(op, &path) < 0)
		return;
	rq.path = buf_text(&path);
	rq.path2 = buf_text(&path2);
	op_send(op, &rq, renamed);
}

void inside_rename(struct op *op)
{
	struct fs *fs = op->fs;

	if (op->flags & ~(unsigned)(RENAME_FLAG_NOREPLACE | RENAME_FLAG_EXCHANGE)) {
		op_reply_err(op, -EINVAL);
		return;
	}
	pthread_mutex_lock(&fs->lock);
	if (!op_drain_unlock(op, node_child(&fs->nodes, op->node, op->name), rename_now))
		rename_now(op, 0);
}
