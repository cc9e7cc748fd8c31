#include "common/base/budget.h"
#include "tests/lib/test.h"

static void gives_what_is_left_and_no_more(void **state)
{
	struct budget b = { .most = 100 };

	assert_true(budget_take(&b, 60));
	assert_false(budget_take(&b, 41));
	assert_true(budget_take(&b, 40));
	assert_false(budget_take(&b, 1));
	assert_true(budget_take(&b, 0));
	budget_give(&b, 40);
	assert_true(budget_take(&b, 1));
	assert_int_equal(atomic_load(&b.used), 61);
}

static void no_size_wraps_around(void **state)
{
	struct budget b = { .most = 100 };

	assert_true(budget_take(&b, 1));
	assert_false(budget_take(&b, SIZE_MAX));
	assert_int_equal(atomic_load(&b.used), 1);
}

static void none_has_no_end(void **state)
{
	assert_true(budget_take(NULL, SIZE_MAX));
	budget_give(NULL, SIZE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_what_is_left_and_no_more),
		cmocka_unit_test(no_size_wraps_around),
		cmocka_unit_test(none_has_no_end),
	};

	return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
