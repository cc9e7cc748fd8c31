/*
 * The HTTP/1.1 upgrade to a WebSocket, or to SPDY: the request's lines, and the answer
 * read from bytes (RFC 6455 4, RFC 9112 for a refusal's body). No I/O.
 */
#ifndef SBX_KUBE_UPGRADE_H
#define SBX_KUBE_UPGRADE_H

#include "common/base/buf.h"

#define UPGRADE_HEAD_MAX  (64 * 1024)
#define UPGRADE_BODY_MAX  (256 * 1024)
#define UPGRADE_KEY_BYTES 25 /* base64 of 16 random bytes, and NUL */

/* From 16 random bytes. */
void upgrade_key(const uint8_t random[static 16], char ret[static UPGRADE_KEY_BYTES]);

/* What the server must answer in Sec-WebSocket-Accept; 28 characters. Also for test servers. */
void upgrade_accept(const char *key, char ret[static 29]);

/*
 * Upgrade, Connection and Sec-WebSocket lines; protocols in one line (servers read only the first). SPDY_PROTOCOL
 * (spdy.h): no WebSocket, SPDY's lines; its streams are those of CHANNEL_V4.
 */
void upgrade_request(struct buf *ret, const char *key, const char *protocols);

enum upgrade_body { UPGRADE_TO_CLOSE, UPGRADE_LENGTH, UPGRADE_CHUNKED };

struct upgrade_answer {
	int status;             /* 101: upgraded, everything checked */
	size_t head_n;          /* bytes of the head; behind it come frames, or the body */
	char protocol[64];      /* with 101: one of those offered */
	enum upgrade_body body; /* with others */
	uint64_t length;        /* with UPGRADE_LENGTH */
};

/*
 * Reads the answer's head. Interim answers (100 to 199 but 101) are passed over.
 * 1: *ret is set; 0: not all here yet; -EBADMSG: no HTTP, or a 101 that is wrong (key, protocol,
 * extensions); -EMSGSIZE: longer than UPGRADE_HEAD_MAX.
 */
int upgrade_answer(const char *bytes, size_t n, const char *key, const char *protocols,
	struct upgrade_answer *ret);

/*
 * Takes the body out of raw, the bytes behind the head so far; ended: the connection is over.
 * 1: *ret holds all of it, or as much as its ceiling takes; 0: not all here yet; -EBADMSG.
 */
int upgrade_body(
	const struct upgrade_answer *a, const char *raw, size_t n, bool ended, struct buf *ret);

#endif
