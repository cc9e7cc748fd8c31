/* When a second stream is tried again: by the session's own parts, without any stream. */
#include "common/base/clock.h"
#include "common/session/priv.h"
#include "tests/lib/test.h"

#define FIRST_MS 1000
#define MOST_MS  (5 * 60 * 1000)

static struct session *session_of(struct link *first)
{
	struct session *s = xcalloc(1, sizeof(*s));

	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	bulk_init(&s->bulk);
	s->ns = s->pod = (char *)(uintptr_t) "test";
	s->epoch = s->bulk.epoch = 1;
	s->link = first;
	return s;
}

static void session_end(struct session *s)
{
	bulk_fini(&s->bulk);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static bool is_wanted(struct session *s)
{
	scoped_lock(&s->lock);
	s->bulk.wanted = false;
	bulk_wanted(s);
	return s->bulk.wanted;
}

/* The time before the next try, which is over now. */
static int64_t pass_the_wait(struct session *s)
{
	int64_t wait_ms = s->bulk.retry_at_ms - clock_now_ms();

	assert_false(is_wanted(s));
	s->bulk.retry_at_ms = clock_now_ms() - 1;
	assert_true(is_wanted(s));
	return wait_ms;
}

static void is_about(int64_t ms, int64_t wanted_ms)
{
	assert_in_range(ms, wanted_ms / 2, wanted_ms);
}

static void *nothing(void *arg)
{
	return arg;
}

static void fail_once(struct session *s)
{
	struct attempt *a = xcalloc(1, sizeof(*a));

	*a = (struct attempt){ .s = s, .epoch = 1, .rc = -ECONNREFUSED, .over = true };
	err_set(&a->err, a->rc, "refused");
	assert_int_equal(pthread_create(&a->thread, NULL, nothing, NULL), 0);
	pthread_mutex_lock(&s->lock);
	s->bulk.wanted = false;
	s->bulk.attempt = a;
	assert_true(bulk_turn(s));
	assert_null(s->bulk.attempt);
	pthread_mutex_unlock(&s->lock);
}

static void what_cannot_be_had_is_tried_at_growing_distances(void **state)
{
	struct link first = { 0 };
	struct session *s = session_of(&first);
	int64_t wait_ms = FIRST_MS;

	assert_true(is_wanted(s));
	for (int i = 0; i < 12; i++) {
		fail_once(s);
		is_about(pass_the_wait(s), wait_ms);
		wait_ms = 2 * wait_ms < MOST_MS ? 2 * wait_ms : MOST_MS;
	}
	assert_int_equal(wait_ms, MOST_MS);
	CHECK_HAS(s->bulk.last_err.text, "refused");
	session_end(s);
}

static void one_that_is_cut_is_tried_again_after_a_while(void **state)
{
	struct link first = { 0 }, second = { 0 };
	struct session *s = session_of(&first);

	for (int i = 0; i < 12; i++) {
		pthread_mutex_lock(&s->lock);
		s->bulk.link = &second;
		assert_true(bulk_lose(s, &second));
		assert_false(bulk_lose(s, &second));
		assert_ptr_equal(s->dying, &second);
		s->dying = NULL;
		pthread_mutex_unlock(&s->lock);
		pass_the_wait(s);
		assert_in_range(s->bulk.backoff_ms, FIRST_MS, MOST_MS);
	}
	assert_int_equal(s->bulk.lost, 12);
	assert_int_equal(s->bulk.backoff_ms, MOST_MS); /* none of them came to stand in between */
	session_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_had_is_tried_at_growing_distances),
		cmocka_unit_test(one_that_is_cut_is_tried_again_after_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
