#include "fs/spool.h"
#include "tests/lib/test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void fill(struct spool *s, size_t n, size_t piece)
{
	char bytes[4096];

	for (size_t at = 0; at < n; at += piece) {
		for (size_t i = 0; i < piece; i++)
			bytes[i] = (char)((s->len + i) * 31 % 251);
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
	if (spool_forget(&s, 8192) ==
		0) { /* a file system that cannot punch holes forgets nothing */
		spool_fini(&s);
		skip();
	}
	CHECK_RC(spool_read(&s, 8191, &byte, 1), -ENODATA);
	CHECK_RC(spool_read(&s, 0, &byte, 1), -ENODATA);
	holds(&s, 8192, 10000);
	spool_fini(&s);
}

static void forgets_in_memory_too(void **state)
{
	struct spool s;
	char byte;

	spool_init(&s);
	fill(&s, 10000, 100);
	assert_int_equal(spool_forget(&s, 3333), 3333);
	assert_int_equal(spool_forget(&s, 3333), 0);
	assert_int_equal(spool_forget(&s, 1), 0);
	CHECK_RC(spool_read(&s, 3332, &byte, 1), -ENODATA);
	holds(&s, 3333, 10000 - 3333);
	assert_int_equal(spool_forget(&s, 99999), 10000 - 3333);
	assert_int_equal(spool_read(&s, 10000, &byte, 1), 0);
	spool_fini(&s);
}

/* Odd ends: what a hole could not free is freed by the next one. */
static void holes_give_the_disk_back(void **state)
{
	struct stat st;
	struct spool s;

	spool_init(&s);
	fill(&s, 4 * SPOOL_MEMORY_MAX, 4096);
	for (uint64_t at = 1000; at < s.len - 200000; at += 1000) {
		if (spool_forget(&s, at) == 0) {
			spool_fini(&s);
			skip();
		}
	}
	assert_int_equal(fstat(s.fd, &st), 0);
	assert_in_range(st.st_blocks * 512, 0, 512 * 1024);
	holds(&s, s.start, s.len - s.start);
	spool_fini(&s);
}

static void keeps_what_a_full_disk_does_not_take(void **state)
{
	struct spool s;
	auto_free char *bytes = xcalloc(1, SPOOL_SLACK);

	setenv("TMPDIR", "/nonexistent", 1);
	spool_init(&s);
	fill(&s, SPOOL_MEMORY_MAX, 4096);
	CHECK_RC(s.rc, 0);
	fill(&s, 4096, 4096);
	CHECK_RC(s.rc, -ENOENT);
	fill(&s, SPOOL_SLACK - 4096, 4096);
	CHECK_RC(spool_add(&s, bytes, 1), -ENOBUFS);
	assert_int_equal(s.len, SPOOL_MEMORY_MAX + SPOOL_SLACK);
	holds(&s, 0, s.len);
	CHECK_RC(spool_flush(&s), -ENOENT);
	unsetenv("TMPDIR");
	CHECK_RC(spool_flush(&s), 0);
	assert_true(s.fd >= 0);
	holds(&s, 0, s.len);
	fill(&s, 2 * SPOOL_MEMORY_MAX, 4096);
	spool_fini(&s);
}

/* The limit on file sizes stands for a disk that is full in the midst of a write. */
static void goes_on_where_a_full_disk_stopped(void **state)
{
	struct rlimit small = { 1500 * 1000, RLIM_INFINITY },
		      all = { RLIM_INFINITY, RLIM_INFINITY };
	struct spool s;

	signal(SIGXFSZ, SIG_IGN);
	spool_init(&s);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	fill(&s, 2 * SPOOL_MEMORY_MAX, 4096);
	CHECK_RC(s.rc, -EFBIG);
	assert_int_equal(s.mem_at, 1500 * 1000);
	holds(&s, 0, s.len);
	holds(&s, 1500 * 1000 - 7, 20);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
	fill(&s, 4096, 4096);
	CHECK_RC(s.rc, 0);
	assert_int_equal(s.mem_at, s.len);
	holds(&s, 0, SPOOL_MEMORY_MAX * 2);
	spool_fini(&s);
}

static void no_offset_reads_beyond_what_is_held(void **state)
{
	struct spool s;
	char bytes[8192];

	spool_init(&s);
	fill(&s, SPOOL_MEMORY_MAX + 8192, 4096);
	spool_forget(&s, 70000);
	for (uint64_t at = 0; at < s.len + 5000; at += 4999) {
		ssize_t want = at < s.start                 ? -ENODATA
			       : at >= s.len                ? 0
			       : s.len - at > sizeof(bytes) ? (ssize_t)sizeof(bytes)
							    : (ssize_t)(s.len - at);

		assert_int_equal(spool_read(&s, at, bytes, sizeof(bytes)), want);
	}
	assert_int_equal(spool_read(&s, UINT64_MAX, bytes, 1), 0);
	assert_int_equal(spool_read(&s, s.start, bytes, 0), 0);
	spool_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_back_what_came_in_memory),
		cmocka_unit_test(goes_on_in_a_file_past_its_memory),
		cmocka_unit_test(what_is_forgotten_is_an_error_not_zeroes),
		cmocka_unit_test(forgets_in_memory_too),
		cmocka_unit_test(holes_give_the_disk_back),
		cmocka_unit_test(keeps_what_a_full_disk_does_not_take),
		cmocka_unit_test(goes_on_where_a_full_disk_stopped),
		cmocka_unit_test(no_offset_reads_beyond_what_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
