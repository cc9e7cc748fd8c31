#include "fs/output.h"

#include "common/base/clock.h"
#include "fs/notify.h"

#include <utlist.h>

void output_init(struct output *o, uint64_t max, uint64_t granted)
{
	*o = (struct output){ .max = max, .granted = granted, .changed_ms = clock_wall_ms() };
	pthread_mutex_init(&o->lock, NULL);
	spool_init(&o->spool);
}

void output_fini(struct output *o)
{
	spool_fini(&o->spool);
	pthread_mutex_destroy(&o->lock);
}

/* lock held. Those that can be answered now. */
static struct op *ready(struct output *o)
{
	struct op *op, *next, *list = NULL;

	DL_FOREACH_SAFE(o->waits, op, next)
	{
		if (!o->ended && op->offset >= o->spool.len)
			continue;
		DL_DELETE(o->waits, op);
		op->where = NULL;
		DL_APPEND(list, op);
	}
	return list;
}

/* lock held */
static void wake_pollers(struct fs *fs, struct output *o)
{
	struct output_reader *r;

	DL_FOREACH(o->readers, r)
	{
		if (r->poll)
			notify_poll(fs->notifier, take_ptr(r->poll));
	}
}

/* lock held. What everyone has read may go when the room is needed. */
static void forget(struct output *o)
{
	uint64_t least = UINT64_MAX;
	struct output_reader *r;

	DL_FOREACH(o->readers, r)
	{
		if (r->started && r->position < least)
			least = r->position;
	}
	if (least != UINT64_MAX)
		spool_forget(&o->spool, least);
}

/* lock held */
static size_t credit(struct output *o)
{
	uint64_t room, n;

	if (o->owed == 0 || o->ended)
		return 0;
	if (o->granted + o->owed > o->spool.start + o->max)
		forget(o);
	room = o->spool.start + o->max;
	room = room > o->granted ? room - o->granted : 0;
	n = o->owed < room ? o->owed : room;
	o->owed -= n;
	o->granted += n;
	return n;
}

static void answer(struct output *o, struct op *op)
{
	auto_free char *bytes = NULL;
	ssize_t n;

	if (op->step) {
		op->step(op, 0);
		return;
	}
	bytes = xmalloc(op->size ? op->size : 1);
	pthread_mutex_lock(&o->lock);
	n = spool_read(&o->spool, op->offset, bytes, op->size);
	if (n == 0 && o->rc < 0)
		n = o->rc;
	if (n > 0 && op->advance)
		*op->advance += (uint64_t)n;
	if (n > 0 && op->reader)
		((struct output_reader *)op->reader)->position_read = op->offset + (uint64_t)n;
	pthread_mutex_unlock(&o->lock);
	if (n < 0)
		op_reply_err(op, (int)n);
	else
		op_reply_buf(op, bytes, (size_t)n);
}

static void answer_all(struct output *o, struct op *list)
{
	struct op *op, *next;

	DL_FOREACH_SAFE(list, op, next)
	answer(o, op);
}

size_t output_add(struct fs *fs, struct output *o, const void *bytes, size_t n)
{
	struct op *list;
	size_t more;
	int rc;

	pthread_mutex_lock(&o->lock);
	rc = spool_add(&o->spool, bytes, n);
	if (rc < 0 && o->rc == 0)
		o->rc = rc; /* said at the end of what could be kept */
	if (rc < 0)
		o->granted -= n;
	o->owed += n;
	o->changed_ms = clock_wall_ms();
	more = credit(o);
	list = ready(o);
	wake_pollers(fs, o);
	pthread_mutex_unlock(&o->lock);
	answer_all(o, list);
	return more;
}

void output_end(struct fs *fs, struct output *o, int rc)
{
	struct op *list;

	pthread_mutex_lock(&o->lock);
	o->ended = true;
	if (o->rc == 0)
		o->rc = rc;
	list = ready(o);
	wake_pollers(fs, o);
	pthread_mutex_unlock(&o->lock);
	answer_all(o, list);
}

/* It was interrupted: EINTR has been said. */
static void cancel(struct op *op)
{
	struct output *o = op->owner;
	bool waiting;

	pthread_mutex_lock(&o->lock);
	waiting = op->where != NULL;
	if (waiting)
		DL_DELETE(o->waits, op);
	op->where = NULL;
	pthread_mutex_unlock(&o->lock);
	if (waiting)
		op_unref(op);
}

static void wait_in(struct output *o, struct op *op)
{
	op->owner = o;
	op->where = op;
	op->cancel = cancel;
	DL_APPEND(o->waits, op);
}

size_t output_read(struct output *o, struct output_reader *r, struct op *op, bool nonblock)
{
	bool now;
	size_t more;

	pthread_mutex_lock(&o->lock);
	now = o->ended || op->offset < o->spool.len;
	op->reader = r;
	r->started = true;
	if (op->offset > r->position)
		r->position = op->offset; /* it has what is before */
	more = credit(o);
	if (!now && !nonblock) {
		op_ref(op);
		wait_in(o, op);
	}
	pthread_mutex_unlock(&o->lock);
	if (now) {
		answer(o, op);
	} else if (nonblock) {
		op_reply_err(op, -EAGAIN);
	} else {
		if (!op_arm(op, true)) {
			if (op_claim(op))
				fuse_reply_err(op->req, EINTR);
			cancel(op);
		}
		op_unref(op);
	}
	return more;
}

void output_open(struct output *o, struct output_reader *r)
{
	scoped_lock(&o->lock);
	DL_APPEND(o->readers, r);
}

void output_close(struct output *o, struct output_reader *r)
{
	scoped_lock(&o->lock);
	DL_DELETE(o->readers, r);
	if (r->poll)
		fuse_pollhandle_destroy(take_ptr(r->poll));
}

bool output_poll(
	struct output *o, struct output_reader *r, uint64_t offset, struct fuse_pollhandle *ph)
{
	bool now;

	scoped_lock(&o->lock);
	now = o->ended || offset < o->spool.len;
	if (!ph)
		return now;
	if (r->poll)
		fuse_pollhandle_destroy(r->poll); /* one for each handle, the newest */
	r->poll = ph;
	return now;
}

bool output_full(struct output *o)
{
	scoped_lock(&o->lock);
	if (o->spool.len - o->spool.start < o->max)
		return false;
	forget(o);
	return o->spool.len - o->spool.start >= o->max;
}

uint64_t output_size(struct output *o, int64_t *ret_changed_ms)
{
	scoped_lock(&o->lock);
	if (ret_changed_ms)
		*ret_changed_ms = o->changed_ms;
	return o->spool.len;
}
