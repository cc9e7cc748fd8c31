#include "common/remote/muxpriv.h"

#include "common/base/log.h"

#include <time.h>

#define SMALL_BYTES (4 * 1024) /* larger ones wait for nobody */

static void next_batch(struct mux *m)
{
	scoped_lock(&m->lock);
	calls_next_batch(&m->calls);
}

/* write_lock held, but not while it is sent: who comes meanwhile leaves what he has in the queue. */
static void send_taken(struct mux *m)
{
	ssize_t put;
	int rc;

	next_batch(m);
	pthread_mutex_unlock(&m->write_lock);
	put = outq_send(&m->out);
	mux_counted(m, true, put);
	pthread_mutex_lock(&m->write_lock);
	rc = outq_took(&m->out, put < 0 ? 0 : (size_t)put);
	/* A frame half written is a dead stream. */
	if (put < 0 || rc < 0)
		mux_kill(m, put < 0 ? (int)put : rc);
}

/* Who is sending has yet to learn whether he needs the room: it stays for him. */
static bool take(struct mux *m)
{
	bool room = m->room;

	if (m->out.sending)
		return false;
	m->room = false;
	if (!outq_take(&m->out, room))
		return false;
	m->hurried = m->hurried && outq_waits(&m->out);
	return true;
}

bool mux_put(struct mux *m, const struct buf *frame, bool patient)
{
	bool large = frame->len > SMALL_BYTES && !patient;

	trace(FRAME, "> %.*s", (int)strcspn(buf_text(frame), "\n"), buf_text(frame));
	if (large && outq_take_these(&m->out, frame->data, frame->len)) {
		send_taken(m);
		return true;
	}
	outq_put(&m->out, frame->data, frame->len);
	m->hurried = m->hurried || !patient;
	return large;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

void mux_hold(struct mux *m, int64_t ns)
{
	int64_t due_ns = now_ns() + ns;

	if (!outq_waits(&m->out) || (m->due_ns && m->due_ns <= due_ns))
		return;
	m->due_ns = due_ns;
	mux_kick(m);
}

bool mux_held(struct mux *m, int64_t *ret_left_ns)
{
	scoped_lock(&m->write_lock);
	*ret_left_ns = m->due_ns ? m->due_ns - now_ns() : 0;
	if (*ret_left_ns < 0)
		*ret_left_ns = 0;
	return m->due_ns != 0;
}

/* write_lock held. The next one that may go, now at the peer. ret_frame is the caller's. */
static bool next_to_go(struct mux *m, struct buf *ret_frame, bool *ret_patient)
{
	bool room = !outq_left(&m->out) && !m->out.sending;

	scoped_lock(&m->lock);
	if (m->dead || !calls_next(&m->calls, room, ret_frame))
		return false;
	*ret_patient = m->calls.patient;
	return true;
}

bool mux_pump(struct mux *m)
{
	bool sent = false, patient;

	for (;;) {
		auto_buf frame = BUF_INIT(0);

		if (!next_to_go(m, &frame, &patient))
			return sent;
		sent = mux_put(m, &frame, patient) || sent;
	}
}

void mux_send_all(struct mux *m)
{
	bool stuck = outq_stuck(&m->out);

	mux_pump(m);
	while (take(m)) {
		send_taken(m);
		mux_pump(m);
	}
	if (!stuck && outq_stuck(&m->out) && !m->out.duct)
		mux_kick(m); /* the reader is to wait for room, too */
}
