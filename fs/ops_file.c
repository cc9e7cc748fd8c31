/* Open files of the sandbox. */
#include "common/base/clock.h"
#include "fs/ahead.h"
#include "fs/box.h"
#include "fs/dircache.h"
#include "fs/handle.h"
#include "fs/learn.h"
#include "fs/making.h"
#include "fs/notify.h"
#include "fs/ops.h"
#include "fs/writer.h"

#include <fcntl.h>

uint32_t inside_open_flags(int flags)
{
	uint32_t f = 0;

	if ((flags & O_ACCMODE) != O_WRONLY)
		f |= OPEN_READ;
	if ((flags & O_ACCMODE) != O_RDONLY)
		f |= OPEN_WRITE;
	if (flags & O_APPEND)
		f |= OPEN_APPEND;
	if (flags & O_TRUNC)
		f |= OPEN_TRUNC;
	return f;
}

struct handle *inside_handle_for(struct op *op, struct node *n, const struct remote_reply *reply)
{
	struct handle *h = handle_new(n);
	uint32_t flags = inside_open_flags(op->fi.flags);
	bool empty = S_ISREG(reply->attr.mode) && reply->attr.size == 0;

	h->remote_open = true;
	h->remote = reply->handle;
	h->readable = flags & OPEN_READ;
	h->writable = flags & OPEN_WRITE;
	h->append = flags & OPEN_APPEND;
	h->direct = node_is_virtual(n) || (empty && !h->writable);
	h->whole = h->writable && empty;
	handle_opened(h);
	op->fi.fh = (uintptr_t)h;
	op->fi.direct_io = h->direct;
	op->fi.noflush = !h->writable;
	return h;
}

/* fs->lock held. May the kernel keep the pages that it has? */
static bool pages_stand(struct node *n, const struct attr *a)
{
	struct stamp now = stamp_of(a);
	bool same = stamp_same(&n->filled, &now) && !(n->writer && n->writer->dirty);

	n->filled = now;
	n->may_read = n->may_read && same;
	return same;
}

static void close_again(struct op *op, uint64_t handle);

static void reply_open(void *arg)
{
	struct op *op = arg;
	struct fs *fs = op->fs;
	struct handle *h = (struct handle *)(uintptr_t)op->fi.fh;

	if (!op_reply_open(op)) {
		pthread_mutex_lock(&fs->lock);
		handle_release(h);
		pthread_mutex_unlock(&fs->lock);
		handle_unref_unlocked(fs, h);
	}
}

/* local: no file is open at the far end, its content is here. */
static void finish_open(struct op *op, struct remote_reply *reply, bool local)
{
	struct fs *fs = op->fs;
	struct node *n = op->node;
	struct handle *h;
	struct stamp now;
	bool other, outdated;

	pthread_mutex_lock(&fs->lock);
	other = !local && learn_or_detach(fs, n, &reply->attr) < 0;
	if (!other) {
		if (op->fi.flags & O_TRUNC)
			writer_settle(n, op->epoch);
		h = inside_handle_for(op, n, reply);
		h->local = local;
		h->remote_open = !local;
		op->fi.keep_cache = pages_stand(n, &reply->attr);
		n->may_read = n->may_read || h->readable;
	}
	now = stamp_of(&reply->attr);
	if (!other && reply->has_ahead && !h->direct)
		reader_begin(h, reply, op->size, op->epoch);
	outdated = n->shown_ms > 0 && !stamp_same(&n->shown, &now);
	pthread_mutex_unlock(&fs->lock);
	if (other) {
		close_again(op, reply->handle);
		op_reply_err(op, -ESTALE); /* the kernel looks it up again */
	} else if (outdated) { /* the kernel would cut reads at the size that it knows */
		notify_attr(fs->notifier, n->id);
		notify_then(fs->notifier, reply_open, op);
	} else {
		reply_open(op);
	}
}

static void opened(struct op *op, struct remote_reply *reply)
{
	if (reply->rc == 0 && !reply->has_attr)
		reply->rc = -EBADMSG;
	if (reply->rc == -ENOENT) { /* the kernel looks again, and makes it where that is wanted */
		pthread_mutex_lock(&op->fs->lock);
		if (!op->node->gone)
			learn_absent(op->fs, op->node->parent, op->node->name, op->tellings);
		pthread_mutex_unlock(&op->fs->lock);
		reply->rc = -ESTALE;
	}
	if (reply->rc < 0) {
		op_reply_err(op, reply->rc);
		return;
	}
	box_learn_far(op->box);
	finish_open(op, reply, false);
}

static void forgotten(struct op *op, struct remote_reply *reply)
{
	op_unref(op);
}

static void close_again(struct op *op, uint64_t handle)
{
	struct remote_request rq = { .op = OP_CLOSE, .handle = handle };

	op_send(op_new(op->fs, NULL, "close", op->node->id, NULL), &rq, forgotten);
}

/* fs->lock held. Not when the kernel may have the pages already, nor what is made as it is read. */
static size_t first_bytes(struct op *op)
{
	const struct node *n = op->node;
	struct stamp now = stamp_of(&n->attr);

	if (!n->known || n->attr.size == 0 || (op->fi.flags & (O_ACCMODE | O_TRUNC)) != O_RDONLY)
		return 0;
	if (stamp_same(&n->filled, &now) || node_is_virtual(n))
		return 0;
	return reader_first(n->attr.size, box_max(n->box));
}

static void open_far(struct op *op, struct batch *batch)
{
	struct remote_request rq = { .op = OP_OPEN, .flags = inside_open_flags(op->fi.flags) };
	auto_buf path = BUF_INIT(1);
	int rc;

	pthread_mutex_lock(&op->fs->lock);
	op->epoch = writer_generation(op->node);
	op->size = rq.size = first_bytes(op);
	if (op->size)
		ahead_missed(op->node, batch);
	rc = node_path(op->node, &path);
	if (rc == 0 && (op->fi.flags & O_TRUNC))
		dir_touch(op->node->parent);
	pthread_mutex_unlock(&op->fs->lock);
	rq.path = buf_text(&path);
	if (rc < 0)
		op_reply_err(op, rc);
	else
		op_send(op, &rq, opened);
}

/*
 * fs->lock held. It was opened for reading before, is told to be the same since, and the kernel has its
 * pages, or most: the far end has nothing to say.
 */
static bool stands(const struct op *op)
{
	const struct node *n = op->node;
	struct stamp now = stamp_of(&n->attr);

	return (op->fi.flags & (O_ACCMODE | O_TRUNC)) == O_RDONLY && n->may_read && n->attr.size &&
	       stamp_same(&n->filled, &now) && !writer_dirty(n) && !node_is_virtual(n) &&
	       clock_now_ms() < dir_attr_until(n);
}

/* From memory if it was asked for ahead or stands; else the far end opens it. */
static void open_now(struct op *op, int rc)
{
	struct remote_reply has = { 0 };
	struct batch batch = { 0 };
	struct fs *fs = op->fs;
	enum ahead_open from;

	op_ref(op);
	pthread_mutex_lock(&fs->lock);
	op->step = open_now;
	op->epoch = writer_generation(op->node);
	from = ahead_open(op, &has, &op->size, &batch);
	if (from == AHEAD_NONE && stands(op)) {
		has = (struct remote_reply){ .has_attr = true, .attr = op->node->attr };
		from = AHEAD_HAS;
	}
	pthread_mutex_unlock(&fs->lock);
	if (from == AHEAD_WAIT)
		op_arm(op, false);
	else if (from == AHEAD_HAS)
		finish_open(op, &has, true);
	else
		open_far(op, &batch);
	op_unref(op);
	batch_send(fs, &batch);
	remote_reply_fini(&has);
}

void inside_open(struct op *op)
{
	struct node *n = op->node;

	pthread_mutex_lock(&op->fs->lock);
	if (!op_drain_unlock(op, n->making || (op->fi.flags & O_TRUNC) ? n : NULL, open_now))
		open_now(op, 0);
}

void inside_reply_create(
	struct op *op, struct node *n, struct handle *h, const struct fuse_entry_param *e)
{
	struct fs *fs = op->fs;

	if (!op_reply_create(op, n, e)) {
		pthread_mutex_lock(&fs->lock);
		handle_release(h);
		pthread_mutex_unlock(&fs->lock);
		handle_unref_unlocked(fs, h);
	}
}

static void created(struct op *op, struct remote_reply *reply)
{
	struct fs *fs = op->fs;
	struct fuse_entry_param e;
	struct handle *h;
	struct node *n;

	if (reply->rc == 0 && !reply->has_attr)
		reply->rc = -EBADMSG;
	if (reply->rc < 0) {
		op_reply_err(op, reply->rc);
		return;
	}
	box_learn_far(op->box);
	pthread_mutex_lock(&fs->lock);
	dir_touch(op->node);
	learn_touched(op->node);
	making_learn(op->node, true);
	n = learn_child(fs, op->node, op->name, &reply->attr, op->tellings);
	h = inside_handle_for(op, n, reply);
	handle_changed(h, op);
	op->fi.direct_io = h->direct = node_is_virtual(n);
	pages_stand(n, &reply->attr);
	learn_show_entry(fs, n, false, &e);
	pthread_mutex_unlock(&fs->lock);
	inside_reply_create(op, n, h, &e);
}

void inside_create(struct op *op)
{
	struct remote_request rq = {
		.op = OP_OPEN,
		.flags = inside_open_flags(op->fi.flags) | OPEN_CREATE,
		.mode = op->mode & 07777,
	};
	auto_buf path = BUF_INIT(1);
	int rc;

	if (making_create(op))
		return;
	if (op->fi.flags & O_EXCL)
		rq.flags |= OPEN_EXCL;
	pthread_mutex_lock(&op->fs->lock);
	rc = op_path(op, true, &path);
	dir_touch(op->node);
	pthread_mutex_unlock(&op->fs->lock);
	rq.path = buf_text(&path);
	box_own(op->box, op->uid, op->gid, &rq);
	if (rc < 0)
		op_reply_err(op, rc);
	else
		op_send(op, &rq, created);
}

/* --- reading -------------------------------------------------------------- */

static void direct_read(struct op *op, struct remote_reply *reply)
{
	if (reply->rc < 0) {
		op_reply_err(op, reply->rc);
		return;
	}
	op_reply_buf(op, reply->data, reply->n < op->size ? reply->n : op->size);
}

static void read_now(struct op *op, int drained)
{
	size_t max = box_max(op->box);
	struct remote_request rq = {
		.op = OP_READ,
		.handle = op->h->remote,
		.offset = op->offset,
		.size = op->size < max ? op->size : max,
	};

	if (op->h->direct)
		op_send(op, &rq, direct_read);
	else
		reader_read(op);
}

void inside_read(struct op *op)
{
	int rc = op_refused(op);

	if (rc < 0) {
		op_reply_err(op, rc);
		return;
	}
	pthread_mutex_lock(&op->fs->lock);
	if (!op_drain_unlock(op, op->node, read_now))
		read_now(op, 0);
}
