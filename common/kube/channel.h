/*
 * The exec subprotocols v4.channel.k8s.io and v5.channel.k8s.io: what stands
 * inside the WebSocket messages. Pure bytes, no I/O. Facts: KUBERNETES.md 1.3
 * to 1.6 (k8s.io/apimachinery util/remotecommand; k8s.io/streaming wsstream).
 *
 * A message is one byte, the channel, and its data. The first message from the
 * server is a lone channel byte: connected. Channel 3 carries one Status as
 * JSON, at the end, collected until the stream closes.
 */
#ifndef SBX_KUBE_CHANNEL_H
#define SBX_KUBE_CHANNEL_H

#include "common/base/buf.h"

enum channel {
	CHANNEL_STDIN = 0, /* to the server */
	CHANNEL_STDOUT = 1,
	CHANNEL_STDERR = 2,
	CHANNEL_STATUS = 3,
	CHANNEL_RESIZE =
		4, /* to the server; JSON; tty only: without one the second wedges the stream */
	CHANNEL_CLOSE = 255, /* v5, to the server: the byte after it names the channel that ends */
};

#define CHANNEL_V4         "v4.channel.k8s.io"
#define CHANNEL_V5         "v5.channel.k8s.io"
#define CHANNEL_DATA_MAX   (32 * 1024) /* what everything behind the API server copies in */
#define CHANNEL_STATUS_MAX (64 * 1024)

/* Each appends one whole masked WebSocket frame; n at most CHANNEL_DATA_MAX. key as in ws.h. */
void channel_data(struct buf *ret, const void *bytes, size_t n, const uint8_t key[static 4]);
void channel_resize(struct buf *ret, uint16_t cols, uint16_t rows, const uint8_t key[static 4]);
void channel_eof(struct buf *ret, const uint8_t key[static 4]); /* v5: ends channel 0 */
void channel_keepalive(
	struct buf *ret, const uint8_t key[static 4]); /* empty: all servers ignore it */

struct channel_message {
	enum channel channel;
	const uint8_t
		*data; /* borrowed; n 0 on STDOUT, STDERR, STATUS: the connected mark, or nothing */
	size_t n;
};

/* What the server sent. false: not for us (empty, or a channel that a client does not know). */
bool channel_take(const void *message, size_t n, struct channel_message *ret);

/* The Status of channel 3. */
struct channel_status {
	bool success;
	int exit_code;   /* 0 on success; 0 to 255; -1: it tells none (the command never ran, or who
			    knows) */
	char reason[64]; /* "NonZeroExitCode", "InternalError", or ""; control bytes as they came */
	char message[1024]; /* cut; as it came: escape before showing */
};

/*
 * Tolerant: unknown and missing members are passed over, only `status` must be there.
 * -EBADMSG: not JSON, not an object, or neither Success nor Failure.
 */
int channel_status(const void *json, size_t n, struct channel_status *ret);

#endif
