/* What comes from the network, to the user or to whom it concerns. */
#include "common/base/clock.h"
#include "common/base/lock.h"
#include "common/base/log.h"
#include "common/kube/channel.h"
#include "common/kube/net.h"
#include "common/kube/streampriv.h"

#define TURN_BYTES (128 * 1024) /* received in one turn; then others have theirs */
#define LITTLE     (8 * 1024)   /* received at once */

static void deliver(struct stream *s, const uint8_t *bytes, size_t n)
{
	if (delivery_put(&s->delivery, bytes, n) < 0)
		stream_lose(s, -ENOBUFS, "too much output waited for a reader that does not read");
}

static void note_status(struct stream *s, const uint8_t *bytes, size_t n)
{
	control_add_status(&s->control, bytes, n);
	s->status_ms = s->heard_ms;
}

static void take_port_message(struct stream *s, const struct ws_event *e)
{
	struct portchannel_message m;
	int rc = portchannel_take(&s->port, e->data, e->n, &m);

	trace(EXEC, "stream %d: < %zu bytes of a port", s->net.fd, e->n);
	if (rc < 0)
		stream_lose(s, -EBADMSG, "the server sent what belongs to no port");
	else if (rc && m.error)
		note_status(s, m.data, m.n);
	else if (rc)
		deliver(s, m.data, m.n);
}

static void take_message(struct stream *s, const struct channel_message *m)
{
	trace(EXEC, "stream %d: < channel %d, %zu bytes", s->net.fd, m->channel, m->n);
	if (m->channel == CHANNEL_STDOUT) {
		deliver(s, m->data, m->n);
	} else if (m->channel == CHANNEL_STDERR) {
		control_add_stderr(&s->control, m->data, m->n);
	} else if (m->n > 0) {
		note_status(s, m->data, m->n);
	}
}

static void take_binary(struct stream *s, const struct ws_event *e)
{
	struct channel_message m;

	if (s->is_port)
		take_port_message(s, e);
	else if (channel_take(e->data, e->n, &m))
		take_message(s, &m);
}

/* A flood of pings is not worth memory: what finds no room is not answered. */
static void pong(struct stream *s, const struct ws_event *e)
{
	struct iovec part = { (void *)(uintptr_t)e->data, e->n };

	scoped_lock(&s->lock);
	if (s->out.next.len <= NET_SEND_MAX && !s->close_sent)
		ws_encode(&s->out.next, WS_PONG, outbox_key(&s->out), &part, 1);
}

/* RFC 6455 wants an answer; if it does not go at once, nobody waits for it. */
static void take_close(struct stream *s, const struct ws_event *e)
{
	char why[64];

	snprintf(why, sizeof why, "the server closed the stream (%u) ", e->code);
	stream_note_end(s, 0, why, e->data, e->n);
	if (!s->close_sent) {
		stream_add_close(s);
		stream_flush(s);
	}
	stream_drop_net(s);
}

static void take_event(struct stream *s, const struct ws_event *e)
{
	switch (e->op) {
	case WS_BINARY:
		take_binary(s, e);
		break;
	case WS_PING:
		pong(s, e);
		break;
	case WS_CLOSE:
		take_close(s, e);
		break;
	case WS_TEXT:
		stream_lose(s, -EBADMSG, "the server sent text where bytes belong");
		break;
	case WS_PONG:
	case WS_CONTINUE:
		break;
	}
}

static void take_spdy_event(struct stream *s, const struct spdy_event *e)
{
	switch (e->kind) {
	case SPDY_DATA:
		take_message(s, &e->message);
		return;
	case SPDY_PING: {
		scoped_lock(&s->lock);
		if (s->out.next.len <= NET_SEND_MAX && !s->close_sent)
			spdy_ping(&s->out.next, e->id);
		return;
	}
	case SPDY_CLOSE:
		stream_note_end(s, 0, "the server closed the stream", "", 0);
		return;
	}
}

static void take_spdy(struct stream *s, const uint8_t *bytes, size_t n)
{
	struct spdy_event e;
	int rc = 1;

	while (s->dial && rc > 0) {
		rc = spdy_decode(&s->spdy, &bytes, &n, &e);
		if (rc > 0)
			take_spdy_event(s, &e);
		if (rc < 0)
			stream_lose(s, -EBADMSG, "the server broke the SPDY framing");
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
			stream_lose(s, -EBADMSG, "the server broke the WebSocket framing");
	}
}

static ssize_t receive(struct stream *s, uint8_t *bytes, size_t n, bool *ret_more)
{
	ssize_t got;

	scoped_lock(&s->lock);
	got = dial_recv(s->dial, bytes, n);
	*ret_more = dial_has_more(s->dial);
	s->stdin_unheard = s->stdin_unheard && got <= 0;
	return got;
}

/*
 * Until TLS holds nothing any more, which epoll does not see. What the socket holds it sees: so after
 * little, which mostly is all there is, it is asked rather than the socket.
 */
void stream_net_in(struct stream *s)
{
	uint8_t chunk[32 * 1024];
	bool more = true;
	size_t got = 0;

	s->more = false;
	while (s->dial && more && !stream_is_paused(s)) {
		ssize_t n = receive(s, chunk, sizeof chunk, &more);

		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			stream_lose(s, -EPIPE,
				n == 0 ? "the connection was closed" : "the connection broke");
			return;
		}
		s->heard_ms = clock_now_ms();
		(s->is_spdy ? take_spdy : take_bytes)(s, chunk, (size_t)n);
		got += n;
		more = more || n >= LITTLE;
		if (got >= TURN_BYTES && s->dial) {
			s->more = true;
			return;
		}
	}
}
