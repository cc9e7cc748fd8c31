#include "common/session/meter.h"

#include "common/base/clock.h"

#define STEPS 4 /* of each power of two */

unsigned meter_bucket(uint64_t us)
{
	unsigned power, bucket;

	if (us < STEPS)
		return (unsigned)us;
	power = 63 - (unsigned)__builtin_clzll(us); /* 2 at least */
	bucket = STEPS * (power - 1) + (unsigned)(us >> (power - 2) & (STEPS - 1));
	return bucket < METER_BUCKETS ? bucket : METER_BUCKETS - 1;
}

uint64_t meter_bucket_us(unsigned bucket)
{
	unsigned power = bucket / STEPS + 1;
	uint64_t step;

	if (bucket < STEPS)
		return bucket;
	step = UINT64_C(1) << (power - 2);
	return (STEPS + bucket % STEPS) * step + step / 2;
}

int64_t meter_sent(struct meter *m)
{
	atomic_fetch_add_explicit(&m->requests, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&m->under_way, 1, memory_order_relaxed);
	return clock_now_us();
}

/* What others count meanwhile may be lost: it is a sample. */
static void fade(struct meter *m)
{
	unsigned left = 0;

	for (size_t i = 0; i < METER_BUCKETS; i++) {
		unsigned n = atomic_load_explicit(&m->took[i], memory_order_relaxed) / 2;

		atomic_store_explicit(&m->took[i], n, memory_order_relaxed);
		left += n;
	}
	atomic_store_explicit(&m->in_buckets, left, memory_order_relaxed);
}

void meter_answered(struct meter *m, int64_t sent_us, int rc)
{
	int64_t took_us = clock_now_us() - sent_us;

	atomic_fetch_sub_explicit(&m->under_way, 1, memory_order_relaxed);
	if (rc == -ETIMEDOUT)
		atomic_fetch_add_explicit(&m->timed_out, 1, memory_order_relaxed);
	if (rc == -ETIMEDOUT || rc == -EPIPE || rc == -ENOBUFS)
		return;
	atomic_fetch_add_explicit(
		&m->took[meter_bucket((uint64_t)took_us)], 1, memory_order_relaxed);
	if (atomic_fetch_add_explicit(&m->in_buckets, 1, memory_order_relaxed) + 1 ==
		METER_FADES_AT)
		fade(m);
}

uint64_t meter_median_us(struct meter *m)
{
	unsigned took[METER_BUCKETS], all = 0, below = 0;

	for (size_t i = 0; i < METER_BUCKETS; i++)
		all += took[i] = atomic_load_explicit(&m->took[i], memory_order_relaxed);
	for (unsigned i = 0; i < METER_BUCKETS; i++) {
		below += took[i];
		if (took[i] && 2 * below >= all)
			return meter_bucket_us(i);
	}
	return 0;
}

void meter_describe(struct meter *m, unsigned waiting, struct buf *ret)
{
	buf_printf(ret, "\"requests\":%lu,\"timed_out\":%lu,\"waiting\":%u,\"median_us\":%llu",
		atomic_load(&m->requests), atomic_load(&m->timed_out),
		waiting + atomic_load(&m->under_way), (unsigned long long)meter_median_us(m));
	buf_printf(ret, ",\"bytes_out\":%llu,\"bytes_in\":%llu,\"runs\":%lu",
		(unsigned long long)atomic_load(&m->traffic.out),
		(unsigned long long)atomic_load(&m->traffic.in), atomic_load(&m->runs));
	buf_printf(ret, ",\"messages_out\":%lu,\"messages_in\":%lu",
		atomic_load(&m->traffic.messages_out), atomic_load(&m->traffic.messages_in));
}
