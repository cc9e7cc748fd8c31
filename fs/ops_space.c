/* Space in files: allocated, sought, copied inside the sandbox. */
#include "fs/box.h"
#include "fs/handle.h"
#include "fs/learn.h"
#include "fs/notify.h"
#include "fs/ops.h"
#include "fs/readlate.h"
#include "fs/writer.h"

/*
 * ENOSYS would make the kernel ask no sandbox any more; by EOPNOTSUPP it, or the program, does it some
 * other way.
 */
static int refusal(int rc)
{
	return rc == -ENOSYS ? -EOPNOTSUPP : rc;
}

/* What a change of its content has come to. fs->lock not held. */
static void changed(struct op *op, const struct remote_reply *reply)
{
	struct fs *fs = op->fs;
	struct node *n = op->node;

	scoped_lock(&fs->lock);
	inside_forget_blocks(n);
	if (reply->rc == 0 && learn_attr(fs, n, &reply->attr))
		writer_settle(n, op->epoch);
	else
		node_doubt(n);
	notify_attr(fs->notifier, n->id);
}

/* fs->lock held. Why nothing can be asked on it; 0. */
static int handle_refused(const struct handle *h)
{
	if (h->open_rc < 0)
		return h->open_rc;
	return h->remote_open ? 0 : -ESTALE;
}

/* --- fallocate ----------------------------------------------------------------- */

static void allocated(struct op *op, struct remote_reply *reply)
{
	if (reply->rc == 0 && !reply->has_attr)
		reply->rc = -EBADMSG;
	changed(op, reply);
	op_reply_err(op, refusal(reply->rc));
}

static void allocate_now(struct op *op, int drained)
{
	struct remote_request rq = {
		.op = OP_FALLOCATE,
		.flags = op->flags,
		.offset = op->offset,
		.size = op->length,
	};
	int rc;

	pthread_mutex_lock(&op->fs->lock);
	rc = writer_take_error(op->h);
	if (rc == 0)
		rc = handle_refused(op->h);
	rq.handle = op->h->remote;
	op->epoch = writer_generation(op->node);
	pthread_mutex_unlock(&op->fs->lock);
	if (rc < 0)
		op_reply_err(op, rc);
	else
		op_send(op, &rq, allocated);
}

void inside_fallocate(struct op *op)
{
	pthread_mutex_lock(&op->fs->lock);
	if (!op_drain_unlock(op, op->node, allocate_now))
		allocate_now(op, 0);
}

/* --- seek ------------------------------------------------------------------------ */

/* A file without holes, as one may say of any. */
static void seek_plainly(struct op *op)
{
	struct stat st;

	pthread_mutex_lock(&op->fs->lock);
	node_stat(op->node, &st);
	pthread_mutex_unlock(&op->fs->lock);
	if (op->offset >= (uint64_t)st.st_size)
		op_reply_err(op, -ENXIO);
	else
		op_reply_seek(op, op->flags ? (uint64_t)st.st_size : op->offset);
}

static void sought(struct op *op, struct remote_reply *reply)
{
	if (reply->rc == 0)
		op_reply_seek(op, reply->offset);
	else if (refusal(reply->rc) == -EOPNOTSUPP || reply->rc == -EINVAL)
		seek_plainly(op);
	else
		op_reply_err(op, reply->rc);
}

static void seek_now(struct op *op, int rc)
{
	struct remote_request rq = { .op = OP_SEEK, .offset = op->offset, .hole = op->flags };
	bool open;

	pthread_mutex_lock(&op->fs->lock);
	if (readlate_open_unlock(op, op->h, seek_now))
		return;
	open = op->h->remote_open;
	rq.handle = op->h->remote;
	pthread_mutex_unlock(&op->fs->lock);
	if (open)
		op_send(op, &rq, sought);
	else
		seek_plainly(op);
}

void inside_seek(struct op *op)
{
	pthread_mutex_lock(&op->fs->lock);
	if (!op_drain_unlock(op, op->node, seek_now))
		seek_now(op, 0);
}

/* --- copy ------------------------------------------------------------------------- */

static void copied(struct op *op, struct remote_reply *reply)
{
	if (reply->rc == 0 && !reply->has_attr)
		reply->rc = -EBADMSG;
	changed(op, reply);
	if (reply->rc < 0)
		op_reply_err(op, refusal(reply->rc));
	else
		op_reply_write(op, reply->n);
}

static void copy_now(struct op *op, int drained)
{
	struct remote_request rq = {
		.op = OP_COPY,
		.offset = op->offset,
		.offset2 = op->offset2,
		.size = op->length,
	};
	int rc;

	pthread_mutex_lock(&op->fs->lock);
	if (readlate_open_unlock(op, op->h2, copy_now))
		return;
	rc = writer_take_error(op->h);
	if (rc == 0)
		rc = handle_refused(op->h);
	/* What it has come to is here alone: the kernel copies it. */
	if (rc == 0 && handle_refused(op->h2) < 0)
		rc = -EOPNOTSUPP;
	rq.handle = op->h->remote;
	rq.handle2 = op->h2->remote;
	op->epoch = writer_generation(op->node);
	pthread_mutex_unlock(&op->fs->lock);
	if (rc < 0)
		op_reply_err(op, rc);
	else
		op_send(op, &rq, copied);
}

static void copy_source_drained(struct op *op, int drained)
{
	pthread_mutex_lock(&op->fs->lock);
	if (!op_drain_unlock(op, op->node, copy_now))
		copy_now(op, 0);
}

void inside_copy(struct op *op)
{
	pthread_mutex_lock(&op->fs->lock);
	if (!op_drain_unlock(op, op->h2->node, copy_source_drained))
		copy_source_drained(op, 0);
}
