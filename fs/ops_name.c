/* Making, moving and taking away names in a folder of the sandbox. */
#include "common/base/clock.h"
#include "common/base/path.h"
#include "fs/box.h"
#include "fs/dircache.h"
#include "fs/handle.h"
#include "fs/learn.h"
#include "fs/making.h"
#include "fs/notify.h"
#include "fs/ops.h"
#include "fs/readlate.h"
#include "fs/writer.h"

#include <sys/sysmacros.h>

/* Its path, and nobody may join a listing asked for before the change. -errno: answered. */
static int prepare(struct op *op, struct buf *path)
{
	int rc;

	pthread_mutex_lock(&op->fs->lock);
	rc = op_path(op, true, path);
	dir_touch(op->node);
	op->epoch = op->box->links_told;
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
	n = learn_child(fs, op->node, op->name, &reply->attr, op->tellings);
	if (op->other) { /* a link: the other names count one more */
		learn_attr(fs, op->other, &reply->attr);
		learn_other_names(fs, op->other);
	}
	if (S_ISDIR(reply->attr.mode)) {
		dir_new(n, clock_now_ms() - op->sent_ms);
		making_learn(n, true); /* it is ours */
	}
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
	box_own(op->box, op->uid, op->gid, rq);
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

	if (!S_ISREG(op->mode)) {
		rq.rdev_major = major(op->rdev);
		rq.rdev_minor = minor(op->rdev);
		make(op, &rq);
	} else if (prepare(op, &path) == 0) {
		rq.op = OP_OPEN;
		rq.mode &= 07777;
		rq.flags = OPEN_WRITE | OPEN_CREATE | OPEN_EXCL;
		rq.path = buf_text(&path);
		box_own(op->box, op->uid, op->gid, &rq);
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

static void reply_rc(void *arg)
{
	struct op *op = arg;

	op_reply_err(op, op->rc);
}

/*
 * fs->lock held, and let go. Since it was sent the kernel has, maybe, attributes that are wrong now, of other
 * names of the file; the change itself may have been told before its answer.
 */
static void reply_unlock(struct op *op, int rc)
{
	bool told = op->epoch != op->box->links_told;

	pthread_mutex_unlock(&op->fs->lock);
	op->rc = rc;
	if (told)
		notify_then(op->fs->notifier, reply_rc, op);
	else
		reply_rc(op);
}

static void removed(struct op *op, struct remote_reply *reply)
{
	struct fs *fs = op->fs;
	struct node *n;

	pthread_mutex_lock(&fs->lock);
	dir_touch(op->node);
	if (reply->rc == 0 || reply->rc == -ENOENT) {
		n = node_child(&fs->nodes, op->node, op->name);
		if (n)
			learn_other_names(fs, n);
		learn_absent(fs, op->node, op->name, op->tellings);
		learn_touched(op->node);
	}
	reply_unlock(op, reply->rc);
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

/* No lock held; the name keeps its node until the answer. */
static bool keeps(struct op *op, struct node *folder, const char *name, op_step *step)
{
	struct fs *fs = op->fs;
	struct node *n;
	bool waits;

	pthread_mutex_lock(&fs->lock);
	n = node_child(&fs->nodes, folder, name);
	if (n)
		node_ref(n);
	pthread_mutex_unlock(&fs->lock);
	if (!n)
		return false;
	waits = readlate_keep(op, n, step);
	pthread_mutex_lock(&fs->lock);
	node_unref(fs, n);
	pthread_mutex_unlock(&fs->lock);
	return waits;
}

static void unlink_now(struct op *op, int drained)
{
	if (!keeps(op, op->node, op->name, unlink_now))
		remove_as(op, OP_UNLINK);
}

void inside_unlink(struct op *op)
{
	struct fs *fs = op->fs;

	pthread_mutex_lock(&fs->lock);
	if (!op_drain_unlock(op, node_child(&fs->nodes, op->node, op->name), unlink_now))
		unlink_now(op, 0);
}

static void rmdir_now(struct op *op, int rc)
{
	remove_as(op, OP_RMDIR);
}

/* What is being made in it is to be there first. */
void inside_rmdir(struct op *op)
{
	struct fs *fs = op->fs;
	struct node *n;

	pthread_mutex_lock(&fs->lock);
	n = node_child(&fs->nodes, op->node, op->name);
	if (n && making_wait_unlock(op, n, rmdir_now))
		return;
	pthread_mutex_unlock(&fs->lock);
	rmdir_now(op, 0);
}

/* fs->lock held. What is known of a name, in *ret: 1; 0: it is not there; -EAGAIN: nothing. */
static int attr_of(struct node *folder, const char *name, const struct node *n, struct attr *ret)
{
	struct item *item;
	int rc = dir_find(folder, name, &item);

	if (rc == 1)
		*ret = item->attr;
	else if (n && n->known)
		*ret = n->attr;
	return n && n->known ? 1 : rc;
}

/*
 * fs->lock held. The old name of what is a (NULL: nothing is known of it) goes; but not when both are
 * names of one file: then a rename does nothing, and neither name has gone.
 */
static void leave_name(struct op *op, const struct attr *a, const struct node *there)
{
	struct attr b;
	int rc = attr_of(op->other, op->name2, there, &b);

	if (a && rc == 1 && a->ino && a->dev == b.dev && a->ino == b.ino && !S_ISDIR(a->mode)) {
		dir_doubt(op->node, op->name);
		return;
	}
	dir_drop(op->node, op->name, op->tellings);
	if (rc < 0 && !(a && (a->nlink == 1 || S_ISDIR(a->mode))))
		dir_invalidate(op->fs, op->node);
}

/* fs->lock held. The tables in one step, so that the new name is never absent. */
static void move(struct op *op)
{
	struct fs *fs = op->fs;
	struct node *n = node_child(&fs->nodes, op->node, op->name);
	struct node *there = node_child(&fs->nodes, op->other, op->name2);
	struct attr a;
	bool known;

	if (n && n == there)
		return;
	known = attr_of(op->node, op->name, n, &a) == 1;
	leave_name(op, known ? &a : NULL, there);
	if (there)
		learn_other_names(fs, there);
	if (n)
		learn_other_names(fs, n); /* their ctime */
	if (n)
		node_move(fs, n, op->other, op->name2);
	else if (there)
		node_detach(&fs->nodes, there);
	if (!known) {
		dir_invalidate(fs, op->other);
		return;
	}
	dir_put(op->other, op->name2, &a, op->tellings);
	dir_doubt(op->other, op->name2); /* its ctime is another */
	if (n)
		node_doubt(n);
}

/* fs->lock held. Another name's file is the one that had this one; NULL: it is not known here. */
static void swap_away(struct fs *fs, struct node *n)
{
	if (!n)
		return;
	learn_other_names(fs, n); /* their ctime */
	node_detach(&fs->nodes, n);
}

static void exchange(struct op *op)
{
	struct fs *fs = op->fs;
	struct node *a = node_child(&fs->nodes, op->node, op->name);
	struct node *b = node_child(&fs->nodes, op->other, op->name2);

	swap_away(fs, a);
	swap_away(fs, b);
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
	reply_unlock(op, reply->rc);
}

static void rename_now(struct op *op, int drained)
{
	struct remote_request rq = { .op = OP_RENAME, .flags = op->flags };
	auto_buf path = BUF_INIT(1), path2 = BUF_INIT(1);
	struct node *n;
	int rc;

	if (keeps(op, op->other, op->name2, rename_now))
		return;
	pthread_mutex_lock(&op->fs->lock);
	n = node_child(&op->fs->nodes, op->node, op->name);
	rc = n ? writer_untold(n) : 0; /* what did not arrive whole replaces nothing */
	if (rc == 0)
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

/* fs->lock held, and let go. */
static void rename_unlock(struct op *op)
{
	struct node *n = node_child(&op->fs->nodes, op->node, op->name);

	if (!op_drain_unlock(op, n, rename_now))
		rename_now(op, 0);
}

static void rename_drained(struct op *op, int rc)
{
	pthread_mutex_lock(&op->fs->lock);
	rename_unlock(op);
}

/* fs->lock held. A folder takes what is being made in it along; what is being made under the new name
 * must be there to be replaced. */
static bool may_move_makes(const struct op *op)
{
	struct fs *fs = op->fs;
	struct node *n = node_child(&fs->nodes, op->node, op->name);

	return !n || !n->known || S_ISDIR(n->attr.mode) || making_is(fs, op->other, op->name2);
}

void inside_rename(struct op *op)
{
	struct fs *fs = op->fs;

	if (op->flags & ~(unsigned)(RENAME_FLAG_NOREPLACE | RENAME_FLAG_EXCHANGE)) {
		op_reply_err(op, -EINVAL);
		return;
	}
	pthread_mutex_lock(&fs->lock);
	if (!(may_move_makes(op) && making_wait_unlock(op, NULL, rename_drained)))
		rename_unlock(op);
}
