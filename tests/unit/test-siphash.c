#include "common/base/siphash.h"
#include "tests/lib/test.h"

static const uint64_t key[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };

static uint64_t of_counted(int c, int d, size_t n)
{
	uint8_t bytes[64] = { 0 };

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)i;
	return siphash(key, c, d, bytes, n);
}

/* Appendix A of the paper, and of the vectors that its authors published. */
static void hashes_as_its_authors_say(void **state)
{
	assert_true(of_counted(2, 4, 15) == 0xa129ca6149be45e5);
	assert_true(of_counted(2, 4, 0) == 0x726fdb47dd0e0e31);
	assert_true(of_counted(2, 4, 1) == 0x74f839c593dc67fd);
	assert_true(of_counted(2, 4, 8) == 0x93f5f5799a932462);
	assert_true(of_counted(2, 4, 63) == 0x958a324ceb064572);
}

static void fewer_rounds_are_another_hash(void **state)
{
	assert_true(of_counted(1, 3, 0) == 0xabac0158050fc4dc);
}

static void the_own_key_stays(void **state)
{
	assert_int_equal(siphash_here("name", 4), siphash_here("name", 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_as_its_authors_say),
		cmocka_unit_test(fewer_rounds_are_another_hash),
		cmocka_unit_test(the_own_key_stays),
	};

	return cmocka_run_group_tests_name("siphash", tests, NULL, NULL);
}
