/*
 * SPDY/3.1 as far as an exec stream needs it: the way of kubectl before there were WebSockets, which every API
 * server still knows. Pure bytes, no I/O. Facts: draft-mbelshe-httpbis-spdy-00 (frames), k8s.io/apimachinery
 * httpstream/spdy and remotecommand v4 (which streams, which headers).
 *
 * Why it is here: what goes to a process costs a runtime about 12 ms of processor a MiB in WebSocket messages, which
 * it unmasks byte by byte into buffers that grow, and little in SPDY's frames. What comes costs the same.
 *
 * Nobody on the way looks at SPDY's windows, so there are none here.
 */
#ifndef SBX_KUBE_SPDY_H
#define SBX_KUBE_SPDY_H

#include "common/kube/channel.h"

#define SPDY_PROTOCOL "SPDY/3.1"
#define SPDY_DATA_MAX                                                                              \
	(128 * 1024) /* of ours: a runtime's work is less a byte than in smaller ones */
#define SPDY_CONTROL_MAX (64 * 1024) /* of a control frame that the server sends */

/* The streams of an exec without a terminal, first of all. */
void spdy_open(struct buf *ret);

void spdy_data(struct buf *ret, const void *bytes, size_t n); /* for stdin */
void spdy_ping(struct buf *ret, uint32_t id); /* odd: ours; even: the answer to the server's */
void spdy_close(struct buf *ret);

enum spdy_kind { SPDY_DATA, SPDY_PING, SPDY_CLOSE };

struct spdy_event {
	enum spdy_kind kind;
	struct channel_message message; /* of DATA: as it came, however split */
	uint32_t id;                    /* of the server's PING, even */
};

/* Allocated by the caller, zeroed; members belong to spdy.c. */
struct spdy_decoder {
	uint8_t head[8];
	size_t head_n;
	uint32_t left;   /* bytes of this frame still to come */
	uint8_t body[4]; /* its first ones, of a control frame */
	size_t body_n;
	bool broken;
};

/*
 * Takes bytes from *bytes (moves *bytes and *n) until an event is there or they are used up; borrowed until the next
 * call. 1: *ret; 0: all are used; -EBADMSG: no SPDY/3.1, or a stream that we have not opened; so from then on.
 */
int spdy_decode(struct spdy_decoder *d, const uint8_t **bytes, size_t *n, struct spdy_event *ret);

#endif
