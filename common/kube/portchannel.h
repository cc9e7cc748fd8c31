/*
 * The messages of pods/portforward in its WebSocket form, one port a connection. Pure bytes, no I/O.
 * Facts: KUBERNETES.md 2.1 (k8s.io/cri-streaming portforward/websocket.go).
 *
 * A message is one byte, the channel, and its data: 0 is what the port says (and is told), 1 is text on
 * what went wrong. What comes first on either channel is the port's number, two bytes, the low one first.
 */
#ifndef SBX_KUBE_PORTCHANNEL_H
#define SBX_KUBE_PORTCHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct portchannel {
	uint16_t port;
	size_t named[2]; /* bytes of its number that have come, by channel */
};

void portchannel_init(struct portchannel *c, uint16_t port);

struct portchannel_message {
	bool error;
	const uint8_t *data; /* borrowed */
	size_t n;
};

/* 1: *ret is for the user; 0: nothing is; -EBADMSG: another channel, or another port. */
int portchannel_take(
	struct portchannel *c, const void *message, size_t n, struct portchannel_message *ret);

#endif
