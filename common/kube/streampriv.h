/*
 * What the stream's parts share: stream.c, streamin.c, streamframe.c, streamtick.c. Nobody else includes it.
 */
#ifndef SBX_KUBE_STREAMPRIV_H
#define SBX_KUBE_STREAMPRIV_H

#include "common/kube/delivery.h"
#include "common/kube/dial.h"
#include "common/kube/outbox.h"
#include "common/kube/portchannel.h"
#include "common/kube/spdy.h"
#include "common/kube/stream.h"
#include "common/kube/ws.h"

struct stream {
	unsigned refs; /* atomic */
	const struct stream_times *times;

	/* The net thread's. */
	struct stream_watch net, user;
	int epoll_fd; /* -1: not begun */
	struct ws_decoder decoder;
	struct delivery delivery;
	bool reading; /* the user may write still */
	bool closing; /* the user wants nothing more */
	bool flushed;
	bool more;
	bool may_pause; /* stream_may_pause */
	bool is_port;   /* then what comes goes by: */
	struct portchannel port;
	bool is_spdy; /* or by: */
	struct spdy_decoder spdy;
	char *piece; /* with it: SPDY_DATA_MAX bytes of the user's; else NULL */
	int64_t heard_ms, ping_ms, keepalive_ms;
	int64_t status_ms; /* when the Status came; 0 */
	int64_t end_ms;    /* cut it off then; INT64_MAX */
	struct stream_end ended;
	bool has_ended; /* ended is set; the first reason counts */

	/* Both net thread and putters; the net thread alone sets dial and the two flags, and may look at
	 * them without it. */
	pthread_mutex_t lock;
	struct dial *dial;
	bool eof_sent, close_sent;
	struct outbox out;
	uint32_t ping_id;   /* SPDY's next one is two more */
	bool hungry;        /* a put was cut short: tell when there is room */
	bool stdin_unheard; /* stdin went out, and nothing came since */

	struct control control; /* the one thing that other threads see */
};

static inline int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Nothing is read from the network: the user is slow. Not when it has asked for the end. */
bool stream_is_paused(const struct stream *s);

/* The stream is over at this end of the network; what came is still delivered. */
void stream_lose(struct stream *s, int rc, const char *why);

/* Why it ends; the first that is said counts. detail: n foreign bytes. */
void stream_note_end(struct stream *s, int rc, const char *why, const void *detail, size_t n);
void stream_drop_net(struct stream *s);
void stream_add_close(struct stream *s);
void stream_flush(
	struct stream *s); /* what is to go out, as far as it goes; tells who puts of room */

/* streamin.c: takes what has come, for one turn */
void stream_net_in(struct stream *s);

/* streamframe.c; lock held, appended to out.next. */
void frame_data(struct stream *s, const void *bytes, size_t n); /* frame_max at most */
size_t frame_max(const struct stream *s);

void frame_ping(struct stream *s);
void frame_keepalive(struct stream *s);
void frame_close(struct stream *s);

/* What there is to do: on the network's side, the user's, or just what waits. */
void stream_turn(struct stream *s, bool net, bool user);

#endif
