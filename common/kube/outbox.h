/*
 * Frames on their way to the network. What is being sent lies still, since TLS
 * must be given the same bytes again after -EAGAIN; new frames gather in `next`
 * meanwhile, and the two swap. One thread.
 */
#ifndef SBX_KUBE_OUTBOX_H
#define SBX_KUBE_OUTBOX_H

#include "common/base/buf.h"

struct dial;

struct outbox {
	struct buf next; /* whole frames, not yet begun: append here */
	struct buf now;  /* the first `sent` bytes are gone */
	size_t sent;
	bool blocked; /* the network takes nothing now: wait for EPOLLOUT */
	bool dead; /* it never will; frames are thrown away. What it sent before may still come */
	uint8_t keys[256]; /* random bytes for masks */
	size_t keys_left;
};

void outbox_init(struct outbox *o, size_t max_bytes);
void outbox_fini(struct outbox *o);

/* Four bytes that the peer cannot foresee, other ones each time; borrowed. For ws.h. */
const uint8_t *outbox_key(struct outbox *o);

size_t outbox_unsent(const struct outbox *o);
void outbox_flush(struct outbox *o, struct dial *d); /* sends what goes without waiting */

#endif
