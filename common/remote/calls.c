#include "common/remote/calls.h"

#include <utlist.h>

void calls_init(struct calls *s, uint32_t max)
{
	*s = (struct calls){ .max = max, .next_tag = 1, .wake_ms = INT64_MAX };
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

bool calls_wait(struct calls *s, struct call *c)
{
	c->state = CALL_WAITING;
	DL_APPEND(s->waiting, c);
	s->waiting_bytes += c->frame.len;
	return mind_deadline(s, c->deadline_ms);
}

static void stop_waiting(struct calls *s, struct call *c)
{
	DL_DELETE(s->waiting, c);
	s->waiting_bytes -= c->frame.len;
}

static void enter(struct calls *s, struct call *c)
{
	if (c->before)
		enter(s, c->before);
	c->state = CALL_SENT;
	HASH_ADD(hh, s->at_peer, tag, sizeof(c->tag), c);
	s->out++;
}

/* Once the lock is let go c may end at any time: so its frame leaves it before. */
static void take_frame(struct call *c, struct buf *ret_frame)
{
	*ret_frame = c->frame;
	buf_init(&c->frame, 0);
}

bool calls_next(struct calls *s, struct buf *ret_frame)
{
	struct call *c = s->waiting;

	if (!c || s->out >= s->max)
		return false;
	stop_waiting(s, c);
	take_frame(c, ret_frame);
	enter(s, c);
	return true;
}

bool calls_lasts(struct calls *s, struct call *c, int64_t deadline_ms)
{
	s->out -= c->state == CALL_SENT;
	c->state = CALL_LASTING;
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
	s->out -= c->state == CALL_SENT;
	return c;
}

/* --- calls that were given up ------------------------------------------- */

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
	free(c);
	return 0;
}

static const struct call_ops dropped = { drop_line, drop_piece, drop_done };

static void leave_mark(struct calls *s, struct call *c)
{
	struct call *mark = xcalloc(1, sizeof(*mark));

	mark->ops = &dropped;
	mark->tag = c->tag;
	mark->deadline_ms = INT64_MAX;
	mark->state = c->state;
	HASH_DEL(s->at_peer, c);
	HASH_ADD(hh, s->at_peer, tag, sizeof(mark->tag), mark);
}

struct call *calls_expired(struct calls *s, int64_t now_ms)
{
	struct call *expired = NULL;
	struct call *c, *next;

	if (now_ms < s->wake_ms)
		return NULL;
	s->wake_ms = INT64_MAX;
	DL_FOREACH_SAFE(s->waiting, c, next)
	{
		if (c->deadline_ms > now_ms) {
			mind_deadline(s, c->deadline_ms);
			continue;
		}
		stop_waiting(s, c);
		DL_APPEND(expired, c);
	}
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

	s->waiting = NULL;
	s->waiting_bytes = 0;
	HASH_ITER(hh, s->at_peer, c, next)
	{
		HASH_DEL(s->at_peer, c);
		DL_APPEND(all, c);
	}
	s->out = 0;
	return all;
}
