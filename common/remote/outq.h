/*
 * What a stream has not taken yet, in order. Not locked: one user at a time.
 */
#ifndef SBX_REMOTE_OUTQ_H
#define SBX_REMOTE_OUTQ_H

#include "common/base/buf.h"

struct outq {
	int fd;           /* a socket; borrowed */
	struct buf bytes; /* from at; its ceiling is the queue's */
	size_t at;
	int64_t taken_ms; /* when the stream took queued bytes last; 0: never */
};

void outq_init(struct outq *q, int fd, size_t max_bytes);
void outq_fini(struct outq *q);
size_t outq_left(const struct outq *q);

/* Neither blocks. -EPIPE: the stream has ended, maybe within a frame; -EMSGSIZE past the ceiling.
 */
int outq_put(struct outq *q, const void *bytes, size_t n);
int outq_drain(struct outq *q);

#endif
