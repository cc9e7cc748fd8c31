/* KEPT lines: kept runs as a far end lists them. */
#include "tests/lib/test.h"

#include "common/remote/kept.h"
#include "common/remote/proto.h"

#include <limits.h>

static int parse(const char *line, struct kept *k)
{
	return kept_parse(line, strlen(line), k);
}

static const char one[] = "7 exited 3 42 1700000000 1500 10 20 0 5 1 2 1 9 ls\\0040-l\\0033x";

static void reads_kept_runs(void **state)
{
	struct kept k;

	CHECK_RC(parse(one, &k), 0);
	assert_int_equal(k.id, 7);
	assert_int_equal(k.state, RUN_EXITED);
	assert_int_equal(k.code, 3);
	assert_int_equal(k.pid, 42);
	assert_int_equal(k.started_s, 1700000000);
	assert_int_equal(k.took_ms, 1500);
	assert_true(k.out[0] == 10 && k.out[1] == 20);
	assert_true(k.start[0] == 0 && k.start[1] == 5);
	assert_true(k.dropped[0] == 1 && k.dropped[1] == 2);
	assert_true(k.terminal);
	assert_int_equal(k.script_n, 9);
	assert_string_equal(k.script, "ls -l\\x1bx");
	free(k.script);
	CHECK_RC(parse("1 running 0 0 0 0 0 0 0 0 0 0 0 0 -", &k), 0);
	assert_int_equal(k.state, RUN_RUNNING);
	assert_string_equal(k.script, "");
	free(k.script);
	CHECK_RC(parse("999999999 lost 0 1 1 1 1 1 1 1 1 1 0 1048576 x", &k), 0);
	assert_int_equal(k.state, RUN_LOST);
	free(k.script);
}

static void refuses_malformed_kept_runs(void **state)
{
	static const char *const bad[] = { "", " ", "7", "0 running 0 1 1 1 0 0 0 0 0 0 0 1 x",
		"1000000000 running 0 1 1 1 0 0 0 0 0 0 0 1 x",
		"-1 running 0 1 1 1 0 0 0 0 0 0 0 1 x", "1 kept 0 1 1 1 0 0 0 0 0 0 0 1 x",
		"1 new 0 1 1 1 0 0 0 0 0 0 0 1 x", "1 running 1 1 1 1 0 0 0 0 0 0 0 1 x",
		"1 exited 256 1 1 1 0 0 0 0 0 0 0 1 x", "1 signaled 0 1 1 1 0 0 0 0 0 0 0 1 x",
		"1 timeout 0 1 1 1 0 0 0 0 0 0 0 1 x", "1 lost 9 1 1 1 0 0 0 0 0 0 0 1 x",
		"1 running 0 2147483648 1 1 0 0 0 0 0 0 0 1 x",
		"1 running 0 1 -1 1 0 0 0 0 0 0 0 1 x",
		"1 running 0 1 1 9223372036854775808 0 0 0 0 0 0 0 1 x",
		"1 running 0 1 1 1 9223372036854775808 0 0 0 0 0 0 1 x",
		"1 running 0 1 1 1 0 0 0 0 0 0 2 1 x", "1 running 0 1 1 1 0 0 0 0 0 0 0 1048577 x",
		"1 running 0 1 1 1 0 0 0 0 0 0 0 1 xy", /* longer than the whole */
		"1 running 0 1 1 1 0 0 0 0 0 0 0 9 \\0", "1 running 0 1 1 1 0 0 0 0 0 0 0 9 a b",
		"1 running 0 1 1 1 0 0 0 0 0 0 0 9 a\tb", "1 running 0 1 1 1 0 0 0 0 0 0 0 9 ",
		"1 running 0 1 1 1 0 0 0 0 0 0 0 9", "1  running 0 1 1 1 0 0 0 0 0 0 0 9 x" };
	auto_buf longer = BUF_INIT(4096);
	struct kept k;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (parse(bad[i], &k) != -EBADMSG)
			fail_msg("'%s' was taken", bad[i]);
	}
	buf_str(&longer, "1 running 0 1 1 1 0 0 0 0 0 0 0 999 ");
	for (int i = 0; i <= PROTO_KEPT_SCRIPT; i++)
		buf_char(&longer, 'x');
	CHECK_RC(parse(buf_text(&longer), &k), -EBADMSG);
	buf_trim(&longer, longer.len - 1);
	CHECK_RC(parse(buf_text(&longer), &k), 0);
	assert_int_equal(strlen(k.script), PROTO_KEPT_SCRIPT);
	free(k.script);
}

static void the_longest_line_fits(void **state)
{
	auto_buf line = BUF_INIT(KEPT_LINE_MAX);
	struct kept k;

	buf_str(&line, "999999999 signaled 64 2147483647 9223372036854775807");
	for (int i = 0; i < 7; i++)
		buf_str(&line, " 9223372036854775807");
	buf_str(&line, " 1 1048576 ");
	for (int i = 0; i < PROTO_KEPT_SCRIPT; i++)
		buf_str(&line, "\\0377");
	CHECK_RC(buf_check(&line), 0);
	CHECK_RC(parse(line.data, &k), 0);
	free(k.script);
}

static void odd_clocks_and_starts_are_clamped(void **state)
{
	struct kept k;

	CHECK_RC(parse("1 running 0 1 9223372036854775807 1 3 4 4 4 0 0 0 1 x", &k), 0);
	assert_int_equal(k.started_s, 253402300799LL);
	assert_int_equal(k.start[0], 3);
	assert_int_equal(k.start[1], 4);
	free(k.script);
}

/* --- lists ---------------------------------------------------------------- */

#define LINE(id, script) #id " running 0 1 1 1 0 0 0 0 0 0 0 9 " script "\n"

static const char list_text[] =
	LINE(9, "a") LINE(2, "b") LINE(9, "c") LINE(5, "\\0012") LINE(2, "d");

static int feed(struct kept_list *l, const char *text, size_t len, size_t n)
{
	int rc = 0;

	kept_list_init(l);
	for (size_t at = 0; at < len && rc == 0; at += n)
		rc = kept_list_feed(l, text + at, len - at < n ? len - at : n);
	return rc < 0 ? rc : kept_list_end(l);
}

static void lists_come_in_any_split_and_are_put_in_order(void **state)
{
	static const char *const scripts[] = { "b", "\\n", "a" };
	static const uint32_t ids[] = { 2, 5, 9 };

	for (size_t n = 1; n < sizeof(list_text); n++) {
		auto_with(kept_list_fini) struct kept_list l;

		CHECK_RC(feed(&l, list_text, strlen(list_text), n), 0);
		assert_int_equal(l.lines, 5);
		assert_int_equal(l.count, 3);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(l.runs[i].id, ids[i]);
			assert_string_equal(l.runs[i].script, scripts[i]);
		}
	}
}

static void cut_lists_are_refused(void **state)
{
	for (size_t n = 0; n < strlen(list_text); n++) {
		auto_with(kept_list_fini) struct kept_list l;
		bool whole = !n || list_text[n - 1] == '\n';

		CHECK_RC(feed(&l, list_text, n, n + 1), whole ? 0 : -EBADMSG);
	}
}

static void flipped_bytes_give_the_same_in_any_split(void **state)
{
	for (size_t at = 0; at < strlen(list_text); at++) {
		for (int bit = 0; bit < 8; bit++) {
			auto_with(kept_list_fini) struct kept_list whole;
			auto_with(kept_list_fini) struct kept_list single;
			char copy[sizeof(list_text)];
			int rc;

			memcpy(copy, list_text, sizeof(copy));
			copy[at] ^= (char)(1 << bit);
			rc = feed(&whole, copy, strlen(list_text), sizeof(copy));
			CHECK_RC(feed(&single, copy, strlen(list_text), 1), rc);
			assert_int_equal(whole.count, single.count);
			for (size_t i = 0; rc == 0 && i < whole.count; i++)
				assert_string_equal(whole.runs[i].script, single.runs[i].script);
		}
	}
}

static void lists_have_a_ceiling(void **state)
{
	auto_with(kept_list_fini) struct kept_list l;
	char line[2 * KEPT_LINE_MAX];

	kept_list_init(&l);
	for (int i = 0; i < PROTO_KEPT_RUNS; i++)
		CHECK_RC(kept_list_feed(&l, LINE(4, "x"), strlen(LINE(4, "x"))), 0);
	CHECK_RC(kept_list_feed(&l, LINE(4, "x"), strlen(LINE(4, "x"))), -EMSGSIZE);
	kept_list_fini(&l);
	memset(line, '1', sizeof(line));
	CHECK_RC(kept_list_feed(&l, line, sizeof(line)), -EBADMSG);
	kept_list_fini(&l);
	line[sizeof(line) - 1] = '\n';
	CHECK_RC(kept_list_feed(&l, line, sizeof(line)), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_kept_runs),
		cmocka_unit_test(refuses_malformed_kept_runs),
		cmocka_unit_test(the_longest_line_fits),
		cmocka_unit_test(odd_clocks_and_starts_are_clamped),
		cmocka_unit_test(lists_come_in_any_split_and_are_put_in_order),
		cmocka_unit_test(cut_lists_are_refused),
		cmocka_unit_test(flipped_bytes_give_the_same_in_any_split),
		cmocka_unit_test(lists_have_a_ceiling),
	};

	return cmocka_run_group_tests_name("kept", tests, NULL, NULL);
}
