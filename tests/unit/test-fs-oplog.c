/* The operation log: its lines, its ceiling, and that nobody waits for it. */
#include "tests/lib/test.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/kube/json.h"
#include "fs/oplog.h"

#include <fcntl.h>
#include <sys/stat.h>

struct fixture {
	char dir[64];
	char *path, *old;
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/sbx-oplog.XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	f->path = xprintf("%s/log", f->dir);
	f->old = xprintf("%s/log.1", f->dir);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	unlink(f->old);
	rmdir(f->dir);
	free(f->path);
	free(f->old);
	free(f);
	return 0;
}

static struct oplog *open_log(const char *path, uint64_t max)
{
	struct oplog *l = NULL;
	struct err err = { "" };

	assert_int_equal(oplog_open(path, max, &l, &err), 0);
	return l;
}

/* Each line parsed; how many. */
static size_t each_line(const char *path, cJSON **ret_last)
{
	auto_buf text = BUF_INIT(64 * 1024 * 1024);
	size_t n = 0;

	assert_int_equal(io_read_file(path, &text), 0);
	for (const char *at = buf_text(&text); *at; n++) {
		size_t len = strcspn(at, "\n");

		assert_int_equal(at[len], '\n');
		cJSON_Delete(*ret_last);
		*ret_last = json_parse(at, len);
		assert_non_null(*ret_last);
		at += len + 1;
	}
	return n;
}

static void a_line_says_what_was_done(void **state)
{
	struct fixture *f = *state;
	struct oplog *l = open_log(f->path, 1 << 20);
	struct oplog_entry e = { .wall_ms = 1763823845678,
		.sandbox = "dev/web",
		.op = "rename",
		.path = "fs/a \"b\"\n",
		.to = "fs/c",
		.bytes = 7,
		.took_us = 1234567,
		.error = ENOENT };
	cJSON *line = NULL;
	struct stat st;

	oplog_put(l, &e);
	oplog_close(l);
	assert_int_equal(each_line(f->path, &line), 1);
	assert_string_equal(json_str(line, "time", ""), "2025-11-22T15:04:05.678Z");
	assert_string_equal(json_str(line, "sandbox", ""), "dev/web");
	assert_string_equal(json_str(line, "op", ""), "rename");
	assert_string_equal(json_str(line, "path", ""), "fs/a \"b\"\n");
	assert_string_equal(json_str(line, "to", ""), "fs/c");
	assert_int_equal(json_int(line, "bytes", 0), 7);
	assert_int_equal((int)(json_num(line, "ms", 0) * 1000), 1234567);
	assert_int_equal(json_int(line, "errno", 0), ENOENT);
	assert_string_equal(json_str(line, "error", ""), "ENOENT");
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	cJSON_Delete(line);
}

static void any_name_makes_a_line(void **state)
{
	struct fixture *f = *state;
	struct oplog *l = open_log(f->path, 1 << 20);
	struct oplog_entry e = { .sandbox = "s", .op = "lookup" };
	char name[8] = "";
	cJSON *line = NULL;
	size_t n = 0;

	e.path = name;
	for (unsigned a = 1; a < 256; a++) {
		for (unsigned b = 1; b < 256; b += 37) {
			snprintf(name, sizeof(name), "%c%c\x80", (char)a, (char)b);
			oplog_put(l, &e);
			n++;
		}
	}
	oplog_close(l);
	assert_int_equal(each_line(f->path, &line), n);
	cJSON_Delete(line);
}

static void quoted(const char *text, const char *wanted)
{
	auto_buf got = BUF_INIT(256);

	oplog_quote(text, strlen(text), &got);
	assert_string_equal(buf_text(&got), wanted);
}

static void what_is_no_text_is_replaced(void **state)
{
	quoted("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
	quoted("\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80");
	quoted("a\xff"
	       "b",
		"a\xef\xbf\xbd"
		"b");
	quoted("\xc3", "\xef\xbf\xbd");
	quoted("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* a surrogate */
	quoted("\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd");                 /* too long a slash */
	quoted("\x01\x7f\"\\", "\\u0001\\u007f\\\"\\\\");
}

static void at_its_ceiling_it_is_begun_anew(void **state)
{
	struct fixture *f = *state;
	struct oplog_entry e = { .sandbox = "s", .op = "read", .path = "fs/x" };
	struct stat now, old;

	for (int i = 0; i < 30; i++) {
		struct oplog *l = open_log(f->path, 1000);

		oplog_put(l, &e);
		oplog_put(l, &e);
		oplog_close(l);
	}
	assert_int_equal(stat(f->path, &now), 0);
	assert_int_equal(stat(f->old, &old), 0);
	assert_true(now.st_size > 0 && now.st_size <= 1000);
	assert_true(old.st_size > 500 && old.st_size <= 1000);
}

static void who_fills_the_queue_loses_lines_and_is_told(void **state)
{
	struct fixture *f = *state;
	struct oplog *l;
	struct oplog_entry e = { .sandbox = "s", .op = "read", .path = "fs/x" };
	cJSON *line = NULL;
	auto_close int hold = -1;
	uint64_t dropped, sent = 40000;
	size_t lines;
	char bytes[65536];
	ssize_t n;

	/* nobody reads it: the writer hangs */
	assert_int_equal(mkfifo(f->path, 0600), 0);
	hold = open(f->path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	assert_true(hold >= 0);
	l = open_log(f->path, UINT64_MAX);
	for (uint64_t i = 0; i < sent; i++)
		oplog_put(l, &e);
	dropped = oplog_dropped(l);
	assert_true(dropped > 0);
	/* somebody reads on, into a file of the same name */
	{
		auto_close int out = open(f->old, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		int64_t deadline_ms = deadline_after(20000);
		uint64_t seen = 0;

		while (seen < sent - dropped + 1 && !deadline_passed(deadline_ms)) {
			n = io_read_some(hold, bytes, sizeof(bytes), deadline_ms);
			assert_true(n > 0);
			for (ssize_t i = 0; i < n; i++)
				seen += bytes[i] == '\n';
			assert_int_equal(write(out, bytes, (size_t)n), n);
			if (seen == sent - dropped)
				oplog_put(l, &e); /* brings the line that tells */
		}
	}
	oplog_close(l);
	while ((n = read(hold, bytes, sizeof(bytes))) > 0)
		;
	lines = each_line(f->old, &line);
	assert_true(lines >= sent - dropped);
	cJSON_Delete(line);
}

static void what_cannot_be_opened_is_said(void **state)
{
	struct oplog *l = NULL;
	struct err err = { "" };

	assert_int_equal(oplog_open("/no/such/folder/x", 1, &l, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/no/such/folder/x"));
	oplog_put(NULL, &(struct oplog_entry){ 0 });
	oplog_end(NULL);
	assert_int_equal(oplog_dropped(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_says_what_was_done, set_up, tear_down),
		cmocka_unit_test_setup_teardown(any_name_makes_a_line, set_up, tear_down),
		cmocka_unit_test(what_is_no_text_is_replaced),
		cmocka_unit_test_setup_teardown(at_its_ceiling_it_is_begun_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			who_fills_the_queue_loses_lines_and_is_told, set_up, tear_down),
		cmocka_unit_test(what_cannot_be_opened_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
