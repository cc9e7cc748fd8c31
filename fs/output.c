#include "fs/output.h"

#include "common/base/clock.h"
#include "fs/notify.h"
#include "fs/pool.h"

#include <utlist.h>

void output_init(struct output *o, uint64_t max, uint64_t granted)
{
	*o = (struct output){
		.max = max, .granted = granted, .least = granted / 4, .changed_ms = clock_wall_ms()
	};
	pthread_mutex_init(&o->lock, NULL);
	spool_init(&o->spool);
}

void output_join(
	struct output *o, struct pool *pool, bool drop, output_more *more, void *arg, int stream)
{
	o->pool = pool;
	o->drop = drop;
	o->more = more;
	o->arg = arg;
	o->stream = stream;
	pool_force(pool, o->granted);
	pool_add(pool, o);
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

/* --- credit: lock held ------------------------------------------------------ */

static void forget_to(struct output *o, uint64_t upto)
{
	pool_give(o->pool, spool_forget(&o->spool, upto));
}

/* What everyone has read may go when the room is needed. */
static void forget_read(struct output *o)
{
	uint64_t least = UINT64_MAX;
	struct output_reader *r;

	DL_FOREACH(o->readers, r)
	{
		if (r->started && r->position < least)
			least = r->position;
	}
	if (least != UINT64_MAX)
		forget_to(o, least);
}

static void drop_oldest(struct output *o, uint64_t n)
{
	uint64_t before = o->spool.start;

	forget_to(o, before + n);
	o->dropped += o->spool.start - before;
}

static uint64_t room(const struct output *o)
{
	uint64_t end = o->spool.start + o->max;

	return end > o->granted ? end - o->granted : 0;
}

/* Can the spool take more? What was read, or dropped, gives its disk room, too. */
static bool disk_takes(struct output *o, size_t n)
{
	if (!o->spool.rc || spool_flush(&o->spool) == 0)
		return true;
	forget_read(o);
	if (o->drop && spool_flush(&o->spool) < 0)
		drop_oldest(o, o->spool.mem.len + n);
	return spool_flush(&o->spool) == 0;
}

/* n bytes of room below the ceiling. */
static bool own_room(struct output *o, size_t n)
{
	if (room(o) < n)
		forget_read(o);
	if (room(o) < n && o->drop)
		drop_oldest(o, n - room(o));
	return room(o) >= n;
}

/* Its first window it may always have: so whoever is read goes on, whatever others hold. */
static bool in_first_window(struct output *o, size_t n)
{
	if (o->granted - o->spool.start + n > 4 * o->least)
		return false;
	pool_force(o->pool, n);
	return true;
}

static bool total_room(struct output *o, size_t n)
{
	if (pool_take(o->pool, n))
		return true;
	forget_read(o);
	if (in_first_window(o, n) || pool_take(o->pool, n))
		return true;
	if (o->drop)
		drop_oldest(o, n);
	return o->drop && pool_take(o->pool, n);
}

static void set_hungry(struct output *o, bool hungry)
{
	if (!o->pool || hungry == o->hungry)
		return;
	o->hungry = hungry;
	atomic_fetch_add(&o->pool->hungry, hungry ? 1 : -1u);
	if (hungry)
		pool_changed(o->pool);
}

static uint64_t whole_pieces(const struct output *o, uint64_t n)
{
	return o->least ? n - n % o->least : n;
}

static enum output_full find_room(struct output *o, size_t *n)
{
	if (!disk_takes(o, *n))
		return OUTPUT_DISK;
	if (!own_room(o, *n))
		*n = whole_pieces(o, room(o));
	if (*n == 0)
		return OUTPUT_CEILING;
	return total_room(o, *n) ? OUTPUT_ROOM : OUTPUT_TOTAL;
}

/*
 * Small pieces would each cost the giver a message, and it may save them up itself: so whole quarters
 * of the window, which fill a ceiling exactly.
 */
static size_t credit(struct output *o)
{
	size_t n = o->ended ? 0 : whole_pieces(o, o->owed);

	o->full = n ? find_room(o, &n) : OUTPUT_ROOM;
	set_hungry(o, o->full == OUTPUT_TOTAL || o->full == OUTPUT_DISK);
	if (o->full != OUTPUT_ROOM)
		return 0;
	o->owed -= n;
	o->granted += n;
	return n;
}

/* --- telling the giver: no lock held ---------------------------------------- */

static void take_back(struct output *o, size_t n)
{
	scoped_lock(&o->lock);
	o->granted -= n;
	o->owed += n;
	pool_give(o->pool, n);
	set_hungry(o, true);
}

static size_t tell(struct output *o, size_t n)
{
	if (!o->more)
		return n;
	if (n > 0 && o->more(o->arg, o->stream, n) < 0)
		take_back(o, n);
	return 0;
}

void output_retry(struct output *o)
{
	size_t n;

	pthread_mutex_lock(&o->lock);
	n = o->hungry ? credit(o) : 0;
	pthread_mutex_unlock(&o->lock);
	tell(o, n);
}

/* After anything that may have made room: here, n is what came of it, or for others. */
static size_t settle(struct output *o, size_t n)
{
	size_t told = tell(o, n);

	pool_kick(o->pool);
	return told;
}

void output_fini(struct output *o)
{
	pool_remove(o->pool, o);
	set_hungry(o, false);
	pool_give(o->pool, (o->ended ? o->spool.len : o->granted) - o->spool.start);
	spool_fini(&o->spool);
	pthread_mutex_destroy(&o->lock);
	pool_kick(o->pool);
}

/* --- bytes ------------------------------------------------------------------ */

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
	if (n == -ENODATA && op->advance)
		*op->advance = o->spool.start;
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
		o->rc = rc; /* more than it was allowed: said at the end */
	if (rc == 0)
		o->owed += n;
	o->changed_ms = clock_wall_ms();
	more = credit(o);
	list = ready(o);
	wake_pollers(fs, o);
	pthread_mutex_unlock(&o->lock);
	answer_all(o, list);
	return settle(o, more);
}

/* lock held. Nothing more comes: what was promised to the giver is free. */
static void stop_granting(struct output *o)
{
	if (!o->ended && o->granted > o->spool.len)
		pool_give(o->pool, o->granted - o->spool.len);
	o->ended = true;
	set_hungry(o, false);
	pool_changed(o->pool);
}

void output_end(struct fs *fs, struct output *o, int rc)
{
	struct op *list;

	pthread_mutex_lock(&o->lock);
	stop_granting(o);
	if (o->rc == 0)
		o->rc = rc;
	list = ready(o);
	wake_pollers(fs, o);
	pthread_mutex_unlock(&o->lock);
	answer_all(o, list);
	pool_kick(o->pool);
}

uint64_t output_evict(struct output *o)
{
	uint64_t n;

	scoped_lock(&o->lock);
	n = o->spool.len - o->spool.start;
	if (!o->ended || o->readers || n == 0)
		return 0;
	spool_forget_all(&o->spool);
	o->dropped += n;
	pool_give(o->pool, n);
	return n;
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
		op_arm_waiting(op);
		op_unref(op);
	}
	return settle(o, more);
}

void output_open(struct output *o, struct output_reader *r)
{
	scoped_lock(&o->lock);
	DL_APPEND(o->readers, r);
}

void output_close(struct output *o, struct output_reader *r)
{
	size_t more;

	pthread_mutex_lock(&o->lock);
	DL_DELETE(o->readers, r);
	if (r->poll)
		fuse_pollhandle_destroy(take_ptr(r->poll));
	more = o->more ? credit(o) : 0; /* maybe it was the one that was behind */
	pool_changed(o->pool);
	pthread_mutex_unlock(&o->lock);
	settle(o, more);
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

struct fuse_pollhandle *output_take_poll(struct output *o, struct output_reader *r)
{
	scoped_lock(&o->lock);
	return take_ptr(r->poll);
}

ssize_t output_peek(struct output *o, uint64_t offset, void *ret, size_t n)
{
	scoped_lock(&o->lock);
	return spool_read(&o->spool, offset, ret, n);
}

uint64_t output_at(struct output *o, const uint64_t *position)
{
	scoped_lock(&o->lock);
	return *position;
}

uint64_t output_restart(struct output *o, uint64_t granted)
{
	scoped_lock(&o->lock);
	if (!o->ended) {
		pool_give(o->pool, o->granted - o->spool.len);
		pool_force(o->pool, granted);
		o->granted = o->spool.len + granted;
		o->owed = 0;
		set_hungry(o, false);
	}
	return o->spool.len;
}

bool output_full(struct output *o)
{
	scoped_lock(&o->lock);
	if (o->spool.len - o->spool.start >= o->max)
		forget_read(o);
	return o->spool.len - o->spool.start >= o->max || !disk_takes(o, 0);
}

bool output_ended(struct output *o)
{
	scoped_lock(&o->lock);
	return o->ended;
}

uint64_t output_size(struct output *o, int64_t *ret_changed_ms)
{
	scoped_lock(&o->lock);
	if (ret_changed_ms)
		*ret_changed_ms = o->changed_ms;
	return o->spool.len;
}

/* lock held. NULL: the giver has credit still. */
static const char *why_full(const struct output *o)
{
	if (o->ended || o->granted - o->spool.len >= (o->least ? o->least : 1))
		return NULL;
	switch (o->full) {
	case OUTPUT_CEILING:
		return "ceiling";
	case OUTPUT_TOTAL:
		return "total";
	case OUTPUT_DISK:
		return errno_name(o->spool.rc);
	case OUTPUT_ROOM:
		break;
	}
	return NULL;
}

struct look {
	uint64_t start, dropped;
	const char *full;
};

static struct look look_at(struct output *o)
{
	scoped_lock(&o->lock);
	return (struct look){ o->spool.start, o->dropped, why_full(o) };
}

void output_describe(struct output *out, struct output *err, struct buf *ret)
{
	struct look a = look_at(out), b = look_at(err);

	if (a.start)
		buf_printf(ret, ",\"stdout_start\":%ju", (uintmax_t)a.start);
	if (b.start)
		buf_printf(ret, ",\"stderr_start\":%ju", (uintmax_t)b.start);
	if (a.dropped + b.dropped)
		buf_printf(ret, ",\"dropped\":%ju", (uintmax_t)(a.dropped + b.dropped));
	if (a.full || b.full)
		buf_printf(ret, ",\"full\":\"%s\"", a.full ? a.full : b.full);
}
