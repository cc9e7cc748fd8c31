/*
 * What a session has done, counted where it is done: requests in call.c, runs in run.c, bytes by the mux of
 * each stream. Relaxed atomics, so that counting costs a request some nanoseconds.
 */
#ifndef SBX_SESSION_METER_H
#define SBX_SESSION_METER_H

#include "common/base/buf.h"
#include "common/remote/remote.h"

/* Four to each power of two of microseconds: a time is known to an eighth. */
#define METER_BUCKETS 128
/* After so many all are halved, so that the median is that of the last some thousand. */
#define METER_FADES_AT 4096

struct meter {
	struct remote_traffic traffic; /* of all streams, their headers included */
	atomic_ulong requests;         /* put on a stream; one that was repeated counts twice */
	atomic_ulong timed_out;
	atomic_ulong runs;     /* started, or attached to */
	atomic_uint under_way; /* requests whose answer is due */
	atomic_uint in_buckets;
	atomic_uint took[METER_BUCKETS];
};

/* A request goes. When it did, for meter_answered. */
int64_t meter_sent(struct meter *m);
/* rc: what came of it. One that was lost or given up is no round trip. */
void meter_answered(struct meter *m, int64_t sent_us, int rc);

/* Of the last round trips, in microseconds; 0: there was none. */
uint64_t meter_median_us(struct meter *m);

/* Members of a JSON object, no braces. waiting: requests that have no stream yet. */
void meter_describe(struct meter *m, unsigned waiting, struct buf *ret);

/* What is counted of a time, and the middle of that bucket; for tests. */
unsigned meter_bucket(uint64_t us);
uint64_t meter_bucket_us(unsigned bucket);

#endif
