/* What a session counts. */
#include "tests/lib/test.h"
#include "common/base/clock.h"
#include "common/session/meter.h"
#include "common/session/session.h"

static void a_time_is_known_to_an_eighth(void **state)
{
	for (uint64_t us = 0; us < 100000000; us += us / 50 + 1) {
		unsigned b = meter_bucket(us);
		uint64_t shown = meter_bucket_us(b), off = shown > us ? shown - us : us - shown;

		assert_true(b < METER_BUCKETS);
		assert_true(off <= us / 8);
	}
	assert_true(meter_bucket(UINT64_MAX) == METER_BUCKETS - 1);
}

static void buckets_grow_with_time(void **state)
{
	for (unsigned b = 1; b < METER_BUCKETS; b++) {
		assert_true(meter_bucket_us(b) > meter_bucket_us(b - 1));
		assert_int_equal(meter_bucket(meter_bucket_us(b)), b);
	}
}

static void put(struct meter *m, uint64_t us, unsigned times)
{
	atomic_fetch_add(&m->took[meter_bucket(us)], times);
	atomic_fetch_add(&m->in_buckets, times);
}

static void the_median_is_the_middle_one(void **state)
{
	struct meter m = { 0 };

	assert_int_equal(meter_median_us(&m), 0);
	put(&m, 400, 10);
	put(&m, 90000, 9);
	assert_int_equal(meter_median_us(&m), meter_bucket_us(meter_bucket(400)));
	put(&m, 90000, 2);
	assert_int_equal(meter_median_us(&m), meter_bucket_us(meter_bucket(90000)));
}

static void what_is_long_past_fades(void **state)
{
	struct meter m = { 0 };

	put(&m, 5000000, METER_FADES_AT - 1);
	for (int i = 0; i < 3 * METER_FADES_AT; i++) {
		int64_t at = meter_sent(&m);

		meter_answered(&m, at, 0);
	}
	assert_true(meter_median_us(&m) < 100000);
	assert_true(atomic_load(&m.in_buckets) <= METER_FADES_AT);
}

static void what_was_given_up_is_no_round_trip(void **state)
{
	struct meter m = { 0 };

	meter_answered(&m, meter_sent(&m), -ETIMEDOUT);
	meter_answered(&m, meter_sent(&m), -EPIPE);
	assert_int_equal(meter_median_us(&m), 0);
	assert_int_equal(atomic_load(&m.requests), 2);
	assert_int_equal(atomic_load(&m.timed_out), 1);
	assert_int_equal(atomic_load(&m.under_way), 0);
}

/* The number behind "name": in what the session says of itself. */
static long counter(struct session *s, const char *name)
{
	auto_buf text = BUF_INIT(4096);
	auto_free char *key = xprintf("\"%s\":", name);
	const char *at;

	session_describe(s, &text);
	at = strstr(buf_text(&text), key);
	assert_non_null(at);
	return strtol(at + strlen(key), NULL, 10);
}

static void a_session_counts_requests_and_bytes(void **state)
{
	struct session_spec spec = { .ns = "test", .pod = "local" };
	struct remote_request rq = { .op = OP_STAT, .path = "/" };
	struct remote_reply reply;
	struct session *s;
	long in;

	assert_int_equal(session_open(&spec, &s), 0);
	assert_int_equal(counter(s, "requests"), 0);
	assert_int_equal(counter(s, "median_us"), 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(session_call(s, &rq, deadline_after(20000), &reply), 0);
		remote_reply_fini(&reply);
	}
	assert_int_equal(counter(s, "requests"), 5);
	assert_int_equal(counter(s, "waiting"), 0);
	assert_int_equal(counter(s, "reconnects"), 0);
	assert_true(counter(s, "median_us") > 0);
	assert_true(counter(s, "bytes_out") >= 5 * 4);
	in = counter(s, "bytes_in");
	rq = (struct remote_request){ .op = OP_STAT, .path = "/no/such/file" };
	assert_int_equal(session_call(s, &rq, deadline_after(20000), &reply), -ENOENT);
	remote_reply_fini(&reply);
	assert_int_equal(counter(s, "requests"), 6);
	assert_true(counter(s, "bytes_in") > in);
	session_close(s, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_time_is_known_to_an_eighth),
		cmocka_unit_test(buckets_grow_with_time),
		cmocka_unit_test(the_median_is_the_middle_one),
		cmocka_unit_test(what_is_long_past_fades),
		cmocka_unit_test(what_was_given_up_is_no_round_trip),
		cmocka_unit_test(a_session_counts_requests_and_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
