/*
 * The parts of the verbs around runs: sinks, rows, folders, crews.
 */
#include "tests/lib/test.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "plugin/crew.h"
#include "plugin/folder.h"
#include "plugin/interrupt.h"
#include "plugin/quote.h"
#include "plugin/runs.h"
#include "plugin/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* --- safe for a terminal --------------------------------------------------------------- */

/* In pieces of n bytes. */
static char *escaped(const char *text, size_t n)
{
	auto_buf ret = BUF_INIT(4096);
	struct plain p = { 0 };

	for (size_t at = 0, all = strlen(text); at < all; at += n)
		plain_escape(&p, text + at, n < all - at ? n : all - at, &ret);
	plain_escape_end(&p, &ret);
	return xstrdup(buf_text(&ret));
}

static void control_characters_are_shown_in_whatever_pieces_they_come(void **state)
{
	static const struct {
		const char *text, *wanted;
	} table[] = {
		{ "plain\ttext\r\n", "plain\ttext\r\n" },
		{ "\033[31mred\033[0m", "\\x1b[31mred\\x1b[0m" },
		{ "\a\b\177", "\\x07\\x08\\x7f" },
		{ "Grüße, 世界 🙂\n", "Grüße, 世界 🙂\n" },
		{ "\302\233"
		  "31m",
			"\\xc2\\x9b31m" }, /* C1 control */
		{ "\377\376", "\\xff\\xfe" },
		{ "cut \360\237\231", "cut \\xf0\\x9f\\x99" },
		{ "\303", "\\xc3" },
		{ "\303\303\274", "\\xc3ü" },
		{ "\200\200\200\200", "\\x80\\x80\\x80\\x80" },
		{ "\340\n\355\240\200", "\\xe0\n\\xed\\xa0\\x80" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		for (size_t n = 1; n < 8; n++) {
			auto_free char *got = escaped(table[i].text, n);

			CHECK_TEXT(got, table[i].wanted);
		}
}

/* --- lines with a name -------------------------------------------------------------------- */

static int scratch(void)
{
	int fd = memfd_create("lines", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static char *all_of(int fd)
{
	auto_buf ret = BUF_INIT(1 << 20);
	char bytes[4096];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, bytes, sizeof(bytes), at)) > 0) {
		buf_add(&ret, bytes, (size_t)n);
		at += n;
	}
	return buf_steal(&ret);
}

static void write_through(struct sink *s, const char *text, size_t piece)
{
	for (size_t at = 0, n = strlen(text); at < n;) {
		size_t left = n - at < piece ? n - at : piece;

		assert_int_equal(sink_write(s, text + at, left), left);
		at += left;
	}
	sink_end(s);
}

static void every_line_has_its_name_and_an_end(void **state)
{
	for (size_t piece = 1; piece < 12; piece++) {
		auto_close int fd = scratch();
		auto_close int copy = scratch();
		struct lines_to to = { .fd = fd, .lock = PTHREAD_MUTEX_INITIALIZER };
		auto_free char *got = NULL, *kept = NULL;
		struct lines l;
		struct sink s;

		lines_init(&l, &to, "web", copy);
		s = sink_lines(&l);
		write_through(&s, "one\n\ntwo\033[1m\nno end", piece);
		lines_fini(&l);
		got = all_of(fd);
		kept = all_of(copy);
		CHECK_TEXT(got, "web: one\nweb: \nweb: two\033[1m\nweb: no end\n");
		CHECK_TEXT(kept, "one\n\ntwo\033[1m\nno end");
	}
}

static void on_a_terminal_no_line_can_reach_its_name(void **state)
{
	auto_close int fd = scratch();
	struct lines_to to = { .fd = fd, .terminal = true, .lock = PTHREAD_MUTEX_INITIALIZER };
	auto_free char *got = NULL;
	struct lines l;
	struct sink s;

	lines_init(&l, &to, "web", -1);
	s = sink_lines(&l);
	write_through(&s, "a\rdb: b\033[A\n\303\274\303\n", 3);
	lines_fini(&l);
	got = all_of(fd);
	CHECK_TEXT(got, "web: a\\x0ddb: b\\x1b[A\nweb: ü\\xc3\n");
}

static void a_line_without_end_is_cut_at_its_ceiling(void **state)
{
	auto_close int fd = scratch();
	struct lines_to to = { .fd = fd, .lock = PTHREAD_MUTEX_INITIALIZER };
	auto_free char *text = xmalloc(LINE_MAX_BYTES * 3 + 1), *got = NULL;
	size_t count = 0;
	struct lines l;
	struct sink s;

	memset(text, 'x', LINE_MAX_BYTES * 3);
	text[LINE_MAX_BYTES * 3] = '\0';
	lines_init(&l, &to, "a", -1);
	s = sink_lines(&l);
	write_through(&s, text, 4096);
	lines_fini(&l);
	got = all_of(fd);
	for (const char *at = got; (at = strchr(at, '\n')); at++)
		count++;
	assert_int_equal(count, 3);
	assert_int_equal(strlen(got), LINE_MAX_BYTES * 3 + 3 * strlen("a: \n"));
}

static void a_copy_that_fails_is_told(void **state)
{
	auto_close int fd = scratch();
	auto_close int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct lines_to to = { .fd = fd, .lock = PTHREAD_MUTEX_INITIALIZER };
	struct lines l;
	struct sink s;

	lines_init(&l, &to, "a", full);
	s = sink_lines(&l);
	write_through(&s, "text\n", 5);
	CHECK_RC(l.copy_rc, -ENOSPC);
	lines_fini(&l);
}

/* --- what a command is called ----------------------------------------------------------------- */

static void a_command_is_shown_as_it_was_typed(void **state)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"echo it's", (char *)"--a=b/c" };
	auto_buf script = BUF_INIT(4096);
	auto_free char *one = NULL, *two = NULL, *three = NULL, *four = NULL, *long_one = NULL;
	char big[1000];

	quote_exec(&script, 4, argv);
	one = quote_show(buf_text(&script), script.len, false);
	CHECK_TEXT(one, "sh -c 'echo it'\\''s' --a=b/c");
	two = quote_show("ls -l\necho \033[1m\n", 16, false);
	CHECK_TEXT(two, "ls -l\\necho \\x1b[1m");
	three = quote_show("exec 'a", 7, true);
	CHECK_TEXT(three, "exec 'a...");
	four = quote_show("exec 'a'b", 9, false);
	CHECK_TEXT(four, "exec 'a'b");
	memset(big, 'y', sizeof(big));
	long_one = quote_show(big, sizeof(big), false);
	assert_int_equal(strlen(long_one), QUOTE_SHOW_BYTES + 3);
	for (size_t n = 0; n <= script.len; n++) {
		auto_free char *cut = quote_show(buf_text(&script), n, false);

		assert_non_null(cut);
	}
}

/* --- rows -------------------------------------------------------------------------------------- */

static const char status[] =
	"{\"run\":4,\"state\":\"signaled\",\"exit\":137,\"signal\":9,\"seconds\":1.250,"
	"\"stdout\":17,\"stderr\":3,\"pid\":44,\"kept\":7,\"terminal\":true}\n";

static void a_row_is_read_from_a_status(void **state)
{
	struct run_row r;
	struct run_end end;

	CHECK_RC(run_row_of_status(status, strlen(status), 4, &r), 0);
	assert_int_equal(r.id, 7);
	assert_int_equal(r.number, 4);
	assert_int_equal(r.took_ms, 1250);
	assert_int_equal(r.bytes[0], 17);
	assert_int_equal(r.bytes[1], 3);
	assert_true(r.terminal);
	assert_true(run_row_ended(&r));
	end = run_row_end(&r);
	assert_int_equal(end.state, RUN_SIGNALED);
	assert_int_equal(run_end_status(&end), 137);
	run_row_fini(&r);
}

static void each_state_is_an_end_of_its_own(void **state)
{
	static const struct {
		const char *json;
		enum run_state state;
		int status;
	} table[] = {
		{ "{\"state\":\"exited\",\"exit\":0}", RUN_EXITED, 0 },
		{ "{\"state\":\"exited\",\"exit\":255}", RUN_EXITED, 255 },
		{ "{\"state\":\"timeout\",\"exit\":124}", RUN_TIMEOUT, 124 },
		{ "{\"state\":\"lost\",\"errno\":\"ESTALE\"}", RUN_LOST, -1 },
		{ "{\"state\":\"running\"}", RUN_KEPT, -1 },
		{ "{\"state\":\"new\"}", RUN_KEPT, -1 },
		{ "{\"state\":\"of some later version\",\"exit\":0}", RUN_LOST, -1 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct run_row r;
		struct run_end end;

		CHECK_RC(run_row_of_status(table[i].json, strlen(table[i].json), 1, &r), 0);
		end = run_row_end(&r);
		assert_int_equal(end.state, table[i].state);
		assert_int_equal(run_end_status(&end), table[i].status);
		if (end.state == RUN_LOST)
			assert_true(end.rc < 0);
		run_row_fini(&r);
	}
}

static void a_broken_status_is_refused_or_harmless(void **state)
{
	const size_t n = strlen(status);
	struct run_row r;

	for (size_t i = 0; i < n - 2; i++)
		CHECK_RC(run_row_of_status(status, i, 1, &r), -EBADMSG);
	for (size_t i = 0; i < n; i++)
		for (int bit = 0; bit < 8; bit++) {
			auto_free char *text = xstrdup(status);

			text[i] = (char)(text[i] ^ 1 << bit);
			if (!run_row_of_status(text, n, 1, &r)) {
				cJSON *json = run_row_json(&r);

				assert_non_null(json);
				cJSON_Delete(json);
				run_row_fini(&r);
			}
		}
}

static void a_kept_run_is_found_before_one_of_the_mount(void **state)
{
	auto_runs all = { 0 };

	runs_add(&all)->id = 3;
	runs_add(&all)->id = 3;
	all.at[1].kept = 3;
	runs_add(&all)->id = 1;
	runs_sort(&all);
	assert_int_equal(all.at[0].id, 1);
	assert_int_equal(runs_find(&all, 3)->kept, 3);
	assert_null(runs_find(&all, 2));
}

static void a_number_is_a_number(void **state)
{
	static const char *const bad[] = { "", "0", "-1", "+1", " 1", "1 ", "1x", "x",
		"99999999999", "18446744073709551617" };
	uint32_t id = 0;

	CHECK_RC(run_id_parse("17", &id), 0);
	assert_int_equal(id, 17);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_RC(run_id_parse(bad[i], &id), -EINVAL);
}

/* --- a folder ------------------------------------------------------------------------------------ */

static void put(const char *dir, const char *name, const char *text)
{
	auto_free char *path = xprintf("%s/%s", dir, name);

	assert_int_equal(io_replace_file(path, text, strlen(text), 0600), 0);
}

static void run_of(const char *dir, unsigned number, const char *json, const char *script)
{
	auto_free char *path = xprintf("%s/runs/%u", dir, number);

	assert_int_equal(mkdir(path, 0700), 0);
	put(path, "status", json);
	put(path, "cmd", script);
	put(path, "ctl", "");
}

static void a_folders_runs_are_listed_and_found(void **state)
{
	char dir[] = "/tmp/sbx-test-XXXXXX";
	auto_free char *rm = NULL, *runs = NULL;
	auto_runs all = { 0 };
	uint32_t number = 0;

	assert_non_null(mkdtemp(dir));
	rm = xprintf("rm -r %s", dir);
	runs = xprintf("%s/runs", dir);
	assert_int_equal(mkdir(runs, 0700), 0);
	put(runs, "new", "");
	run_of(dir, 2, "{\"run\":2,\"state\":\"exited\",\"exit\":0}", "exec 'true'");
	run_of(dir, 10, "{\"run\":10,\"state\":\"running\",\"kept\":9}", "sleep 9\n");
	run_of(dir, 3, "garbage", "x");
	CHECK_RC(folder_list(dir, &all, NULL), 0);
	assert_int_equal(all.count, 2);
	assert_int_equal(all.at[0].id, 2);
	CHECK_TEXT(all.at[0].command, "true");
	assert_true(all.at[0].started_ms > 0);
	assert_int_equal(all.at[1].id, 9);
	CHECK_TEXT(all.at[1].command, "sleep 9");
	CHECK_RC(folder_number(dir, 9, &number), 0);
	assert_int_equal(number, 10);
	CHECK_RC(folder_number(dir, 2, &number), 0);
	assert_int_equal(number, 2);
	CHECK_RC(folder_number(dir, 10, &number), -ENOENT); /* it is called 9 */
	CHECK_RC(folder_ctl(dir, 10, "signal TERM\n"), 0);
	CHECK_RC(folder_ctl(dir, 11, "signal TERM\n"), -ENOENT);
	assert_int_equal(system(rm), 0);
}

/* --- crews ----------------------------------------------------------------------------------------- */

struct job {
	pthread_mutex_t lock;
	int now, most, done, signal;
	int begun; /* eventfd */
};

static void count(struct job *j, int step)
{
	scoped_lock(&j->lock);
	j->now += step;
	j->done += step < 0;
	if (j->now > j->most)
		j->most = j->now;
}

static void work(void *arg, size_t index, int signals)
{
	count(arg, 1);
	sched_yield();
	count(arg, -1);
}

static void no_more_work_at_once_than_was_said(void **state)
{
	struct job j = { .lock = PTHREAD_MUTEX_INITIALIZER };
	auto_close int none = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct crew c = { work, &j, 50, 3, none };

	assert_int_equal(crew_run(&c), 50);
	assert_int_equal(j.done, 50);
	assert_true(j.most <= 3);
}

static void wait_for_signal(void *arg, size_t index, int signals)
{
	struct job *j = arg;
	uint64_t one = 1;
	int sig = 0;

	assert_int_equal(write(j->begun, &one, sizeof(one)), sizeof(one));
	while (!sig) {
		struct pollfd fd = { signals, POLLIN, 0 };

		assert_int_equal(poll(&fd, 1, 20000), 1);
		sig = interrupt_read(signals);
	}
	pthread_mutex_lock(&j->lock);
	j->signal += sig;
	j->done++;
	pthread_mutex_unlock(&j->lock);
}

struct sender {
	int begun, to;
};

static void *send_when_two(void *arg)
{
	const struct sender *s = arg;
	uint64_t count = 0, more;

	while (count < 2) {
		assert_int_equal(read(s->begun, &more, sizeof(more)), sizeof(more));
		count += more;
	}
	interrupt_send(s->to, SIGINT);
	return NULL;
}

static void a_signal_reaches_all_that_work_and_the_rest_is_not_begun(void **state)
{
	struct job j = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct crew c = { wait_for_signal, &j, 5, 2, -1 };
	struct sender s;
	pthread_t thread;
	int fds[2];

	j.begun = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	c.signals = fds[0];
	s = (struct sender){ j.begun, fds[1] };
	assert_int_equal(pthread_create(&thread, NULL, send_when_two, &s), 0);
	assert_int_equal(crew_run(&c), 2);
	pthread_join(thread, NULL);
	assert_int_equal(j.done, 2);
	assert_int_equal(j.signal, 2 * SIGINT);
	close(fds[0]);
	close(fds[1]);
	close(j.begun);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_characters_are_shown_in_whatever_pieces_they_come),
		cmocka_unit_test(every_line_has_its_name_and_an_end),
		cmocka_unit_test(on_a_terminal_no_line_can_reach_its_name),
		cmocka_unit_test(a_line_without_end_is_cut_at_its_ceiling),
		cmocka_unit_test(a_copy_that_fails_is_told),
		cmocka_unit_test(a_command_is_shown_as_it_was_typed),
		cmocka_unit_test(a_row_is_read_from_a_status),
		cmocka_unit_test(each_state_is_an_end_of_its_own),
		cmocka_unit_test(a_broken_status_is_refused_or_harmless),
		cmocka_unit_test(a_kept_run_is_found_before_one_of_the_mount),
		cmocka_unit_test(a_number_is_a_number),
		cmocka_unit_test(a_folders_runs_are_listed_and_found),
		cmocka_unit_test(no_more_work_at_once_than_was_said),
		cmocka_unit_test(a_signal_reaches_all_that_work_and_the_rest_is_not_begun),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("plugin runs", tests, NULL, NULL);
}
