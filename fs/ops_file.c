/* Open files of the sandbox. */
#include "fs/box.h"
#include "fs/dircache.h"
#include "fs/handle.h"
#include "fs/learn.h"
#include "fs/notify.h"
#include "fs/ops.h"
#include "fs/writer.h"

#include <fcntl.h>

static uint32_t open_flags(int flags)
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

/* /proc and /sys: the size says nothing, each read is made by the kernel over there. */
static bool is_virtual(const struct node *n)
{
	const struct node *top = n;

	while (top->parent && top->parent->kind == NODE_INSIDE && top->parent->parent &&
		top->parent->parent->kind == NODE_INSIDE)
		top = top->parent;
	return strcmp(top->name, "proc") == 0 || strcmp(top->name, "sys") == 0;
}

/* fs->lock held. Its one reference is the kernel's, until release. */
static struct handle *handle_for(struct op *op, struct node *n, const struct remote_reply *reply)
{
	struct handle *h = handle_new(n);
	uint32_t flags = open_flags(op->fi.flags);
	bool empty = S_ISREG(reply->attr.mode) && reply->attr.size == 0;

	h->remote_open = true;
	h->remote = reply->handle;
	h->readable = flags & OPEN_READ;
	h->writable = flags & OPEN_WRITE;
	h->append = flags & OPEN_APPEND;
	h->direct = is_virtual(n) || (empty && !h->writable);
	h->whole = h->writable && empty;
	handle_opened(h);
	op->fi.fh = (uintptr_t)h;
	op->fi.direct_io = h->direct;
	return h;
}

/* fs->lock held. May the kernel keep the pages that it has? */
static bool pages_stand(struct node *n, const struct attr *a)
{
	struct stamp now = stamp_of(a);
	bool same = stamp_same(&n->filled, &now) && !(n->writer && n->writer->dirty);

	n->filled = now;
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

static void opened(struct op *op, struct remote_reply *reply)
{
	struct fs *fs = op->fs;
	struct node *n = op->node;
	struct stamp now;
	bool other, outdated;

	if (reply->rc == 0 && !reply->has_attr)
		reply->rc = -EBADMSG;
	if (reply->rc < 0) {
		op_reply_err(op, reply->rc);
		return;
	}
	box_learn_far(op->box);
	pthread_mutex_lock(&fs->lock);
	other = !learn_attr(fs, n, &reply->attr);
	if (other) {
		node_detach(&fs->nodes,
			n); /* the name is another file's: the kernel looks it up again */
	} else {
		if (op->fi.flags & O_TRUNC)
			writer_settle(n, op->epoch);
		handle_for(op, n, reply);
		op->fi.keep_cache = pages_stand(n, &reply->attr);
	}
	now = stamp_of(&reply->attr);
	outdated = n->shown_ms > 0 && !stamp_same(&n->shown, &now);
	pthread_mutex_unlock(&fs->lock);
	if (other) {
		close_again(op, reply->handle);
		op_reply_err(op, -ESTALE);
	} else if (outdated) { /* the kernel would cut reads at the size that it knows */
		notify_attr(fs->notifier, n->id);
		notify_then(fs->notifier, reply_open, op);
	} else {
		reply_open(op);
	}
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

static void open_now(struct op *op, int drained)
{
	struct remote_request rq = { .op = OP_OPEN, .flags = open_flags(op->fi.flags) };
	auto_buf path = BUF_INIT(1);
	int rc;

	pthread_mutex_lock(&op->fs->lock);
	op->epoch = writer_generation(op->node);
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

void inside_open(struct op *op)
{
	struct node *n = op->node;

	pthread_mutex_lock(&op->fs->lock);
	if (!op_drain_unlock(op, op->fi.flags & O_TRUNC ? n : NULL, open_now))
		open_now(op, 0);
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
	n = learn_child(fs, op->node, op->name, &reply->attr);
	h = handle_for(op, n, reply);
	op->fi.direct_io = h->direct = is_virtual(n);
	pages_stand(n, &reply->attr);
	learn_show_entry(fs, n, false, &e);
	pthread_mutex_unlock(&fs->lock);
	if (!op_reply_create(op, n, &e)) {
		pthread_mutex_lock(&fs->lock);
		handle_release(h);
		pthread_mutex_unlock(&fs->lock);
		handle_unref_unlocked(fs, h);
	}
}

void inside_create(struct op *op)
{
	struct remote_request rq = {
		.op = OP_OPEN,
		.flags = open_flags(op->fi.flags) | OPEN_CREATE,
		.mode = op->mode & 07777,
	};
	auto_buf path = BUF_INIT(1);
	int rc;

	if (op->fi.flags & O_EXCL)
		rq.flags |= OPEN_EXCL;
	pthread_mutex_lock(&op->fs->lock);
	rc = op_path(op, true, &path);
	dir_touch(op->node);
	pthread_mutex_unlock(&op->fs->lock);
	rq.path = buf_text(&path);
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

/* --- settling ------------------------------------------------------------- */

/* The handle's failure is given back to one who hears it: who was signalled has had his answer. */
static void reply_settled(struct op *op, int rc)
{
	if (op_claim(op)) {
		int failed;

		pthread_mutex_lock(&op->fs->lock);
		failed = writer_take_error(op->h);
		pthread_mutex_unlock(&op->fs->lock);
		fuse_reply_err(op->req, fs_errno(failed < 0 ? failed : rc));
	}
	op_unref(op);
}

/* fs->lock not held. Both halves of a flush come here: the writes and the new attributes. */
static void flush_part(struct op *op)
{
	bool both;

	pthread_mutex_lock(&op->fs->lock);
	both = --op->size == 0;
	pthread_mutex_unlock(&op->fs->lock);
	if (both)
		reply_settled(op, 0);
	else
		op_unref(op);
}

static void flush_drained(struct op *op, int rc)
{
	flush_part(op);
}

static void flush_stat(struct op *op, struct remote_reply *reply)
{
	struct fs *fs = op->fs;
	struct op *flush = op->owner;
	struct node *n = op->node;

	pthread_mutex_lock(&fs->lock);
	if (reply->rc == 0 && reply->has_attr && writer_generation(n) == op->epoch &&
		!writer_pending(n) && reply->attr.size == n->writer->size &&
		learn_attr(fs, n, &reply->attr)) {
		writer_settle(n, op->epoch);
		if (op->h->whole) /* the pages in the kernel are what was written */
			n->filled = stamp_of(&reply->attr);
	}
	pthread_mutex_unlock(&fs->lock);
	flush_part(flush);
	op_unref(op);
}

/*
 * The attributes are asked for right behind the last write, without waiting for it: answered in
 * order they are true; a far end that answers out of order is caught by the size or by what pends.
 */
static void send_flush_stat(struct op *flush, unsigned generation)
{
	struct remote_request rq = { .op = OP_FSTAT, .handle = flush->h->remote };
	struct op *op = op_new(flush->fs, NULL, "flush", flush->node->id, &flush->fi);

	op->owner = flush;
	op->epoch = generation;
	op_send(op, &rq, flush_stat);
}

static void flush_all(struct op *op)
{
	struct fs *fs = op->fs;
	unsigned generation;
	bool wait;

	pthread_mutex_lock(&fs->lock);
	op->size = 2;
	op->step = flush_drained;
	op_ref(op); /* one for each half */
	op_ref(op); /* ours */
	generation = writer_generation(op->node);
	wait = writer_drain(op->node, op);
	pthread_mutex_unlock(&fs->lock);
	op_arm(op, false);
	writer_push(fs, op->node, true);
	send_flush_stat(op, generation);
	if (!wait)
		flush_part(op);
	op_unref(op);
}

void inside_flush(struct op *op)
{
	struct node *n = op->node;
	bool clean;
	int rc;

	pthread_mutex_lock(&op->fs->lock);
	clean = !op->h->writable || !n->writer || (!writer_pending(n) && !n->writer->dirty);
	rc = clean ? writer_take_error(op->h) : 0;
	pthread_mutex_unlock(&op->fs->lock);
	if (clean)
		op_reply_err(op, rc);
	else
		flush_all(op);
}

static void synced(struct op *op, struct remote_reply *reply)
{
	reply_settled(op, reply->rc);
}

static void sync_now(struct op *op, int drained)
{
	struct remote_request rq = { .op = OP_FSYNC, .handle = op->h->remote };

	op_send(op, &rq, synced);
}

void inside_fsync(struct op *op)
{
	pthread_mutex_lock(&op->fs->lock);
	if (!op_drain_unlock(op, op->node, sync_now))
		sync_now(op, 0);
}

void inside_release(struct op *op)
{
	struct fs *fs = op->fs;
	struct node *n = op->node;

	pthread_mutex_lock(&fs->lock);
	handle_release(op->h);
	node_ref(n);
	pthread_mutex_unlock(&fs->lock);
	op_reply_err(op, 0);
	writer_push(fs, n, true); /* mapped pages may have come after the flush */
	pthread_mutex_lock(&fs->lock);
	node_unref(fs, n);
	pthread_mutex_unlock(&fs->lock);
}
