/*
 * WebSocket framing, the client's half (RFC 6455): frames to bytes and bytes
 * to messages. Pure bytes, no I/O, no clock, no randomness.
 *
 * What is sent is always one final, masked frame per message: the API server
 * does not reassemble fragments (KUBERNETES.md 1.7). What is received may be
 * fragmented, with control frames between, and of any size up to a ceiling.
 * Extensions and compression are never offered, so reserved bits are errors.
 */
#ifndef SBX_KUBE_WS_H
#define SBX_KUBE_WS_H

#include "common/base/buf.h"

#include <sys/uio.h>

#define WS_CONTROL_MAX 125           /* payload of a ping, pong or close (RFC 6455 5.5) */
#define WS_HEAD_MAX    14            /* bytes before the payload of a masked frame */
#define WS_MESSAGE_MAX (1024 * 1024) /* ceiling of one received message */

enum ws_op {
	WS_CONTINUE = 0x0, /* never an event */
	WS_TEXT = 0x1,
	WS_BINARY = 0x2,
	WS_CLOSE = 0x8,
	WS_PING = 0x9,
	WS_PONG = 0xa,
};

/* Close codes that we send or look at (RFC 6455 7.4.1). */
enum ws_code {
	WS_CODE_NORMAL = 1000,
	WS_CODE_PROTOCOL = 1002,
	WS_CODE_NONE = 1005, /* the close frame told none; never on the wire */
	WS_CODE_TOO_BIG = 1009,
};

/*
 * Appends one frame whose payload is the parts, in order. key: four bytes that
 * the peer cannot foresee, fresh for each frame (RFC 6455 5.3). A control frame's
 * payload is at most WS_CONTROL_MAX. Past ret->max nothing is appended (buf_check).
 */
void ws_encode(struct buf *ret, enum ws_op op, const uint8_t key[static 4],
	const struct iovec *parts, size_t count);

/* A close frame with a code and no reason. */
void ws_encode_close(struct buf *ret, enum ws_code code, const uint8_t key[static 4]);

struct ws_event {
	enum ws_op op;       /* WS_TEXT, WS_BINARY, WS_CLOSE, WS_PING or WS_PONG */
	const uint8_t *data; /* the whole message; of a close: the reason. Borrowed until the next
				ws_decode */
	size_t n;
	uint16_t code; /* of a close; WS_CODE_NONE when it told none */
};

/* Allocated by the caller; members belong to ws.c. */
struct ws_decoder {
	uint8_t head[10];
	size_t head_n;
	uint64_t left; /* payload bytes of this frame still to come */
	bool in_payload;
	enum ws_op op;      /* of this frame */
	enum ws_op message; /* of the fragmented message that stands open; WS_CONTINUE: none */
	bool final;
	bool closed;        /* a close has been reported: the rest is not for us */
	struct buf data;    /* of the message so far */
	struct buf control; /* of the control frame so far */
};

void ws_decoder_init(struct ws_decoder *d);
void ws_decoder_fini(struct ws_decoder *d);

/*
 * Takes bytes from *bytes (moves *bytes and *n) until an event is there or they are used up. How
 * they are split makes no difference to the events. The bytes must stay until the next call.
 *	1	*ret is an event; call again with what is left
 *	0	all bytes used; no event
 *	-EBADMSG	the peer broke the framing, or sent a message over WS_MESSAGE_MAX; as from
 *now on Not checked: that text and close reasons are UTF-8.
 */
int ws_decode(struct ws_decoder *d, const uint8_t **bytes, size_t *n, struct ws_event *ret);

#endif
