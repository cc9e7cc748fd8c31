#include "fs/spool.h"
#include "tests/lib/test.h"

static void fill(struct spool *s, size_t n, size_t piece)
{
	char bytes[4096];

	for (size_t at = 0; at < n; at += piece) {
		for (size_t i = 0; i < piece; i++)
			bytes[i] = (char)((at + i) * 31 % 251);
		assert_int_equal(spool_add(s, bytes, piece), 0);
	}
}

static void holds(struct spool *s, uint64_t offset, size_t n)
{
	auto_free char *bytes = xmalloc(n);

	assert_int_equal(spool_read(s, offset, bytes, n), n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(bytes[i], (char)((offset + i) * 31 % 251));
}

static void gives_back_what_came_in_memory(void **state)
{
	struct spool s;
	char byte;

	spool_init(&s);
	fill(&s, 10000, 100);
	holds(&s, 0, 10000);
	holds(&s, 1234, 5000);
	assert_int_equal(spool_read(&s, 10000, &byte, 1), 0);
	assert_int_equal(spool_read(&s, 99999, &byte, 1), 0);
	assert_int_equal(s.fd, -1);
	spool_fini(&s);
}

static void goes_on_in_a_file_past_its_memory(void **state)
{
	struct spool s;

	spool_init(&s);
	fill(&s, 3 * SPOOL_MEMORY_MAX, 4096);
	assert_true(s.fd >= 0);
	assert_int_equal(s.len, 3 * SPOOL_MEMORY_MAX);
	holds(&s, 0, 100000);
	holds(&s, SPOOL_MEMORY_MAX - 5000, 10000);
	holds(&s, s.len - 10, 10);
	spool_fini(&s);
}

static void what_is_forgotten_is_an_error_not_zeroes(void **state)
{
	struct spool s;
	char byte;

	spool_init(&s);
	fill(&s, 2 * SPOOL_MEMORY_MAX, 4096);
	spool_forget(&s, 8192);
	if (s.start == 0) { /* a file system that cannot punch holes forgets nothing */
		spool_fini(&s);
		skip();
	}
	assert_int_equal(spool_read(&s, 8191, &byte, 1), -EIO);
	holds(&s, 8192, 10000);
	spool_fini(&s);
}

static void no_room_adds_nothing(void **state)
{
	struct spool s;
	auto_free char *bytes = xcalloc(1, SPOOL_MEMORY_MAX);
	char byte;

	setenv("TMPDIR", "/nonexistent", 1);
	spool_init(&s);
	assert_int_equal(spool_add(&s, bytes, SPOOL_MEMORY_MAX), 0);
	assert_true(spool_add(&s, bytes, 1) < 0);
	assert_int_equal(s.len, SPOOL_MEMORY_MAX);
	assert_int_equal(spool_read(&s, SPOOL_MEMORY_MAX - 1, &byte, 5), 1);
	spool_fini(&s);
	unsetenv("TMPDIR");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_back_what_came_in_memory),
		cmocka_unit_test(goes_on_in_a_file_past_its_memory),
		cmocka_unit_test(what_is_forgotten_is_an_error_not_zeroes),
		cmocka_unit_test(no_room_adds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
