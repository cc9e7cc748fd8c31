/* What a stream says to the server beside answers, in WebSocket messages or in SPDY's frames. */
#include "common/kube/channel.h"
#include "common/kube/streampriv.h"

void stream_is_spdy(struct stream *s)
{
	s->is_spdy = true;
	s->piece = xmalloc(SPDY_DATA_MAX);
	spdy_open(&s->out.next);
}

size_t frame_max(const struct stream *s)
{
	return s->is_spdy ? SPDY_DATA_MAX : CHANNEL_DATA_MAX;
}

void frame_data(struct stream *s, const void *bytes, size_t n)
{
	if (s->is_spdy)
		spdy_data(&s->out.next, bytes, n);
	else
		channel_data(&s->out.next, bytes, n, outbox_key(&s->out));
}

void frame_ping(struct stream *s)
{
	if (s->is_spdy)
		spdy_ping(&s->out.next, s->ping_id += 2);
	else
		ws_encode(&s->out.next, WS_PING, outbox_key(&s->out), NULL, 0);
}

/* In SPDY any frame keeps a stream alive. */
void frame_keepalive(struct stream *s)
{
	if (s->is_spdy)
		frame_ping(s);
	else
		channel_keepalive(&s->out.next, outbox_key(&s->out));
}

void frame_close(struct stream *s)
{
	if (s->is_spdy)
		spdy_close(&s->out.next);
	else
		ws_encode_close(&s->out.next, WS_CODE_NORMAL, outbox_key(&s->out));
}
