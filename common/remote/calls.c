#include "common/remote/calls.h"

#include <utlist.h>

#define PASS_MAX 32 /* small ones before a big one has its turn all the same */

void calls_init(struct calls *s, struct mux *m, uint32_t max)
{
	*s = (struct calls){ .mux = m, .max = max, .next_tag = 1, .wake_ms = INT64_MAX };
}

uint32_t calls_tag(struct calls *s)
{
	for (;;) {
		uint32_t tag = s->next_tag++;

		if (tag && !calls_find(s, tag, false))
			return tag;
	}
}

static bool mind_deadline(struct calls *s, int64_t deadline_ms)
{
	if (deadline_ms >= s->wake_ms)
		return false;
	s->wake_ms = deadline_ms;
	return true;
}

static bool is_bulk(const struct calls *s, const struct call *c)
{
	const struct call *b;

	if (c->frame.len > CALLS_BULK)
		return true;
	if (c->handle == CALL_AFTER_ALL)
		return s->bulk != NULL;
	DL_FOREACH(s->bulk, b)
	{
		if (c->handle && c->handle == b->handle)
			return true;
	}
	return false;
}

bool calls_wait(struct calls *s, struct call *c)
{
	c->state = CALL_WAITING;
	c->bulk = is_bulk(s, c);
	if (c->bulk)
		DL_APPEND(s->bulk, c);
	else
		DL_APPEND(s->waiting, c);
	s->waiting_bytes += c->frame.len;
	return mind_deadline(s, c->deadline_ms);
}

static void stop_waiting(struct calls *s, struct call *c)
{
	if (c->bulk)
		DL_DELETE(s->bulk, c);
	else
		DL_DELETE(s->waiting, c);
	s->waiting_bytes -= c->frame.len;
}

static void count(struct calls *s, struct call *c)
{
	s->out++;
	c->batch = s->batch % CALLS_BATCHES;
	if (!c->patient && s->in_batch[c->batch]++ == 0)
		s->batches++;
}

static void uncount(struct calls *s, const struct call *c)
{
	if (c->state != CALL_SENT)
		return;
	s->out--;
	if (!c->patient && --s->in_batch[c->batch] == 0)
		s->batches--;
}

void calls_next_batch(struct calls *s)
{
	if (s->in_batch[s->batch % CALLS_BATCHES] > 0)
		s->batch++;
}

unsigned calls_batches(const struct calls *s)
{
	return s->batches - (s->in_batch[s->batch % CALLS_BATCHES] > 0);
}

static void enter(struct calls *s, struct call *c)
{
	if (c->before)
		enter(s, c->before);
	c->state = CALL_SENT;
	HASH_ADD(hh, s->at_peer, tag, sizeof(c->tag), c);
	count(s, c);
}

/* Once the lock is let go c may end at any time: so its frame leaves it before. */
static void take_frame(struct call *c, struct buf *ret_frame)
{
	*ret_frame = c->frame;
	buf_init(&c->frame, 0);
}

/* Those of its handle that wait among the small ones came before it: a later one waits behind it. */
static bool may_pass(const struct calls *s, const struct call *bulk)
{
	const struct call *c;

	if (!s->waiting || !bulk->handle)
		return true;
	if (bulk->handle == CALL_AFTER_ALL)
		return false;
	DL_FOREACH(s->waiting, c)
	{
		if (c->handle == bulk->handle)
			return false;
	}
	return true;
}

static struct call *choose(struct calls *s, bool room)
{
	bool due = room && s->bulk && (!s->waiting || s->passed >= PASS_MAX);
	bool bulk = due && may_pass(s, s->bulk);

	/* Who may not go yet is looked at again after as many. */
	if (due || !s->waiting)
		s->passed = 0;
	else if (room && s->bulk)
		s->passed++;
	return bulk ? s->bulk : s->waiting;
}

bool calls_next(struct calls *s, bool room, struct buf *ret_frame)
{
	struct call *c = s->out < s->max ? choose(s, room) : NULL;

	if (!c)
		return false;
	stop_waiting(s, c);
	take_frame(c, ret_frame);
	s->patient = c->patient && ret_frame->len <= CALLS_BULK;
	enter(s, c);
	return true;
}

bool calls_lasts(struct calls *s, struct call *c, int64_t deadline_ms)
{
	uncount(s, c);
	c->state = CALL_LASTING;
	return calls_deadline(s, c, deadline_ms);
}

bool calls_deadline(struct calls *s, struct call *c, int64_t deadline_ms)
{
	c->deadline_ms = deadline_ms;
	return mind_deadline(s, deadline_ms);
}

bool calls_enter(struct calls *s, struct call *c, struct buf *ret_frame)
{
	take_frame(c, ret_frame);
	enter(s, c);
	return calls_lasts(s, c, c->deadline_ms);
}

struct call *calls_find(struct calls *s, uint32_t tag, bool take)
{
	struct call *c;

	HASH_FIND(hh, s->at_peer, &tag, sizeof(tag), c);
	if (!c || !take)
		return c;
	HASH_DEL(s->at_peer, c);
	uncount(s, c);
	return c;
}

/* --- calls that were given up ------------------------------------------- */

struct mark {
	struct call call; /* first */
	struct mux *mux;
	void (*late)(struct mux *m, const struct answer *a);
};

static int drop_line(struct call *c, const struct answer *a)
{
	return 0;
}

static int drop_piece(struct call *c, const struct answer *a, const void *bytes, size_t n)
{
	return 0;
}

static int drop_done(struct call *c, int rc, const struct answer *a)
{
	struct mark *mark = (struct mark *)c;

	if (rc == 0 && mark->late)
		mark->late(mark->mux, a);
	free(mark);
	return 0;
}

static const struct call_ops dropped = { drop_line, drop_piece, drop_done };

static void leave_mark(struct calls *s, struct call *c)
{
	struct mark *mark = xcalloc(1, sizeof(*mark));
	struct call *as_call = &mark->call;

	mark->mux = s->mux;
	mark->late = c->ops->late;
	as_call->ops = &dropped;
	as_call->tag = c->tag;
	as_call->deadline_ms = INT64_MAX;
	as_call->state = c->state;
	as_call->batch = c->batch;
	as_call->patient = c->patient;
	HASH_DEL(s->at_peer, c);
	HASH_ADD(hh, s->at_peer, tag, sizeof(as_call->tag), as_call);
}

static void expire_waiting(
	struct calls *s, struct call *list, int64_t now_ms, struct call **expired)
{
	struct call *c, *next;

	DL_FOREACH_SAFE(list, c, next)
	{
		if (c->deadline_ms > now_ms) {
			mind_deadline(s, c->deadline_ms);
			continue;
		}
		stop_waiting(s, c);
		DL_APPEND(*expired, c);
	}
}

struct call *calls_expired(struct calls *s, int64_t now_ms)
{
	struct call *expired = NULL;
	struct call *c, *next;

	if (now_ms < s->wake_ms)
		return NULL;
	s->wake_ms = INT64_MAX;
	expire_waiting(s, s->waiting, now_ms, &expired);
	expire_waiting(s, s->bulk, now_ms, &expired);
	HASH_ITER(hh, s->at_peer, c, next)
	{
		if (c->deadline_ms > now_ms) {
			mind_deadline(s, c->deadline_ms);
			continue;
		}
		leave_mark(s, c);
		DL_APPEND(expired, c);
	}
	return expired;
}

struct call *calls_take_all(struct calls *s)
{
	struct call *all = s->waiting;
	struct call *c, *next;

	DL_CONCAT(all, s->bulk);
	s->waiting = s->bulk = NULL;
	s->waiting_bytes = 0;
	HASH_ITER(hh, s->at_peer, c, next)
	{
		HASH_DEL(s->at_peer, c);
		DL_APPEND(all, c);
	}
	s->out = s->batches = 0;
	memset(s->in_batch, 0, sizeof(s->in_batch));
	return all;
}
