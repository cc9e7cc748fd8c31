/* The rest of common/base: err, clock, io, log, path. */
#include "tests/lib/test.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "common/base/path.h"
#include "common/base/seldom.h"

#include <fcntl.h>
#include <sys/stat.h>

static void a_sentence_is_wrapped(void **state)
{
	struct err err = { "" };

	CHECK_RC(err_wrap(&err, -ENOENT, "opening %s", "x"), -ENOENT);
	CHECK_TEXT(err.text, "opening x: No such file or directory");
	CHECK_RC(err_wrap(&err, -EIO, "mounting"), -EIO);
	CHECK_TEXT(err.text, "mounting: opening x: No such file or directory");
	CHECK_RC(err_set(NULL, -EIO, "nobody listens"), -EIO);
	CHECK_TEXT(err_text(NULL, -EACCES), "Permission denied");
}

static void errnos_have_names(void **state)
{
	CHECK_TEXT(errno_name(-ENOENT), "ENOENT");
	CHECK_TEXT(errno_name(99999), "E?");
	CHECK_RC(errno_from_name("ENOSPC"), -ENOSPC);
	CHECK_RC(errno_from_name("EWOULDBLOCK"), -EAGAIN);
	CHECK_RC(errno_from_name("ENONSENSE"), 0);
	CHECK_RC(errno_from_name(""), 0);
}

static void durations_are_those_of_go_and_seconds(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = { { "90", 90000 }, { "0", 0 }, { "90s", 90000 }, { "1m30s", 90000 },
		{ "2h", 7200000 }, { "500ms", 500 }, { "1.5s", 1500 }, { "1d", 86400000 } };
	static const char *const bad[] = { "", "s", "-1", "1x", "1s2", "inf", "0x10", "1e3",
		"99999999999h", "1 s" };
	int64_t ms;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		CHECK_RC(duration_parse(good[i].text, &ms), 0);
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (duration_parse(bad[i], &ms) != -EINVAL)
			fail_msg("took \"%s\"", bad[i]);
	}
}

static void times_are_those_of_rfc_3339(void **state)
{
	int64_t ms;
	char text[32];

	CHECK_RC(rfc3339_parse("2001-02-03T04:05:06Z", &ms), 0);
	assert_int_equal(ms, 981173106000);
	CHECK_RC(rfc3339_parse("2001-02-03T06:05:06.25+02:00", &ms), 0);
	assert_int_equal(ms, 981173106250);
	rfc3339_print(981173106250, text);
	CHECK_TEXT(text, "2001-02-03T04:05:06Z");
	CHECK_RC(rfc3339_parse("2001-02-03", &ms), -EINVAL);
	CHECK_RC(rfc3339_parse("2001-02-03T04:05:06", &ms), -EINVAL);
	CHECK_RC(rfc3339_parse("2001-02-03T04:05:06Zx", &ms), -EINVAL);
}

static void ages_are_kubectls(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} table[] = { { -5, "0s" }, { 119000, "119s" }, { 125000, "2m5s" }, { 600000, "10m" },
		{ 3LL * 3600000, "3h" }, { 49LL * 3600000, "2d" } };

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		char text[24];

		age_print(table[i].ms, text);
		CHECK_TEXT(text, table[i].text);
	}
}

static void a_mute_peer_meets_the_deadline(void **state)
{
	int fds[2];
	char c;
	int64_t began = clock_now_ms();

	CHECK_RC(io_pair(fds), 0);
	CHECK_RC(io_read_all(fds[0], &c, 1, deadline_after(30)), -ETIMEDOUT);
	assert_true(clock_now_ms() - began >= 29);
	CHECK_RC(io_write_all(fds[1], "x", 1, deadline_after(1000)), 0);
	CHECK_RC(io_read_all(fds[0], &c, 1, deadline_after(1000)), 0);
	close(fds[1]);
	CHECK_RC(io_read_all(fds[0], &c, 1, deadline_after(1000)), -EPIPE);
	CHECK_RC(io_write_all(fds[0], "x", 1, deadline_after(1000)), -EPIPE);
	close(fds[0]);
}

static void a_full_peer_meets_the_deadline(void **state)
{
	auto_free char *much = xcalloc(1, 8 * 1024 * 1024);
	int fds[2];

	CHECK_RC(io_pair(fds), 0);
	CHECK_RC(io_write_all(fds[0], much, 8 * 1024 * 1024, deadline_after(50)), -ETIMEDOUT);
	close(fds[0]);
	close(fds[1]);
}

static void a_file_is_replaced_whole(void **state)
{
	char dir[] = "/tmp/sbx-test.XXXXXX";
	auto_free char *path = NULL;
	auto_buf back = BUF_INIT(100);
	auto_buf small = BUF_INIT(3);
	struct stat st;

	assert_non_null(mkdtemp(dir));
	path = xprintf("%s/f", dir);
	CHECK_RC(io_replace_file(path, "one", 3, 0600), 0);
	CHECK_RC(io_replace_file(path, "second", 6, 0640), 0);
	CHECK_RC(io_read_file(path, &back), 0);
	CHECK_TEXT(buf_text(&back), "second");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	CHECK_RC(io_read_file(path, &small), -EMSGSIZE);
	unlink(path);
	CHECK_RC(io_read_file(path, &back), -ENOENT);
	rmdir(dir);
}

static void foreign_bytes_cannot_reach_a_terminal(void **state)
{
	static const char raw[] = "a\x1b[31m\n\t\x7f\xff\xc2\x9bz\xc3\xa4\xe2\x82\xac";
	auto_buf b = BUF_INIT(1000);

	log_escape(&b, raw, sizeof(raw) - 1);
	CHECK_TEXT(buf_text(&b), "a\\x1b[31m\\n\\t\\x7f\\xff\\xc2\\x9bz\xc3\xa4\xe2\x82\xac");
}

static void a_line_is_cut_of_its_secrets(void **state)
{
	int fds[2];
	char line[4096];
	ssize_t n;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	log_to_fd(fds[1]);
	CHECK_RC(log_trace_set("rest,frame"), 0);
	trace(REST, "%s", "Authorization: Bearer s3cr3t x {\"token\":\"s3cr3t\"} token=s3cr3t");
	trace(EXEC, "not chosen");
	n = read(fds[0], line, sizeof(line) - 1);
	assert_true(n > 0);
	line[n] = '\0';
	CHECK_HAS(line, "Bearer ******");
	assert_null(strstr(line, "s3cr3t"));
	assert_null(strstr(line, "not chosen"));
	CHECK_RC(log_trace_set("frame,nonsense"), -EINVAL);
	CHECK_RC(log_trace_set(""), 0);
	log_to_fd(2);
	close(fds[0]);
	close(fds[1]);
}

static void names_are_one_component(void **state)
{
	char long_name[300];

	memset(long_name, 'x', sizeof(long_name));
	assert_true(path_name_ok("a", 1));
	assert_true(path_name_ok("...", 3));
	assert_true(path_name_ok("-n\n", 3));
	assert_true(path_name_ok(long_name, 255));
	assert_false(path_name_ok(long_name, 256));
	assert_false(path_name_ok("", 0));
	assert_false(path_name_ok(".", 1));
	assert_false(path_name_ok("..", 2));
	assert_false(path_name_ok("a/b", 3));
	assert_false(path_name_ok("a\0b", 3));
}

static void paths_fold_and_never_climb_out(void **state)
{
	static const struct {
		const char *base, *path, *clean;
	} table[] = { { "/", "a", "/a" }, { "/x/y", "../a", "/x/a" }, { "/x", "../../../a", "/a" },
		{ "/x", "/a//b/./c/..", "/a/b" }, { "/", "..", "/" }, { "/a", "", "/a" } };

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		auto_buf b = BUF_INIT(1000);

		path_clean(&b, table[i].base, table[i].path);
		CHECK_TEXT(buf_text(&b), table[i].clean);
	}
	CHECK_TEXT(path_base("/a/b"), "b");
	assert_true(path_label_ok("web-1", 59));
	assert_false(path_label_ok("-web", 59));
	assert_false(path_label_ok("Web", 59));
	assert_false(path_label_ok("web", 2));
}

static void what_happens_again_and_again_is_said_once_a_minute(void **state)
{
	char more[SELDOM_BYTES];
	struct seldom s = { 0 };
	unsigned n = 99;

	assert_true(seldom_may(&s, 5, &n));
	CHECK_TEXT(seldom_more(n, more), "");
	for (int64_t ms = 5; ms < 5 + SELDOM_MS; ms += 100)
		assert_false(seldom_may(&s, ms, &n));
	assert_true(seldom_may(&s, 5 + SELDOM_MS, &n));
	assert_int_equal(n, SELDOM_MS / 100);
	CHECK_TEXT(seldom_more(n, more), " (and 600 times more since this was said last)");
	assert_false(seldom_may(&s, 6 + SELDOM_MS, &n));
	assert_true(seldom_may(&s, 5 + 9 * SELDOM_MS, &n));
	assert_int_equal(n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sentence_is_wrapped),
		cmocka_unit_test(errnos_have_names),
		cmocka_unit_test(durations_are_those_of_go_and_seconds),
		cmocka_unit_test(times_are_those_of_rfc_3339),
		cmocka_unit_test(ages_are_kubectls),
		cmocka_unit_test(a_mute_peer_meets_the_deadline),
		cmocka_unit_test(a_full_peer_meets_the_deadline),
		cmocka_unit_test(a_file_is_replaced_whole),
		cmocka_unit_test(foreign_bytes_cannot_reach_a_terminal),
		cmocka_unit_test(a_line_is_cut_of_its_secrets),
		cmocka_unit_test(names_are_one_component),
		cmocka_unit_test(paths_fold_and_never_climb_out),
		cmocka_unit_test(what_happens_again_and_again_is_said_once_a_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
