#include "common/remote/mux.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "common/remote/outq.h"
#include "common/remote/pulse.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <utlist.h>

#define READ_BYTES   (128 * 1024)
#define URGENT_BYTES (1024 * 1024) /* above the ceiling, for credit and signals */

/*
 * Order of locks: write_lock, then lock. Only the reader thread takes a call
 * out of the table, so what it has found there stays while it works on it.
 */
struct mux {
	int fd, wake_fd;
	pthread_t reader;
	uint32_t calls_max;
	struct answers answers; /* the reader's */

	pthread_mutex_t write_lock; /* a whole frame at a time; for non-blocking sends only */
	struct outq out;

	pthread_mutex_t lock; /* all below, and every struct call here */
	struct call *calls;   /* by tag: at the peer */
	struct call *waiting; /* in order; not in calls yet */
	size_t waiting_bytes; /* of their frames */
	uint32_t out_calls;   /* in calls and CALL_SENT, without pings */
	uint32_t next_tag;
	int64_t wake_ms;     /* no deadline is earlier */
	int dead;            /* 0, or what every call returns from now on */
	bool refusing, over; /* bye was sent; all were told of the death */
	struct pulse pulse;
	void (*death_fn)(void *arg, int rc);
	void *death_arg;
};

static void kick(struct mux *m)
{
	uint64_t one = 1;
	ssize_t n = write(m->wake_fd, &one, sizeof(one));

	(void)n; /* full means: already kicked */
}

void mux_kill(struct mux *m, int rc)
{
	pthread_mutex_lock(&m->lock);
	if (!m->dead) {
		m->dead = rc;
		shutdown(m->fd, SHUT_RDWR);
		trace(FRAME, "stream is over: %s", errno_name(rc));
	}
	pthread_mutex_unlock(&m->lock);
	kick(m);
}

int mux_dead(struct mux *m)
{
	scoped_lock(&m->lock);
	return m->dead;
}

void mux_refuse(struct mux *m)
{
	scoped_lock(&m->lock);
	m->refusing = true;
}

bool mux_on_reader(struct mux *m)
{
	return pthread_equal(pthread_self(), m->reader);
}

void mux_heartbeat(struct mux *m, int ping_ms, int silence_ms)
{
	pthread_mutex_lock(&m->lock);
	m->pulse.ping_ms = ping_ms;
	m->pulse.silence_ms = silence_ms;
	pthread_mutex_unlock(&m->lock);
	kick(m);
}

uint32_t mux_tag(struct mux *m)
{
	scoped_lock(&m->lock);
	for (;;) {
		struct call *c;
		uint32_t tag = m->next_tag++;

		HASH_FIND(hh, m->calls, &tag, sizeof(tag), c);
		if (tag && !c)
			return tag;
	}
}

/* --- writing ------------------------------------------------------------ */

/* write_lock held. Room was asked for before; a frame half written is a dead stream. */
static void put_frame(struct mux *m, const struct buf *frame)
{
	bool idle = !outq_left(&m->out);
	int rc;

	trace(FRAME, "> %.*s", (int)strcspn(buf_text(frame), "\n"), buf_text(frame));
	rc = outq_put(&m->out, frame->data, frame->len);
	if (rc < 0)
		mux_kill(m, rc);
	else if (idle && outq_left(&m->out))
		kick(m); /* the reader is to wait for room, too */
}

/* lock held */
static void enter(struct mux *m, struct call *c)
{
	if (c->before)
		enter(m, c->before);
	c->state = CALL_SENT;
	HASH_ADD(hh, m->calls, tag, sizeof(c->tag), c);
	m->out_calls++;
}

/* The next one that may go, now in the table; or NULL. ret_frame is the caller's. */
static bool next_to_go(struct mux *m, struct buf *ret_frame)
{
	struct call *c;

	scoped_lock(&m->lock);
	c = m->waiting;
	if (!c || m->dead || m->out_calls >= m->calls_max)
		return false;
	DL_DELETE(m->waiting, c);
	m->waiting_bytes -= c->frame.len;
	*ret_frame = c->frame;
	buf_init(&c->frame, 0);
	enter(m, c);
	return true;
}

/* write_lock held: the order of the table is the order of the frames. */
static void pump(struct mux *m)
{
	for (;;) {
		auto_buf frame = BUF_INIT(0);

		if (!next_to_go(m, &frame))
			return;
		put_frame(m, &frame);
	}
}

/* Both locks held. */
static int may_send(struct mux *m, size_t n, size_t ceiling)
{
	size_t queued = outq_left(&m->out) + m->waiting_bytes;

	if (m->dead)
		return m->dead;
	if (m->refusing)
		return -EPIPE;
	return n > ceiling || queued > ceiling - n ? -ENOBUFS : 0;
}

/* lock held */
static void mind_deadline(struct mux *m, int64_t deadline_ms)
{
	if (deadline_ms >= m->wake_ms)
		return;
	m->wake_ms = deadline_ms;
	if (!mux_on_reader(m))
		kick(m);
}

static int accept_call(struct mux *m, struct call *c)
{
	int rc;

	scoped_lock(&m->lock);
	rc = may_send(m, c->frame.len, REMOTE_QUEUE_MAX);
	if (rc < 0)
		return rc;
	c->state = CALL_WAITING;
	DL_APPEND(m->waiting, c);
	m->waiting_bytes += c->frame.len;
	mind_deadline(m, c->deadline_ms);
	return 0;
}

int mux_send(struct mux *m, struct call *c)
{
	int rc;

	scoped_lock(&m->write_lock);
	rc = accept_call(m, c);
	if (rc == 0)
		pump(m);
	return rc;
}

/* From here on c may be ended by the reader: its frame is taken out before. */
static int enter_now(struct mux *m, struct call *c, struct buf *ret_frame)
{
	int rc;

	scoped_lock(&m->lock);
	rc = may_send(m, c->frame.len, REMOTE_QUEUE_MAX + URGENT_BYTES);
	if (rc < 0)
		return rc;
	*ret_frame = c->frame;
	buf_init(&c->frame, 0);
	enter(m, c);
	m->out_calls--;
	c->state = CALL_LASTING;
	mind_deadline(m, c->deadline_ms);
	return 0;
}

int mux_send_now(struct mux *m, struct call *c)
{
	auto_buf frame = BUF_INIT(0);
	int rc;

	scoped_lock(&m->write_lock);
	rc = enter_now(m, c, &frame);
	if (rc == 0)
		put_frame(m, &frame);
	return rc;
}

int mux_oneway(struct mux *m, const struct buf *frame, bool urgent)
{
	int rc;

	scoped_lock(&m->write_lock);
	pthread_mutex_lock(&m->lock);
	rc = may_send(m, frame->len, REMOTE_QUEUE_MAX + (urgent ? URGENT_BYTES : 0));
	pthread_mutex_unlock(&m->lock);
	if (rc == 0)
		put_frame(m, frame);
	return rc;
}

/* --- reading ------------------------------------------------------------ */

/* The call of this tag; out of the table, when it is at its end. */
static struct call *find(struct mux *m, uint32_t tag, bool take)
{
	struct call *c;

	scoped_lock(&m->lock);
	HASH_FIND(hh, m->calls, &tag, sizeof(tag), c);
	if (!c || !take)
		return c;
	HASH_DEL(m->calls, c);
	m->out_calls -= c->state == CALL_SENT;
	return c;
}

static void pump_now(struct mux *m)
{
	scoped_lock(&m->write_lock);
	pump(m);
}

static int on_line(void *arg, const struct answer *a)
{
	struct mux *m = arg;
	bool last = a->kind == '=' || a->kind == '!';
	struct call *c = find(m, a->tag, last);
	int rc;

	if (!c)
		return -EBADMSG;
	if (last) {
		rc = c->ops->done(c, a->rc, a);
		pump_now(m);
		return rc;
	}
	if (a->kind == 's' || a->kind == 'i')
		return c->ops->line ? c->ops->line(c, a) : -EBADMSG;
	/* Also says that a piece of no bytes is in its place. */
	return c->ops->piece(c, a, "", 0);
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
	struct call *c = find(arg, a->tag, false);

	return c ? c->ops->piece(c, a, bytes, n) : -EBADMSG;
}

static int feed(struct mux *m, const void *bytes, size_t n)
{
	struct answer_sink sink = { .line = traced_line, .piece = on_piece, .arg = m };

	pthread_mutex_lock(&m->lock);
	m->pulse.heard_ms = clock_now_ms();
	pthread_mutex_unlock(&m->lock);
	return answers_feed(&m->answers, bytes, n, &sink);
}

static int read_some(struct mux *m, char *bytes)
{
	ssize_t got = recv(m->fd, bytes, READ_BYTES, MSG_DONTWAIT);

	if (got < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -EPIPE;
	return got ? feed(m, bytes, (size_t)got) : -EPIPE;
}

void mux_lasts(struct mux *m, struct call *c, int64_t deadline_ms)
{
	pthread_mutex_lock(&m->lock);
	m->out_calls -= c->state == CALL_SENT;
	c->state = CALL_LASTING;
	c->deadline_ms = deadline_ms;
	mind_deadline(m, deadline_ms);
	pthread_mutex_unlock(&m->lock);
	pump_now(m);
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

/* lock held. Keeps the tag and the place of c in the table, without c. */
static void leave_mark(struct mux *m, struct call *c)
{
	struct call *mark = xcalloc(1, sizeof(*mark));

	*mark = (struct call){
		.ops = &dropped, .tag = c->tag, .deadline_ms = INT64_MAX, .state = c->state
	};
	HASH_DEL(m->calls, c);
	HASH_ADD(hh, m->calls, tag, sizeof(mark->tag), mark);
}

/* lock held */
static struct call *take_expired(struct mux *m, int64_t now_ms)
{
	struct call *expired = NULL;
	struct call *c, *next;

	m->wake_ms = INT64_MAX;
	DL_FOREACH_SAFE(m->waiting, c, next)
	{
		if (c->deadline_ms <= now_ms) {
			DL_DELETE(m->waiting, c);
			m->waiting_bytes -= c->frame.len;
			DL_APPEND(expired, c);
		} else if (c->deadline_ms < m->wake_ms) {
			m->wake_ms = c->deadline_ms;
		}
	}
	HASH_ITER(hh, m->calls, c, next)
	{
		if (c->deadline_ms <= now_ms) {
			leave_mark(m, c);
			DL_APPEND(expired, c);
		} else if (c->deadline_ms < m->wake_ms) {
			m->wake_ms = c->deadline_ms;
		}
	}
	return expired;
}

static void end_all(struct call *list, int rc)
{
	struct call *c, *next;

	DL_FOREACH_SAFE(list, c, next)
	{
		DL_DELETE(list, c);
		buf_fini(&c->frame);
		c->ops->done(c, rc, NULL);
	}
}

static void expire(struct mux *m)
{
	int64_t now_ms = clock_now_ms();
	struct call *expired = NULL;

	pthread_mutex_lock(&m->lock);
	if (now_ms >= m->wake_ms)
		expired = take_expired(m, now_ms);
	pthread_mutex_unlock(&m->lock);
	end_all(expired, -ETIMEDOUT);
}

static void end_everything(struct mux *m, int rc)
{
	struct call *all;
	struct call *c, *next;

	pthread_mutex_lock(&m->lock);
	all = m->waiting;
	m->waiting = NULL;
	m->waiting_bytes = 0;
	HASH_ITER(hh, m->calls, c, next)
	{
		HASH_DEL(m->calls, c);
		DL_APPEND(all, c);
	}
	pthread_mutex_unlock(&m->lock);
	end_all(all, rc);
}

/* --- heartbeat ---------------------------------------------------------- */

struct ping {
	struct call call;
	struct mux *mux;
};

static int ping_piece(struct call *c, const struct answer *a, const void *bytes, size_t n)
{
	return -EBADMSG;
}

static int ping_done(struct call *c, int rc, const struct answer *a)
{
	struct ping *ping = (struct ping *)c;

	pthread_mutex_lock(&ping->mux->lock);
	ping->mux->pulse.ping_out = false;
	pthread_mutex_unlock(&ping->mux->lock);
	free(ping);
	return 0;
}

static const struct call_ops ping_ops = { NULL, ping_piece, ping_done };

static void send_ping(struct mux *m)
{
	static const struct remote_request rq = { .op = OP_PING };
	struct ping *ping = xcalloc(1, sizeof(*ping));

	ping->mux = m;
	ping->call.ops = &ping_ops;
	ping->call.deadline_ms = INT64_MAX;
	ping->call.tag = mux_tag(m);
	buf_init(&ping->call.frame, 64);
	request_encode(&ping->call.frame, ping->call.tag, &rq, false);
	if (mux_send_now(m, &ping->call) < 0) {
		/* It counts as out: a peer that takes nothing any more will be found dead. */
		buf_fini(&ping->call.frame);
		free(ping);
	}
}

static int64_t taken_ms(struct mux *m)
{
	scoped_lock(&m->write_lock);
	return m->out.taken_ms;
}

/* Pings or gives up, if it is time; returns when it will be. */
static int64_t heartbeat(struct mux *m)
{
	int64_t taken = taken_ms(m);
	int64_t due_ms;
	enum pulse_act act;

	pthread_mutex_lock(&m->lock);
	act = pulse_turn(&m->pulse, clock_now_ms(), taken, &due_ms);
	pthread_mutex_unlock(&m->lock);
	if (act == PULSE_PING)
		send_ping(m);
	else if (act == PULSE_DEAD)
		mux_kill(m, -ETIMEDOUT);
	return due_ms;
}

/* --- the reader thread -------------------------------------------------- */

static bool wants_room(struct mux *m)
{
	scoped_lock(&m->write_lock);
	return outq_left(&m->out) > 0;
}

static int drain(struct mux *m)
{
	scoped_lock(&m->write_lock);
	return outq_drain(&m->out);
}

static int until(struct mux *m, int64_t due_ms)
{
	scoped_lock(&m->lock);
	return deadline_left(m->wake_ms < due_ms ? m->wake_ms : due_ms);
}

static int wait_and_move(struct mux *m, char *bytes, int timeout_ms)
{
	struct pollfd p[2] = { { .fd = m->fd, .events = POLLIN },
		{ .fd = m->wake_fd, .events = POLLIN } };
	uint64_t kicks;

	if (wants_room(m))
		p[0].events |= POLLOUT;
	if (poll(p, 2, timeout_ms) < 0)
		return errno == EINTR ? 0 : -errno;
	if (p[1].revents && read(m->wake_fd, &kicks, sizeof(kicks)) < 0 && errno != EAGAIN)
		return -errno;
	if (p[0].revents & POLLOUT) {
		int rc = drain(m);

		if (rc < 0)
			return rc;
	}
	if (p[0].revents & ~POLLOUT)
		return read_some(m, bytes);
	return 0;
}

static void tell_death(struct mux *m)
{
	void (*fn)(void *arg, int rc);
	void *arg;

	pthread_mutex_lock(&m->lock);
	m->over = true;
	fn = m->death_fn;
	arg = m->death_arg;
	m->death_fn = NULL;
	pthread_mutex_unlock(&m->lock);
	if (fn)
		fn(arg, mux_dead(m));
}

void mux_on_death(struct mux *m, void (*fn)(void *arg, int rc), void *arg)
{
	bool over;

	pthread_mutex_lock(&m->lock);
	over = m->over;
	m->death_fn = over ? NULL : fn;
	m->death_arg = arg;
	pthread_mutex_unlock(&m->lock);
	if (over && fn)
		fn(arg, mux_dead(m));
}

static void *reader(void *arg)
{
	struct mux *m = arg;
	auto_free char *bytes = xmalloc(READ_BYTES);

	while (!mux_dead(m)) {
		int64_t due_ms = heartbeat(m);
		int rc = wait_and_move(m, bytes, until(m, due_ms));

		if (rc < 0)
			mux_kill(m, rc);
		expire(m);
	}
	end_everything(m, mux_dead(m));
	tell_death(m);
	return NULL;
}

static int start(struct mux *m)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	/* The reader takes this lock first of all, and so sees its own id. */
	pthread_mutex_lock(&m->lock);
	rc = pthread_create(&m->reader, NULL, reader, m);
	pthread_mutex_unlock(&m->lock);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -rc;
}

static void mux_free(struct mux *m)
{
	pthread_mutex_destroy(&m->lock);
	pthread_mutex_destroy(&m->write_lock);
	answers_fini(&m->answers);
	outq_fini(&m->out);
	close_at(&m->fd);
	close_at(&m->wake_fd);
	free(m);
}

int mux_open(int fd, uint32_t calls_max, const void *early, size_t n, struct mux **ret)
{
	struct mux *m = xcalloc(1, sizeof(*m));
	int rc = 0;

	*m = (struct mux){ .fd = fd,
		.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.calls_max = calls_max,
		.next_tag = 1,
		.wake_ms = INT64_MAX,
		.pulse = { .ping_ms = PROTO_PING_MS,
			.silence_ms = PROTO_SILENCE_MS,
			.heard_ms = clock_now_ms() } };
	outq_init(&m->out, fd, REMOTE_QUEUE_MAX + URGENT_BYTES);
	pthread_mutex_init(&m->lock, NULL);
	pthread_mutex_init(&m->write_lock, NULL);
	answers_init(&m->answers);
	if (m->wake_fd < 0)
		rc = -errno;
	if (rc == 0)
		rc = n ? feed(m, early, n) : 0; /* no call is out: any answer is one too many */
	if (rc == 0)
		rc = start(m);
	if (rc < 0) {
		mux_free(m);
		return rc;
	}
	*ret = m;
	return 0;
}

void mux_close(struct mux *m)
{
	if (!m)
		return;
	mux_on_death(m, NULL, NULL);
	mux_kill(m, -EPIPE);
	pthread_join(m->reader, NULL);
	mux_free(m);
}
