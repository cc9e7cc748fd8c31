#include "fs/readlate.h"

#include "fs/box.h"
#include "fs/fs.h"
#include "fs/handle.h"
#include "fs/op.h"
#include "fs/piece.h"
#include "fs/writer.h"

#include <utlist.h>

static bool fits(const struct handle *h)
{
	struct stamp stamp = stamp_of(&h->node->attr);

	return h->reader.generation == writer_generation(h->node) &&
	       stamp_same(&h->reader.stamp, &stamp);
}

/* fs->lock held. The content that the open had answers the read, and still stands for the file. */
static bool answers(struct handle *h, const struct op *op)
{
	struct piece *p = piece_find(&h->reader, op->offset);

	return p && p->ready && (h->reader.orphan || (fits(h) && !piece_is_old(p))) &&
	       (piece_is_short(p) || op->offset + op->size <= piece_end(p));
}

static void closed(struct op *op, struct remote_reply *reply)
{
	op_unref(op);
}

/* fs->lock held. Who has the name now may be another file: then what is held stays right. */
static void take_open(struct op *op, struct remote_reply *reply)
{
	struct handle *h = op->h;
	const struct attr *a = &h->node->attr;

	h->reader.opening = false;
	h->reader.tried = true;
	h->remote_open = reply->rc == 0 && reply->has_attr && reply->attr.ino == a->ino &&
			 reply->attr.dev == a->dev && !h->node->gone;
	h->reader.orphan =
		!h->remote_open && (reply->rc == 0 || reply->rc == -ENOENT || reply->rc == -ESTALE);
	if (!h->remote_open)
		return;
	h->remote = reply->handle;
	if (reply->has_ahead && !h->reader.pieces)
		reader_begin(h, reply, op->size, op->epoch);
}

static void opened_late(struct op *op, struct remote_reply *reply)
{
	struct remote_request rq = { .op = OP_CLOSE, .handle = reply->handle };
	struct fs *fs = op->fs;
	struct op *late;
	bool ours, orphan;

	pthread_mutex_lock(&fs->lock);
	take_open(op, reply);
	late = take_ptr(op->h->reader.late);
	ours = op->h->remote_open;
	orphan = op->h->reader.orphan;
	pthread_mutex_unlock(&fs->lock);
	if (reply->rc == 0 && !ours)
		op_send(op_new(fs, NULL, "close", op->node->id, NULL), &rq, closed);
	op_resume_all(late, ours || orphan ? 0 : reply->rc);
	op_unref(op);
}

static void read_late(struct op *op, int rc)
{
	if (rc < 0)
		op_reply_err(op, rc);
	else
		reader_read(op);
}

/* No lock held. fi: of any request on it. */
static void open_late(struct fs *fs, uint64_t node, const struct fuse_file_info *fi)
{
	struct remote_request rq = { .op = OP_OPEN, .flags = OPEN_READ };
	struct op *op = op_new(fs, NULL, "open-late", node, fi);
	struct remote_reply reply = { 0 };
	auto_buf path = BUF_INIT(1);

	pthread_mutex_lock(&fs->lock);
	op->epoch = writer_generation(op->node);
	op->size = rq.size = reader_first(op->node->attr.size, box_max(op->box));
	reply.rc = node_path(op->node, &path);
	pthread_mutex_unlock(&fs->lock);
	rq.path = buf_text(&path);
	if (reply.rc < 0)
		opened_late(op, &reply);
	else
		op_send(op, &rq, opened_late);
}

bool readlate_read(struct op *op)
{
	struct handle *h = op->h;
	struct reader *r = &h->reader;
	bool orphan, first;

	pthread_mutex_lock(&op->fs->lock);
	if (!h->local || h->remote_open || answers(h, op)) {
		pthread_mutex_unlock(&op->fs->lock);
		return false;
	}
	orphan = r->orphan;
	first = !orphan && !r->opening;
	if (!orphan) {
		r->opening = true;
		op->step = read_late;
		op_ref(op);
		DL_APPEND(r->late, op);
	}
	pthread_mutex_unlock(&op->fs->lock);
	if (orphan) {
		op_reply_err(op, -ESTALE);
		return true;
	}
	op_arm(op, false);
	if (first)
		open_late(op->fs, op->h->node->id, &op->fi);
	op_unref(op);
	return true;
}

static bool is_whole(const struct handle *h)
{
	return h->reader.pieces && fits(h);
}

/* fs->lock held */
static struct handle *to_keep(struct node *n)
{
	struct handle *h;

	DL_FOREACH(n->handles, h)
	{
		if (h->local && !h->remote_open && !h->reader.tried && !is_whole(h))
			return h;
	}
	return NULL;
}

/* fs->lock held, and let go. */
static void wait_for_open_unlock(
	struct op *op, struct handle *h, void (*step)(struct op *op, int rc))
{
	struct fs *fs = op->fs;
	struct fuse_file_info fi = { .fh = (uintptr_t)h };
	uint64_t id = h->node->id;
	bool first = !h->reader.opening;

	h->reader.opening = true;
	handle_ref(h);
	op->step = step;
	op_ref(op);
	DL_APPEND(h->reader.late, op);
	pthread_mutex_unlock(&fs->lock);
	op_arm(op, false);
	if (first)
		open_late(fs, id, &fi);
	handle_unref_unlocked(fs, h);
	op_unref(op);
}

bool readlate_keep(struct op *op, struct node *n, void (*step)(struct op *op, int rc))
{
	struct handle *h;

	pthread_mutex_lock(&op->fs->lock);
	h = n ? to_keep(n) : NULL;
	if (h)
		wait_for_open_unlock(op, h, step);
	else
		pthread_mutex_unlock(&op->fs->lock);
	return h;
}

bool readlate_open_unlock(struct op *op, struct handle *h, void (*step)(struct op *op, int rc))
{
	if (!h->local || h->remote_open || h->reader.tried)
		return false;
	wait_for_open_unlock(op, h, step);
	return true;
}
