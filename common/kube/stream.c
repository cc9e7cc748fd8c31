/*
 * Invariants. The dial is closed (NULL) as soon as nothing more can come or go on it. What came is
 * delivered before the pair is shut: backlog first, then the end.
 *
 * All is the net thread's, but for what lies between this side and the network, the dial and the
 * outbox: there a duct's users put, too (stream_put). TLS takes one thread at a time, so sends and
 * receives share a lock. Neither waits, and nobody is called while it is held.
 */
#include "common/kube/streampriv.h"

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/io.h"
#include "common/base/lock.h"
#include "common/base/log.h"
#include "common/kube/channel.h"
#include "common/kube/net.h"

#include <assert.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define TURN_READS 8 /* pieces taken from the user in one turn */
#define OUT_SPARE                                                                                  \
	(SPDY_DATA_MAX + 64 * 1024) /* in `out` above NET_SEND_MAX: a piece, pongs, a close */

const struct stream_times stream_times_default = {
	.ping_ms = 20 * 1000,
	.keepalive_ms = 30 * 1000,
	.silence_ms = 60 * 1000,
	.stalled_ms = 300 * 1000,
	.grace_ms = 5 * 1000,
	.linger_ms = 1000,
};

struct stream *stream_new(struct dial *d, int fd, const struct stream_times *times)
{
	struct stream *s = xcalloc(1, sizeof *s);

	s->refs = 1;
	s->times = times ? times : &stream_times_default;
	s->dial = d;
	s->net = (struct stream_watch){ s, STREAM_NET, dial_fd(d), 0 };
	s->user = (struct stream_watch){ s, STREAM_USER, fd, 0 };
	s->epoll_fd = -1;
	ws_decoder_init(&s->decoder);
	lock_init(&s->lock);
	s->ping_id = UINT32_MAX; /* the first is 1 */
	outbox_init(&s->out, NET_SEND_MAX + OUT_SPARE);
	delivery_init(&s->delivery, fd, NET_BACKLOG_MAX);
	s->reading = true;
	s->end_ms = INT64_MAX;
	control_init(&s->control);
	return s;
}

int stream_pair(struct dial *d, struct stream **ret, int *ret_fd, struct err *err)
{
	int fds[2];
	int rc = io_pair(fds);

	if (rc < 0) {
		dial_close(d);
		return err_set(err, rc, "cannot make a socket pair: %s", strerror(-rc));
	}
	*ret = stream_new(d, fds[1], NULL);
	*ret_fd = fds[0];
	return 0;
}

void stream_may_pause(struct stream *s)
{
	s->may_pause = true;
}

void stream_is_port(struct stream *s, uint16_t port)
{
	s->is_port = true;
	portchannel_init(&s->port, port);
}

struct stream *stream_ref(struct stream *s)
{
	__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

void stream_unref(struct stream *s)
{
	if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	dial_close(s->dial);
	if (s->user.fd >= 0)
		close(s->user.fd);
	free(s->piece);
	ws_decoder_fini(&s->decoder);
	outbox_fini(&s->out);
	pthread_mutex_destroy(&s->lock);
	delivery_fini(&s->delivery);
	control_fini(&s->control);
	free(s);
}

struct control *stream_control(struct stream *s)
{
	return &s->control;
}

struct delivery *stream_delivery(struct stream *s)
{
	return &s->delivery;
}

static size_t unsent(struct stream *s)
{
	scoped_lock(&s->lock);
	return outbox_unsent(&s->out);
}

bool stream_is_paused(const struct stream *s)
{
	return s->may_pause && !s->closing && s->delivery.on &&
	       delivery_left(&s->delivery) >= STREAM_PAUSE_BYTES;
}

/* --- the end --- */

void stream_note_end(struct stream *s, int rc, const char *why, const void *detail, size_t n)
{
	auto_buf text = BUF_INIT(8 * 1024);

	if (s->has_ended)
		return;
	s->has_ended = true;
	s->ended.rc = rc;
	log_escape(&text, detail, n);
	snprintf(s->ended.why, sizeof s->ended.why, "%s%s", why, buf_text(&text));
	trace(EXEC, "stream %d: %s", s->net.fd, s->ended.why);
}

static void watch(struct stream *s, struct stream_watch *w, unsigned mask)
{
	struct epoll_event event = { .events = mask, .data.ptr = w };
	int op = !w->mask ? EPOLL_CTL_ADD : mask ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;

	/* With no mask it leaves epoll, which tells of hang-ups unasked, again and again. */
	if (mask == w->mask)
		return;
	if (epoll_ctl(s->epoll_fd, op, w->fd, &event) < 0)
		stream_note_end(s, -errno, "epoll: ", strerror(errno), strlen(strerror(errno)));
	w->mask = mask;
}

static struct dial *take_dial(struct stream *s)
{
	scoped_lock(&s->lock);
	outbox_fini(&s->out);
	return take_ptr(s->dial);
}

void stream_drop_net(struct stream *s)
{
	if (!s->dial)
		return;
	watch(s, &s->net, 0);
	dial_close(take_dial(s));
	s->more = false;
}

void stream_lose(struct stream *s, int rc, const char *why)
{
	stream_note_end(s, rc, why, "", 0);
	stream_drop_net(s);
}

/*
 * The pair is shut but closed only when empty: a socket closed with bytes unread gives its peer
 * ECONNRESET, perhaps before the last of what we delivered.
 */
static void drop_user(struct stream *s)
{
	char chunk[4096];

	if (s->user.fd < 0)
		return;
	watch(s, &s->user, 0);
	shutdown(s->user.fd, SHUT_RDWR);
	while (recv(s->user.fd, chunk, sizeof chunk, MSG_DONTWAIT) > 0)
		continue;
	close(take_fd(s->user.fd));
}

static void finish(struct stream *s)
{
	stream_drop_net(s);
	drop_user(s);
	delivery_stop(&s->delivery);
	control_over(&s->control, &s->ended);
}

/* --- to the network --- */

/* lock held. Who appends sees to the room first: a frame left out would be lost bytes. */
static void flush_locked(struct stream *s)
{
	assert(!s->out.next.bad);
	if (s->dial)
		outbox_flush(&s->out, s->dial);
}

/* True: who puts may go on. */
static bool flush_now(struct stream *s)
{
	bool hungry;

	scoped_lock(&s->lock);
	flush_locked(s);
	hungry = s->hungry && outbox_unsent(&s->out) < NET_SEND_MAX / 2;
	s->hungry = s->hungry && !hungry;
	return hungry;
}

void stream_flush(struct stream *s)
{
	if (flush_now(s))
		delivery_room(&s->delivery);
}

void stream_add_close(struct stream *s)
{
	scoped_lock(&s->lock);
	frame_close(s);
	s->close_sent = true;
}

static void send_close(struct stream *s)
{
	s->reading = false;
	if (!s->dial || s->close_sent)
		return;
	stream_note_end(s, -ECANCELED, "closed from this side", "", 0);
	stream_add_close(s);
}

/* The user has written nothing more for now: what waited for that is done. */
static void user_is_empty(struct stream *s, struct control_asked asked)
{
	if (asked.eof && !s->eof_sent) {
		scoped_lock(&s->lock);
		channel_eof(&s->out.next, outbox_key(&s->out));
		s->eof_sent = true;
	}
	if (asked.close)
		send_close(s);
}

static void take_stdin(struct stream *s, const char *bytes, size_t n)
{
	scoped_lock(&s->lock);
	if (s->eof_sent || !s->dial)
		return;
	frame_data(s, bytes, n);
	s->stdin_unheard = true;
	trace(EXEC, "stream %d: > channel 0, %zu bytes", s->net.fd, n);
}

static void user_in(struct stream *s)
{
	struct control_asked asked = control_asked(&s->control);
	bool to_the_end = asked.close || asked.eof;
	char little[CHANNEL_DATA_MAX], *chunk = s->piece ? s->piece : little;
	size_t max = frame_max(s);

	for (int i = 0; s->reading && unsent(s) < NET_SEND_MAX &&
			(i < TURN_READS || (to_the_end && !s->eof_sent));
		i++) {
		ssize_t n = recv(s->user.fd, chunk, max, MSG_DONTWAIT);

		if (n > 0) {
			take_stdin(s, chunk, n);
			if ((size_t)n < max && !to_the_end)
				return;
		} else if (n < 0 && errno == EAGAIN) {
			user_is_empty(s, asked);
			return;
		} else if (n == 0 || errno != EINTR) {
			user_is_empty(s, asked);
			send_close(s);
		}
	}
}

/* lock held. As much as there is room for. */
static size_t add_stdin(struct stream *s, const char *bytes, size_t n)
{
	size_t at = 0;

	while (at < n && outbox_unsent(&s->out) < NET_SEND_MAX) {
		size_t piece = n - at < frame_max(s) ? n - at : frame_max(s);

		frame_data(s, bytes + at, piece);
		at += piece;
	}
	return at;
}

ssize_t stream_put(struct stream *s, const void *bytes, size_t n, bool *ret_stuck)
{
	size_t put = 0;
	bool blocked;

	scoped_lock(&s->lock);
	if (!s->dial || s->close_sent || s->eof_sent)
		return -EPIPE;
	blocked = s->out.blocked;
	do {
		put += add_stdin(s, (const char *)bytes + put, n - put);
		if (!blocked)
			flush_locked(s);
	} while (put < n && !s->out.blocked);
	s->stdin_unheard = true;
	s->hungry = s->hungry || put < n;
	*ret_stuck = s->out.blocked && !blocked;
	return (ssize_t)put;
}

/* --- turns --- */

static void tell_flushed(struct stream *s)
{
	if (s->flushed)
		return;
	s->flushed = true;
	s->end_ms = earlier(s->end_ms, clock_now_ms() + s->times->linger_ms);
	control_flushed(&s->control);
}

/* What to wait for on the network's side. */
static unsigned net_mask(struct stream *s)
{
	scoped_lock(&s->lock);
	return (stream_is_paused(s) ? 0 : EPOLLIN) | (s->out.blocked ? EPOLLOUT : 0);
}

static void settle(struct stream *s)
{
	unsigned user = 0;
	size_t waits;

	if (s->user.fd < 0)
		return;
	if (!s->dial && (s->closing || delivery_left(&s->delivery) == 0)) {
		finish(s);
		return;
	}
	waits = unsent(s);
	if (s->close_sent && s->dial && waits == 0)
		tell_flushed(s);
	if (s->reading && s->dial && waits < NET_SEND_MAX)
		user |= EPOLLIN;
	if (s->delivery.on && delivery_left(&s->delivery) > 0)
		user |= EPOLLOUT;
	watch(s, &s->user, user);
	if (s->dial)
		watch(s, &s->net, net_mask(s));
}

void stream_turn(struct stream *s, bool net, bool user)
{
	bool full = unsent(s) >= NET_SEND_MAX, paused = stream_is_paused(s);

	if (net)
		stream_net_in(s);
	if (user)
		user_in(s);
	stream_flush(s);
	/* What was asked waits for room, and an empty pair makes no event. */
	if (!user && full && unsent(s) < NET_SEND_MAX) {
		user_in(s);
		stream_flush(s);
	}
	delivery_go_on(&s->delivery);
	/* What TLS holds already, epoll does not tell. */
	if (paused && !stream_is_paused(s))
		s->more = true;
	settle(s);
}

static void begin(struct stream *s, int epoll_fd)
{
	int64_t now = clock_now_ms();

	s->epoll_fd = epoll_fd;
	s->heard_ms = now;
	s->ping_ms = now + s->times->ping_ms;
	s->keepalive_ms = now + s->times->keepalive_ms;
}

static void add_resize(struct stream *s, struct control_asked asked)
{
	scoped_lock(&s->lock);
	if (s->dial && !s->close_sent && s->out.next.len <= NET_SEND_MAX)
		channel_resize(&s->out.next, asked.cols, asked.rows, outbox_key(&s->out));
}

void stream_serve(struct stream *s, int epoll_fd)
{
	struct control_asked asked;

	if (stream_is_gone(s))
		return;
	if (s->epoll_fd < 0)
		begin(s, epoll_fd);
	asked = control_take_asked(&s->control);
	if (asked.resize)
		add_resize(s, asked);
	if (asked.close && !s->closing) {
		s->closing = true;
		s->end_ms = earlier(s->end_ms, clock_now_ms() + s->times->linger_ms);
	}
	stream_turn(s, true, true);
}

void stream_ready(struct stream *s, enum stream_side side)
{
	if (!stream_is_gone(s))
		stream_turn(s, side == STREAM_NET, side == STREAM_USER);
}

bool stream_has_more(const struct stream *s)
{
	return s->more;
}

bool stream_is_gone(const struct stream *s)
{
	return s->user.fd < 0;
}

void stream_stop(struct stream *s)
{
	if (stream_is_gone(s))
		return;
	stream_note_end(s, -ECANCELED, "closed from this side", "", 0);
	finish(s);
}
