/*
 * The sub-protocols of exec and attach, from the server's side: which there
 * are, and how a message of each is taken apart and put together.
 *
 * Fact sources: k8s.io/streaming wsstream (conn.go), apiserver
 * util/remotecommand; a message is one byte of channel and its bytes; the base64
 * ones are text, an ASCII digit and base64. v4 and later end with a Status on
 * channel 3; v5 closes a channel by the two bytes 255, channel.
 */
#ifndef SBX_LOCAL_CHANNEL_H
#define SBX_LOCAL_CHANNEL_H

#include "common/base/buf.h"

#define CHANNEL_MESSAGE_MAX (2u << 20) /* of the base64 ones, which are taken whole */

struct protocol {
	const char *name;
	bool base64;
	bool status; /* ends with a Status; else with a text on failure only */
	bool close;  /* knows channel 255 */
};

const struct protocol *protocol_named(const char *name); /* NULL: unknown */
const struct protocol *protocol_nth(size_t i);

/* Of "a, b, c" the first that is known, or NULL. */
const struct protocol *protocol_choose(const char *offered);

/* A whole base64 message into channel and bytes. -EBADMSG. */
int channel_decode_text(const char *text, size_t n, uint8_t *ret_channel, struct buf *ret);
void channel_encode_text(uint8_t channel, const void *bytes, size_t n, struct buf *ret);

/* {"Width": N, "Height": N}. -EBADMSG. */
int channel_parse_resize(const char *text, size_t n, uint16_t *ret_columns, uint16_t *ret_rows);

#endif
