#include "common/remote/muxpriv.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/lock.h"
#include "common/base/log.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <utlist.h>

#define READ_BYTES   (128 * 1024)
#define URGENT_BYTES (1024 * 1024) /* above the ceiling, for credit and signals */

void mux_kick(struct mux *m)
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
	mux_kick(m);
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
	return __atomic_load_n(&m->turn_by, __ATOMIC_RELAXED) == pthread_self();
}

void mux_heartbeat(struct mux *m, int ping_ms, int silence_ms)
{
	pthread_mutex_lock(&m->lock);
	m->pulse.ping_ms = ping_ms;
	m->pulse.silence_ms = silence_ms;
	pthread_mutex_unlock(&m->lock);
	mux_kick(m);
}

uint32_t mux_tag(struct mux *m)
{
	scoped_lock(&m->lock);
	return calls_tag(&m->calls);
}

/* --- writing ------------------------------------------------------------ */

/* Both locks held. */
static int may_send(struct mux *m, size_t n, size_t ceiling)
{
	size_t queued = outq_left(&m->out) + m->calls.waiting_bytes;

	if (m->dead)
		return m->dead;
	if (m->refusing)
		return -EPIPE;
	return n > ceiling || queued > ceiling - n ? -ENOBUFS : 0;
}

/* lock held. The reader itself looks before it waits. */
static void wait_less(struct mux *m, bool earliest)
{
	if (earliest && !pthread_equal(pthread_self(), m->reader))
		mux_kick(m);
}

/* ret_wait: it may wait for others to go with. */
static int accept_call(struct mux *m, struct call *c, bool *ret_wait)
{
	int rc;

	scoped_lock(&m->lock);
	rc = may_send(m, c->frame.len, REMOTE_QUEUE_MAX);
	if (rc < 0)
		return rc;
	wait_less(m, calls_wait(&m->calls, c));
	*ret_wait = !c->bulk && calls_batches(&m->calls) >= BATCHES_MAX;
	return 0;
}

int mux_send(struct mux *m, struct call *c)
{
	bool wait, patient = c->patient;
	int rc;

	scoped_lock(&m->write_lock);
	rc = accept_call(m, c, &wait);
	if (rc < 0 || (m->in_turn && !mux_pump(m)))
		return rc; /* in a turn it goes at the end, with what the answers lead to */
	if ((wait || patient) && !m->in_turn && !mux_pump(m))
		mux_hold(m, patient ? PATIENCE_NS : HOLD_NS);
	else
		mux_send_all(m);
	return 0;
}

static int enter_now(struct mux *m, struct call *c, struct buf *ret_frame)
{
	int rc;

	scoped_lock(&m->lock);
	rc = may_send(m, c->frame.len, REMOTE_QUEUE_MAX + URGENT_BYTES);
	if (rc < 0)
		return rc;
	wait_less(m, calls_enter(&m->calls, c, ret_frame));
	return 0;
}

int mux_send_now(struct mux *m, struct call *c)
{
	auto_buf frame = BUF_INIT(0);
	int rc;

	scoped_lock(&m->write_lock);
	rc = enter_now(m, c, &frame);
	if (rc < 0)
		return rc;
	mux_put(m, &frame, false);
	mux_send_all(m);
	return 0;
}

int mux_oneway(struct mux *m, const struct buf *frame, bool urgent)
{
	int rc;

	scoped_lock(&m->write_lock);
	pthread_mutex_lock(&m->lock);
	rc = may_send(m, frame->len, REMOTE_QUEUE_MAX + (urgent ? URGENT_BYTES : 0));
	pthread_mutex_unlock(&m->lock);
	if (rc < 0)
		return rc;
	mux_put(m, frame, false);
	mux_send_all(m);
	return 0;
}

void mux_lasts(struct mux *m, struct call *c, int64_t deadline_ms)
{
	pthread_mutex_lock(&m->lock);
	wait_less(m, calls_lasts(&m->calls, c, deadline_ms));
	pthread_mutex_unlock(&m->lock);
}

void mux_deadline(struct mux *m, struct call *c, int64_t deadline_ms)
{
	scoped_lock(&m->lock);
	wait_less(m, calls_deadline(&m->calls, c, deadline_ms));
}

void mux_count(struct mux *m, struct remote_traffic *t)
{
	atomic_store(&m->traffic, t);
}

void mux_counted(struct mux *m, bool out, ssize_t n)
{
	struct remote_traffic *t = atomic_load_explicit(&m->traffic, memory_order_acquire);

	if (!t || n <= 0)
		return;
	atomic_fetch_add_explicit(
		out ? &t->out : &t->in, (unsigned long long)n, memory_order_relaxed);
	atomic_fetch_add_explicit(
		out ? &t->messages_out : &t->messages_in, 1, memory_order_relaxed);
}

/* --- ends from this side ------------------------------------------------ */

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
	struct call *expired;

	pthread_mutex_lock(&m->lock);
	expired = calls_expired(&m->calls, clock_now_ms());
	pthread_mutex_unlock(&m->lock);
	end_all(expired, -ETIMEDOUT);
}

static bool is_due(struct mux *m)
{
	scoped_lock(&m->lock);
	return clock_now_ms() >= m->calls.wake_ms;
}

static void end_everything(struct mux *m, int rc)
{
	struct call *all;

	pthread_mutex_lock(&m->lock);
	all = calls_take_all(&m->calls);
	pthread_mutex_unlock(&m->lock);
	end_all(all, rc);
}

/* --- requests of our own ------------------------------------------------ */

static int alone_piece(struct call *c, const struct answer *a, const void *bytes, size_t n)
{
	return 0;
}

static int alone_done(struct call *c, int rc, const struct answer *a)
{
	free(c);
	return 0;
}

static const struct call_ops alone_ops = { .piece = alone_piece, .done = alone_done };

void mux_send_alone(struct mux *m, const struct remote_request *rq)
{
	struct call *c = xcalloc(1, sizeof(*c));

	c->ops = &alone_ops;
	c->deadline_ms = INT64_MAX;
	c->tag = mux_tag(m);
	buf_init(&c->frame, PROTO_LINE_MAX);
	if (request_encode(&c->frame, c->tag, rq, false) == 0 && mux_send(m, c) == 0)
		return;
	buf_fini(&c->frame);
	free(c);
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

static const struct call_ops ping_ops = { .piece = ping_piece, .done = ping_done };

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

bool mux_silent(struct mux *m, int64_t for_ms)
{
	int64_t taken = taken_ms(m);

	scoped_lock(&m->lock);
	return pulse_silent(&m->pulse, clock_now_ms(), taken, for_ms);
}

/* --- the reader thread -------------------------------------------------- */

static bool wants_room(struct mux *m)
{
	scoped_lock(&m->write_lock);
	return !m->out.duct && outq_stuck(&m->out);
}

static void drain(struct mux *m)
{
	scoped_lock(&m->write_lock);
	m->room = true;
	mux_send_all(m);
}

static struct timespec until(struct mux *m, int64_t due_ms)
{
	int64_t held_ns;
	int ms;

	{
		scoped_lock(&m->lock);
		ms = deadline_left(m->calls.wake_ms < due_ms ? m->calls.wake_ms : due_ms);
	}
	if (mux_held(m, &held_ns) && held_ns < ms * 1000000LL)
		return (struct timespec){ 0, held_ns };
	return (struct timespec){ ms / 1000, ms % 1000 * 1000000L };
}

static void send_held(struct mux *m)
{
	int64_t left_ns;

	if (!mux_held(m, &left_ns) || left_ns)
		return;
	pthread_mutex_lock(&m->write_lock);
	m->due_ns = 0;
	mux_send_all(m);
	pthread_mutex_unlock(&m->write_lock);
}

static int wait_and_move(struct mux *m, char *bytes, const struct timespec *timeout)
{
	int n;
	struct pollfd p[2] = { { .fd = m->fd, .events = POLLIN },
		{ .fd = m->wake_fd, .events = POLLIN } };
	uint64_t kicks;

	if (wants_room(m))
		p[0].events |= POLLOUT;
	n = ppoll(p, 2, timeout, NULL);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	send_held(m);
	if (p[1].revents && read(m->wake_fd, &kicks, sizeof(kicks)) < 0 && errno != EAGAIN)
		return -errno;
	if (p[0].revents & POLLOUT)
		drain(m);
	if (p[0].revents & ~POLLOUT)
		return mux_read(m, bytes, READ_BYTES);
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

void mux_on_told(struct mux *m, mux_told *fn, void *arg)
{
	scoped_lock(&m->lock);
	m->told_fn = fn;
	m->told_arg = arg;
}

static void *reader(void *arg)
{
	struct mux *m = arg;
	auto_free char *bytes = xmalloc(READ_BYTES);

	prctl(PR_SET_TIMERSLACK, 1000UL); /* ns */
	while (!mux_dead(m)) {
		int64_t due_ms = heartbeat(m);
		struct timespec timeout = until(m, due_ms);
		int rc = wait_and_move(m, bytes, &timeout);

		if (rc < 0)
			mux_kill(m, rc);
		if (is_due(m)) {
			mux_take_turn(m);
			expire(m);
			mux_end_turn(m);
		}
	}
	mux_take_turn(m);
	end_everything(m, mux_dead(m));
	tell_death(m);
	mux_end_turn(m);
	return NULL;
}

/* --- the duct ----------------------------------------------------------- */

/* Behind the end of everything nothing is an answer. */
static void duct_bytes(void *arg, const void *bytes, size_t n)
{
	struct mux *m = arg;
	int rc;

	mux_take_turn(m);
	rc = mux_dead(m) ? 0 : mux_feed(m, bytes, n);
	mux_end_turn(m);
	if (rc < 0)
		mux_kill(m, rc);
}

static void duct_room(void *arg)
{
	drain(arg);
}

void mux_direct(struct mux *m, struct duct *d)
{
	struct duct_user user = { .bytes = duct_bytes, .room = duct_room, .arg = m };

	{
		scoped_lock(&m->write_lock);
		m->out.duct = d;
	}
	duct_open(d, &user);
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
	pthread_mutex_destroy(&m->turn);
	answers_fini(&m->answers);
	buf_fini(&m->told);
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
		.pulse = { .ping_ms = PROTO_PING_MS,
			.silence_ms = PROTO_SILENCE_MS,
			.heard_ms = clock_now_ms() } };
	calls_init(&m->calls, m, calls_max);
	outq_init(&m->out, fd, REMOTE_QUEUE_MAX + URGENT_BYTES);
	lock_init(&m->lock);
	lock_init(&m->write_lock);
	pthread_mutex_init(&m->turn, NULL);
	answers_init(&m->answers);
	buf_init(&m->told, PROTO_PIECE_MAX);
	if (m->wake_fd < 0)
		rc = -errno;
	if (rc == 0)
		rc = n ? mux_feed(m, early, n) : 0; /* no call is out: any answer is one too many */
	if (rc == 0)
		rc = start(m);
	if (rc < 0) {
		mux_free(m);
		return rc;
	}
	*ret = m;
	return 0;
}

void mux_end(struct mux *m)
{
	mux_kill(m, -EPIPE);
	if (!m->ended)
		pthread_join(m->reader, NULL);
	m->ended = true;
}

void mux_close(struct mux *m)
{
	if (!m)
		return;
	mux_on_death(m, NULL, NULL);
	mux_end(m);
	duct_close(m->out.duct);
	mux_free(m);
}
