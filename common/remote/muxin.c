#include "common/remote/muxpriv.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <pthread.h>
#include <sys/socket.h>

/* The call of this tag; out of the table, when it is at its end. */
static struct call *find(struct mux *m, uint32_t tag, bool take)
{
	scoped_lock(&m->lock);
	return calls_find(&m->calls, tag, take);
}

static int take_told(struct mux *m, const struct answer *a, const void *bytes, size_t n)
{
	mux_told *fn;
	void *arg;

	buf_add(&m->told, bytes, n);
	if (m->told.len < a->n)
		return 0;
	pthread_mutex_lock(&m->lock);
	fn = m->told_fn;
	arg = m->told_arg;
	pthread_mutex_unlock(&m->lock);
	return fn ? fn(arg, a, m->told.data, m->told.len) : 0;
}

static int answer_line(struct mux *m, const struct answer *a)
{
	bool last = a->kind == '=' || a->kind == '!';
	struct call *c = find(m, a->tag, last);

	if (!c)
		return -EBADMSG;
	if (last)
		return c->ops->done(c, a->rc, a);
	if (a->kind == 's' || a->kind == 'i')
		return c->ops->line ? c->ops->line(c, a) : -EBADMSG;
	/* Also says that a piece of no bytes is in its place. */
	return c->ops->piece(c, a, "", 0);
}

static int on_line(void *arg, const struct answer *a)
{
	struct mux *m = arg;

	if (a->kind != 'c') {
		m->answered = true;
		return answer_line(m, a);
	}
	buf_reset(&m->told);
	return 0;
}

static int traced_line(void *arg, const struct answer *a)
{
	if (trace_on(TRACE_FRAME)) {
		auto_buf line = BUF_INIT(PROTO_ANSWER_MAX + 64);

		answer_print(&line, a);
		if (line.len)
			buf_trim(&line, line.len - 1);
		trace(FRAME, "< %s", buf_text(&line));
	}
	return on_line(arg, a);
}

static int on_piece(void *arg, const struct answer *a, const void *bytes, size_t n)
{
	struct mux *m = arg;
	struct call *c;

	if (a->kind == 'c')
		return take_told(arg, a, bytes, n);
	m->answered = true;
	c = find(m, a->tag, false);
	return c ? c->ops->piece(c, a, bytes, n) : -EBADMSG;
}

static void set_turn(struct mux *m, bool on)
{
	scoped_lock(&m->write_lock);
	m->in_turn = on;
	if (on)
		return;
	/* There may be room for calls that wait. */
	if (mux_pump(m) || m->hurried || outq_stuck(&m->out))
		mux_send_all(m);
	else
		mux_hold(m, PATIENCE_NS);
}

void mux_take_turn(struct mux *m)
{
	pthread_mutex_lock(&m->turn);
	__atomic_store_n(&m->turn_by, pthread_self(), __ATOMIC_RELAXED);
	set_turn(m, true);
}

void mux_end_turn(struct mux *m)
{
	set_turn(m, false);
	__atomic_store_n(&m->turn_by, 0, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&m->turn);
}

int mux_feed(struct mux *m, const void *bytes, size_t n)
{
	struct answer_sink sink = { .line = traced_line, .piece = on_piece, .arg = m };
	int rc;

	mux_counted(m, false, (ssize_t)n);
	m->answered = false;
	rc = answers_feed(&m->answers, bytes, n, &sink);
	if (!m->answered) /* who only tells serves nobody */
		return rc;
	pthread_mutex_lock(&m->lock);
	m->pulse.heard_ms = clock_now_ms();
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static int feed_in_turn(struct mux *m, const void *bytes, size_t n)
{
	int rc;

	mux_take_turn(m);
	rc = mux_feed(m, bytes, n);
	mux_end_turn(m);
	return rc;
}

static bool is_direct(struct mux *m)
{
	scoped_lock(&m->write_lock);
	return m->out.duct;
}

int mux_read(struct mux *m, char *bytes, size_t max)
{
	ssize_t got = recv(m->fd, bytes, max, MSG_DONTWAIT);

	if (got < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -EPIPE;
	if (!got)
		return -EPIPE;
	/* Before the duct was open nothing was asked for, so this is no answer. */
	return is_direct(m) ? -EBADMSG : feed_in_turn(m, bytes, (size_t)got);
}
