/* What a stream does by the clock: pings, and the limits of silence. */
#include "common/kube/streampriv.h"

#include "common/base/clock.h"
#include "common/kube/net.h"

static int silence_ms(struct stream *s)
{
	scoped_lock(&s->lock);
	return s->stdin_unheard || outbox_unsent(&s->out) > 0 ? s->times->stalled_ms
							      : s->times->silence_ms;
}

/* Pings wait until there is room for them. */
static bool is_choked(struct stream *s)
{
	scoped_lock(&s->lock);
	return s->out.next.len > NET_SEND_MAX;
}

static void add_ping(struct stream *s)
{
	scoped_lock(&s->lock);
	frame_ping(s);
}

static void add_keepalive(struct stream *s)
{
	scoped_lock(&s->lock);
	frame_keepalive(s);
}

/* Keeping alive ends with the Status: an unread ping can cost the tail (KUBERNETES.md 1.11). */
static void keep_alive(struct stream *s, int64_t now)
{
	if (s->status_ms || s->close_sent || is_choked(s))
		return;
	if (now >= s->ping_ms) {
		add_ping(s);
		s->ping_ms = now + s->times->ping_ms;
	}
	if (now >= s->keepalive_ms) {
		add_keepalive(s);
		s->keepalive_ms = now + s->times->keepalive_ms;
	}
}

/* Who does not listen hears no silence. */
static void wait_with_it(struct stream *s, int64_t now)
{
	s->heard_ms = now;
	s->ping_ms = now + s->times->ping_ms;
	s->keepalive_ms = now + s->times->keepalive_ms;
}

void stream_tick(struct stream *s)
{
	int64_t now = clock_now_ms();

	if (stream_is_gone(s) || !s->dial)
		return;
	if (stream_is_paused(s))
		wait_with_it(s, now);
	keep_alive(s, now);
	if (now >= s->end_ms)
		stream_lose(s, -ECANCELED, "closed from this side");
	else if (s->status_ms && now >= s->heard_ms + s->times->grace_ms)
		stream_lose(
			s, 0, "the command is over, though the server did not close the stream");
	else if (now >= s->heard_ms + silence_ms(s))
		stream_lose(s, -ETIMEDOUT, "the server fell silent");
	stream_turn(s, false, false);
}

int64_t stream_due_ms(struct stream *s)
{
	int64_t due = s->end_ms;

	if (!s->dial)
		return INT64_MAX;
	due = earlier(due, s->heard_ms + silence_ms(s));
	if (s->status_ms)
		return earlier(due, s->heard_ms + s->times->grace_ms);
	if (s->close_sent || is_choked(s))
		return due;
	return earlier(due, earlier(s->ping_ms, s->keepalive_ms));
}
