/*
 * Invariants. The dial is closed (NULL) as soon as nothing more can come or go on it. What came is
 * delivered before the pair is shut: backlog first, then the end.
 */
#include "common/kube/stream.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kube/channel.h"
#include "common/kube/dial.h"
#include "common/kube/net.h"
#include "common/kube/outbox.h"
#include "common/kube/ws.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#define TURN_BYTES (1024 * 1024) /* received in one turn; then others have theirs */
#define TURN_READS 8             /* pieces taken from the user in one turn */
#define OUT_SPARE  (64 * 1024)   /* in `out` above NET_SEND_MAX: one piece, pongs, a close */

const struct stream_times stream_times_default = {
	.ping_ms = 20 * 1000,
	.keepalive_ms = 30 * 1000,
	.silence_ms = 60 * 1000,
	.stalled_ms = 300 * 1000,
	.grace_ms = 5 * 1000,
	.linger_ms = 1000,
};

struct stream {
	unsigned refs; /* atomic */
	const struct stream_times *times;

	/* The net thread's. */
	struct dial *dial;
	struct stream_watch net, user;
	int epoll_fd; /* -1: not begun */
	struct ws_decoder decoder;
	struct outbox out;
	struct buf backlog; /* the first `taken` bytes are delivered */
	size_t taken;
	bool reading;    /* the user may write still */
	bool delivering; /* the user may read still */
	bool closing;    /* the user wants nothing more */
	bool eof_sent, close_sent, flushed;
	bool more;
	bool stdin_unheard; /* stdin went out, and nothing came since */
	int64_t heard_ms, ping_ms, keepalive_ms;
	int64_t status_ms; /* when the Status came; 0 */
	int64_t end_ms;    /* cut it off then; INT64_MAX */
	struct stream_end ended;
	bool has_ended; /* ended is set; the first reason counts */

	struct control control; /* the one thing that other threads see */
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
	outbox_init(&s->out, NET_SEND_MAX + OUT_SPARE);
	buf_init(&s->backlog, NET_BACKLOG_MAX);
	s->reading = s->delivering = true;
	s->end_ms = INT64_MAX;
	control_init(&s->control);
	return s;
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
	ws_decoder_fini(&s->decoder);
	outbox_fini(&s->out);
	buf_fini(&s->backlog);
	control_fini(&s->control);
	free(s);
}

struct control *stream_control(struct stream *s)
{
	return &s->control;
}

static size_t undelivered(const struct stream *s)
{
	return s->backlog.len - s->taken;
}

/* --- the end --- */

static void note_end(struct stream *s, int rc, const char *why, const void *detail, size_t n)
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
		note_end(s, -errno, "epoll: ", strerror(errno), strlen(strerror(errno)));
	w->mask = mask;
}

static void drop_net(struct stream *s)
{
	if (!s->dial)
		return;
	watch(s, &s->net, 0);
	dial_close(take_ptr(s->dial));
	outbox_fini(&s->out);
	s->more = false;
}

/* The stream is over at this end of the network; what came is still delivered. */
static void lose(struct stream *s, int rc, const char *why)
{
	note_end(s, rc, why, "", 0);
	drop_net(s);
}

static void drop_backlog(struct stream *s)
{
	s->delivering = false;
	s->taken = 0;
	buf_fini(&s->backlog);
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
	drop_net(s);
	drop_user(s);
	drop_backlog(s);
	control_over(&s->control, &s->ended);
}

/* --- network to user --- */

static void deliver(struct stream *s, const uint8_t *bytes, size_t n)
{
	ssize_t sent;

	if (!s->delivering)
		return;
	if (undelivered(s) == 0 && n > 0) {
		sent = send(s->user.fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno != EAGAIN && errno != EINTR) {
			drop_backlog(s);
			return;
		}
		bytes += sent > 0 ? sent : 0;
		n -= sent > 0 ? sent : 0;
	}
	if (s->backlog.len + n > NET_BACKLOG_MAX) {
		buf_drop(&s->backlog, s->taken);
		s->taken = 0;
	}
	buf_add(&s->backlog, bytes, n);
	if (s->backlog.bad) {
		drop_backlog(s);
		lose(s, -ENOBUFS, "too much output waited for a reader that does not read");
	}
}

static void deliver_backlog(struct stream *s)
{
	while (s->delivering && undelivered(s) > 0) {
		ssize_t n = send(s->user.fd, s->backlog.data + s->taken, undelivered(s),
			MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			drop_backlog(s);
		if (n <= 0)
			break;
		s->taken += n;
	}
	/* The front is cut off when it is the larger half, so that each byte is moved once. */
	if (s->taken > s->backlog.len / 2) {
		buf_drop(&s->backlog, s->taken);
		s->taken = 0;
	}
	if (s->backlog.len == 0)
		buf_fini(&s->backlog);
}

static void take_message(struct stream *s, const struct channel_message *m)
{
	trace(EXEC, "stream %d: < channel %d, %zu bytes", s->net.fd, m->channel, m->n);
	if (m->channel == CHANNEL_STDOUT) {
		deliver(s, m->data, m->n);
	} else if (m->channel == CHANNEL_STDERR) {
		control_add_stderr(&s->control, m->data, m->n);
	} else if (m->n > 0) {
		control_add_status(&s->control, m->data, m->n);
		s->status_ms = s->heard_ms;
	}
}

/* A flood of pings is not worth memory: what finds no room is not answered. */
static void pong(struct stream *s, const struct ws_event *e)
{
	struct iovec part = { (void *)(uintptr_t)e->data, e->n };

	if (s->out.next.len <= NET_SEND_MAX && !s->close_sent)
		ws_encode(&s->out.next, WS_PONG, outbox_key(&s->out), &part, 1);
}

static void flush(struct stream *s)
{
	if (s->dial)
		outbox_flush(&s->out, s->dial);
}

/* RFC 6455 wants an answer; if it does not go at once, nobody waits for it. */
static void take_close(struct stream *s, const struct ws_event *e)
{
	char why[64];

	snprintf(why, sizeof why, "the server closed the stream (%u) ", e->code);
	note_end(s, 0, why, e->data, e->n);
	if (!s->close_sent) {
		ws_encode_close(&s->out.next, WS_CODE_NORMAL, outbox_key(&s->out));
		flush(s);
	}
	drop_net(s);
}

static void take_event(struct stream *s, const struct ws_event *e)
{
	struct channel_message m;

	switch (e->op) {
	case WS_BINARY:
		if (channel_take(e->data, e->n, &m))
			take_message(s, &m);
		break;
	case WS_PING:
		pong(s, e);
		break;
	case WS_CLOSE:
		take_close(s, e);
		break;
	case WS_TEXT:
		lose(s, -EBADMSG, "the server sent text where bytes belong");
		break;
	case WS_PONG:
	case WS_CONTINUE:
		break;
	}
}

static void take_bytes(struct stream *s, const uint8_t *bytes, size_t n)
{
	struct ws_event e;
	int rc = 1;

	while (s->dial && rc > 0) {
		rc = ws_decode(&s->decoder, &bytes, &n, &e);
		if (rc > 0)
			take_event(s, &e);
		if (rc < 0)
			lose(s, -EBADMSG, "the server broke the WebSocket framing");
	}
}

/* Until nothing is left: what TLS holds already, epoll does not see. */
static void net_in(struct stream *s)
{
	uint8_t chunk[32 * 1024];
	size_t got = 0;

	s->more = false;
	while (s->dial) {
		ssize_t n = dial_recv(s->dial, chunk, sizeof chunk);

		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			lose(s, -EPIPE,
				n == 0 ? "the connection was closed" : "the connection broke");
			return;
		}
		s->heard_ms = clock_now_ms();
		s->stdin_unheard = false;
		take_bytes(s, chunk, n);
		got += n;
		if (got >= TURN_BYTES && s->dial) {
			s->more = true;
			return;
		}
	}
}

/* --- user to network --- */

static void send_close(struct stream *s)
{
	s->reading = false;
	if (!s->dial || s->close_sent)
		return;
	note_end(s, -ECANCELED, "closed from this side", "", 0);
	ws_encode_close(&s->out.next, WS_CODE_NORMAL, outbox_key(&s->out));
	s->close_sent = true;
}

/* The user has written nothing more for now: what waited for that is done. */
static void user_is_empty(struct stream *s, struct control_asked asked)
{
	if (asked.eof && !s->eof_sent) {
		channel_eof(&s->out.next, outbox_key(&s->out));
		s->eof_sent = true;
	}
	if (asked.close)
		send_close(s);
}

static void take_stdin(struct stream *s, const char *bytes, size_t n)
{
	if (s->eof_sent || !s->dial)
		return;
	channel_data(&s->out.next, bytes, n, outbox_key(&s->out));
	s->stdin_unheard = true;
	trace(EXEC, "stream %d: > channel 0, %zu bytes", s->net.fd, n);
}

static void user_in(struct stream *s)
{
	struct control_asked asked = control_asked(&s->control);
	bool to_the_end = asked.close || asked.eof;
	char chunk[CHANNEL_DATA_MAX];

	for (int i = 0; s->reading && outbox_unsent(&s->out) < NET_SEND_MAX &&
			(i < TURN_READS || to_the_end);
		i++) {
		ssize_t n = recv(s->user.fd, chunk, sizeof chunk, MSG_DONTWAIT);

		if (n > 0) {
			take_stdin(s, chunk, n);
			if ((size_t)n < sizeof chunk && !to_the_end)
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

/* --- turns --- */

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void tell_flushed(struct stream *s)
{
	if (s->flushed)
		return;
	s->flushed = true;
	s->end_ms = earlier(s->end_ms, clock_now_ms() + s->times->linger_ms);
	control_flushed(&s->control);
}

static void settle(struct stream *s)
{
	unsigned user = 0;

	if (s->user.fd < 0)
		return;
	if (!s->dial && (s->closing || undelivered(s) == 0)) {
		finish(s);
		return;
	}
	if (s->close_sent && s->dial && outbox_unsent(&s->out) == 0)
		tell_flushed(s);
	if (s->reading && s->dial && outbox_unsent(&s->out) < NET_SEND_MAX)
		user |= EPOLLIN;
	if (s->delivering && undelivered(s) > 0)
		user |= EPOLLOUT;
	watch(s, &s->user, user);
	if (s->dial)
		watch(s, &s->net, EPOLLIN | (s->out.blocked ? EPOLLOUT : 0));
}

static void turn(struct stream *s, bool net, bool user)
{
	bool full = outbox_unsent(&s->out) >= NET_SEND_MAX;

	if (net)
		net_in(s);
	if (user)
		user_in(s);
	flush(s);
	/* What was asked waits for room, and an empty pair makes no event. */
	if (!user && full && outbox_unsent(&s->out) < NET_SEND_MAX) {
		user_in(s);
		flush(s);
	}
	deliver_backlog(s);
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

void stream_serve(struct stream *s, int epoll_fd)
{
	struct control_asked asked;

	if (stream_is_gone(s))
		return;
	if (s->epoll_fd < 0)
		begin(s, epoll_fd);
	asked = control_take_asked(&s->control);
	if (asked.resize && s->dial && !s->close_sent)
		channel_resize(&s->out.next, asked.cols, asked.rows, outbox_key(&s->out));
	if (asked.close && !s->closing) {
		s->closing = true;
		s->end_ms = earlier(s->end_ms, clock_now_ms() + s->times->linger_ms);
	}
	turn(s, true, true);
}

void stream_ready(struct stream *s, enum stream_side side)
{
	if (!stream_is_gone(s))
		turn(s, side == STREAM_NET, side == STREAM_USER);
}

static int silence_ms(const struct stream *s)
{
	return s->stdin_unheard || outbox_unsent(&s->out) > 0 ? s->times->stalled_ms
							      : s->times->silence_ms;
}

/* Keeping alive ends with the Status: an unread ping can cost the tail (KUBERNETES.md 1.11). */
static void keep_alive(struct stream *s, int64_t now)
{
	if (s->status_ms || s->close_sent || s->out.next.len > NET_SEND_MAX)
		return;
	if (now >= s->ping_ms) {
		ws_encode(&s->out.next, WS_PING, outbox_key(&s->out), NULL, 0);
		s->ping_ms = now + s->times->ping_ms;
	}
	if (now >= s->keepalive_ms) {
		channel_keepalive(&s->out.next, outbox_key(&s->out));
		s->keepalive_ms = now + s->times->keepalive_ms;
	}
}

void stream_tick(struct stream *s)
{
	int64_t now = clock_now_ms();

	if (stream_is_gone(s) || !s->dial)
		return;
	keep_alive(s, now);
	if (now >= s->end_ms)
		lose(s, -ECANCELED, "closed from this side");
	else if (s->status_ms && now >= s->heard_ms + s->times->grace_ms)
		lose(s, 0, "the command is over, though the server did not close the stream");
	else if (now >= s->heard_ms + silence_ms(s))
		lose(s, -ETIMEDOUT, "the server fell silent");
	turn(s, false, false);
}

int64_t stream_due_ms(const struct stream *s)
{
	int64_t due = s->end_ms;

	if (!s->dial)
		return INT64_MAX;
	due = earlier(due, s->heard_ms + silence_ms(s));
	if (s->status_ms)
		return earlier(due, s->heard_ms + s->times->grace_ms);
	if (s->close_sent || s->out.next.len > NET_SEND_MAX)
		return due;
	return earlier(due, earlier(s->ping_ms, s->keepalive_ms));
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
	note_end(s, -ECANCELED, "closed from this side", "", 0);
	finish(s);
}
