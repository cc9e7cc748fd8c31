#include "fs/input.h"

#include "fs/notify.h"

#include <poll.h>
#include <utlist.h>

void input_init(struct input *in, const struct input_ops *ops, void *arg)
{
	*in = (struct input){ .ops = ops, .arg = arg };
	pthread_mutex_init(&in->lock, NULL);
}

void input_fini(struct input *in)
{
	pthread_mutex_destroy(&in->lock);
}

/* lock held */
static void wake_pollers(struct fs *fs, struct input *in)
{
	struct input_writer *w;

	DL_FOREACH(in->writers, w)
	{
		if (w->poll)
			notify_poll(fs->notifier, take_ptr(w->poll));
	}
}

/* lock held. The next write that goes on, with what it may send already taken from the credit. */
static struct op *next_to_go(struct input *in)
{
	struct op *op = in->credit > 0 ? in->waits : NULL;

	if (!op)
		return NULL;
	DL_DELETE(in->waits, op);
	op->where = NULL;
	if (op->size > in->credit)
		op->size = in->credit; /* a partial write: the caller goes on */
	in->credit -= op->size;
	return op;
}

/* A write that was interrupted meanwhile sends nothing. */
static size_t send_one(struct input *in, struct op *op)
{
	size_t n = op->size;
	int rc;

	if (!op_claim(op)) {
		op_unref(op);
		return n;
	}
	rc = in->ops->send(in->arg, op->name, n);
	op_said(op, rc, rc == 0 ? n : 0);
	if (rc == -EPIPE)
		op->said = EPIPE;
	if (rc == 0)
		fuse_reply_write(op->req, n);
	else
		fuse_reply_err(op->req, rc == -EPIPE ? EPIPE : fs_errno(rc));
	op_unref(op);
	return rc == 0 ? 0 : n;
}

/* Sends what waits, as far as the credit goes. */
static void feed(struct fs *fs, struct input *in)
{
	struct op *op;

	if (in->ops->ready && !in->ops->ready(in->arg))
		return;
	pthread_mutex_lock(&in->lock);
	while ((op = next_to_go(in))) {
		size_t left;

		pthread_mutex_unlock(&in->lock);
		left = send_one(in, op);
		pthread_mutex_lock(&in->lock);
		in->credit += left;
	}
	if (in->credit > 0)
		wake_pollers(fs, in);
	pthread_mutex_unlock(&in->lock);
}

static void fail(struct op *op)
{
	if (op_claim(op)) {
		op->said = EPIPE; /* as any pipe says */
		fuse_reply_err(op->req, EPIPE);
	}
	op_unref(op);
}

static void cancel(struct op *op)
{
	struct input *in = op->owner;
	bool waiting;

	pthread_mutex_lock(&in->lock);
	waiting = op->where != NULL;
	if (waiting)
		DL_DELETE(in->waits, op);
	op->where = NULL;
	pthread_mutex_unlock(&in->lock);
	if (waiting)
		op_unref(op);
}

static void wait_in(struct input *in, struct op *op, const char *bytes)
{
	if (op->size > INPUT_WRITE_MAX)
		op->size = INPUT_WRITE_MAX;
	op->name = xmalloc(op->size ? op->size : 1);
	memcpy(op->name, bytes, op->size);
	op->owner = in;
	op->where = op;
	op->cancel = cancel;
	DL_APPEND(in->waits, op);
}

void input_write(struct input *in, struct op *op, const char *bytes, bool nonblock)
{
	bool ended, full;

	op_ref(op);
	pthread_mutex_lock(&in->lock);
	ended = in->ended;
	full = nonblock && (in->credit == 0 || in->waits);
	if (!ended && !full)
		wait_in(in, op, bytes);
	pthread_mutex_unlock(&in->lock);
	if (ended) {
		fail(op);
	} else if (full) {
		op_reply_err(op, -EAGAIN);
	} else {
		feed(op->fs, in);
		op_arm_waiting(op);
	}
	op_unref(op);
}

bool input_ended(struct input *in)
{
	scoped_lock(&in->lock);
	return in->ended;
}

void input_open(struct input *in, struct input_writer *w)
{
	scoped_lock(&in->lock);
	DL_APPEND(in->writers, w);
}

/* lock held */
static bool end_once(struct input *in)
{
	bool first = !in->ended;

	in->ended = true;
	return first;
}

void input_close(struct input *in, struct input_writer *w)
{
	bool last;

	pthread_mutex_lock(&in->lock);
	DL_DELETE(in->writers, w);
	if (w->poll)
		fuse_pollhandle_destroy(take_ptr(w->poll));
	last = !in->writers && end_once(in);
	pthread_mutex_unlock(&in->lock);
	if (last)
		in->ops->eof(in->arg);
}

unsigned input_poll(struct input *in, struct input_writer *w, struct fuse_pollhandle *ph)
{
	scoped_lock(&in->lock);
	if (ph) {
		if (w->poll)
			fuse_pollhandle_destroy(w->poll); /* one for each handle, the newest */
		w->poll = ph;
	}
	if (in->ended)
		return POLLERR | POLLOUT | POLLWRNORM;
	return in->credit > 0 && !in->waits ? POLLOUT | POLLWRNORM : 0;
}

void input_more(struct fs *fs, struct input *in, size_t n)
{
	pthread_mutex_lock(&in->lock);
	in->credit += n;
	pthread_mutex_unlock(&in->lock);
	feed(fs, in);
}

void input_lost(struct input *in)
{
	scoped_lock(&in->lock);
	in->credit = 0;
}

/* Ends it for those that wait and those that will. */
static bool stop(struct fs *fs, struct input *in)
{
	struct op *op, *next, *waits;
	bool first;

	pthread_mutex_lock(&in->lock);
	first = end_once(in);
	waits = take_ptr(in->waits);
	DL_FOREACH(waits, op)
	op->where = NULL;
	wake_pollers(fs, in);
	pthread_mutex_unlock(&in->lock);
	DL_FOREACH_SAFE(waits, op, next)
	fail(op);
	return first;
}

void input_end(struct fs *fs, struct input *in)
{
	stop(fs, in);
}

bool input_eof(struct fs *fs, struct input *in)
{
	bool first = stop(fs, in);

	if (first)
		in->ops->eof(in->arg);
	return first;
}
