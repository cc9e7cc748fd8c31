#include "tests/lib/test.h"

#include "fs/walk.h"

static void a_walk_goes_on_where_it_is(void **state)
{
	struct trail t = { 0 };

	assert_int_equal(trail_step(&t, 5, 1000), TRAIL_FIRST);
	assert_int_equal(t.next, 6);
	assert_int_equal(trail_step(&t, 5, 1001), TRAIL_SAME);
	assert_int_equal(t.seen, 1);
	assert_int_equal(trail_step(&t, 6, 1002), TRAIL_ONWARD);
	assert_int_equal(trail_step(&t, 6 + TRAIL_STRIDE, 1003), TRAIL_ONWARD);
	assert_int_equal(t.seen, 3);
	assert_int_equal(t.next, 7 + TRAIL_STRIDE);
}

static void what_was_asked_for_is_not_asked_again(void **state)
{
	struct trail t = { 0 };

	trail_step(&t, 0, 0);
	trail_step(&t, 1, 0);
	t.next = 20;
	trail_step(&t, 2, 0);
	assert_int_equal(t.next, 20);
}

static void jumps_are_told_from_steps(void **state)
{
	struct trail t = { 0 };

	trail_step(&t, 1000, 0);
	assert_int_equal(trail_step(&t, 10, 1), TRAIL_JUMPED);
	assert_int_equal(trail_step(&t, 900, 2), TRAIL_JUMPED);
	assert_int_equal(trail_step(&t, 901, 3), TRAIL_ONWARD);
	assert_int_equal(trail_step(&t, 900, 4), TRAIL_JUMPED);
}

static void a_pause_ends_a_walk(void **state)
{
	struct trail t = { 0 };

	trail_step(&t, 0, 0);
	trail_step(&t, 1, TRAIL_GAP_MS);
	assert_int_equal(t.seen, 2);
	assert_int_equal(trail_step(&t, 2, 2 * TRAIL_GAP_MS + 1), TRAIL_FIRST);
	assert_int_equal(t.seen, 1);
}

static void use_makes_a_pace_faster(void **state)
{
	struct pace p;

	pace_init(&p, 2, 16, 128);
	for (int i = 0; i < 16; i++)
		pace_asked(&p);
	assert_int_equal(pace_room(&p), 0);
	for (int i = 0; i < 16; i++)
		pace_used(&p);
	assert_int_equal(p.out, 0);
	assert_int_equal(pace_room(&p), 32);
	for (int i = 0; i < 1000; i++) {
		pace_asked(&p);
		pace_used(&p);
	}
	assert_int_equal(pace_room(&p), 128);
	assert_int_equal(pace_proof(&p), 2);
}

static void waste_makes_it_slower_and_warier(void **state)
{
	unsigned wasted = 0;
	struct pace p;

	pace_init(&p, 2, 16, 128);
	for (int round = 0; round < 100; round++) {
		unsigned room = pace_room(&p);

		for (unsigned i = 0; i < room; i++)
			pace_asked(&p);
		for (unsigned i = 0; i < room; i++, wasted++)
			pace_wasted(&p);
	}
	assert_int_equal(pace_room(&p), 2);
	assert_true(wasted < 16 + 8 + 4 + 2 * 100);
	assert_int_equal(pace_proof(&p), 32);
	for (int i = 0; i < 4; i++) {
		pace_asked(&p);
		pace_used(&p);
	}
	assert_int_equal(pace_proof(&p), 2);
}

static void what_failed_says_nothing(void **state)
{
	struct pace p;

	pace_init(&p, 2, 4, 128);
	for (int i = 0; i < 100; i++) {
		pace_asked(&p);
		pace_void(&p);
	}
	assert_int_equal(pace_room(&p), 4);
	pace_void(&p);
	assert_int_equal(p.out, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_walk_goes_on_where_it_is),
		cmocka_unit_test(what_was_asked_for_is_not_asked_again),
		cmocka_unit_test(jumps_are_told_from_steps),
		cmocka_unit_test(a_pause_ends_a_walk),
		cmocka_unit_test(use_makes_a_pace_faster),
		cmocka_unit_test(waste_makes_it_slower_and_warier),
		cmocka_unit_test(what_failed_says_nothing),
	};

	return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
