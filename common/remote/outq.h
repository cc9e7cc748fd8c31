/*
 * Requests on their way to a stream, in order. Not locked: who uses it sees to that, and to it that one
 * thread at a time is between outq_take and outq_took.
 */
#ifndef SBX_REMOTE_OUTQ_H
#define SBX_REMOTE_OUTQ_H

#include "common/base/buf.h"
#include "common/base/duct.h"

struct outq {
	int fd;            /* a socket; borrowed */
	struct duct *duct; /* borrowed; NULL: fd */
	struct buf rest;   /* from at: what the stream did not take when it was sent */
	size_t at;
	struct buf queued;   /* behind it */
	struct buf going;    /* out of the queue, being sent */
	const char *sending; /* what outq_take gave out; NULL: nothing */
	size_t sending_n;
	int64_t taken_ms; /* when the stream took bytes of the rest last; 0: never */
};

void outq_init(struct outq *q, int fd, size_t max_bytes);
void outq_fini(struct outq *q);
size_t outq_left(const struct outq *q); /* of all */

/* The stream did not take all: try again when it has room. */
bool outq_stuck(const struct outq *q);
bool outq_waits(const struct outq *q); /* something is queued that nobody has tried to send */

void outq_put(struct outq *q, const void *bytes, size_t n);

/*
 * What to send next: what outq_send then takes, without a lock, and outq_took with one. room: the
 * rest may be tried again. False: nothing now, or it is being sent.
 */
bool outq_take(struct outq *q, bool room);

/* The same with bytes that were never queued, when nothing else is: n of them, kept until outq_took. */
bool outq_take_these(struct outq *q, const void *bytes, size_t n);

/* Does not block. How many were taken; -EPIPE: the stream has ended, maybe within a frame. */
ssize_t outq_send(const struct outq *q);

/* put: what outq_send said, or 0. -EMSGSIZE: past the ceiling. */
int outq_took(struct outq *q, size_t put);

#endif
