#include "tests/lib/test.h"
#include "tests/lib/peer.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/remote/hello.h"
#include "common/remote/remote.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct remote *open_to(struct peer *p, const char *hello,
	void (*serve)(struct peer *p, const struct peer_line *line), void *arg)
{
	struct remote *r = NULL;
	struct err err = { "" };
	int fd = peer_open(p, hello, serve, arg);
	int rc = remote_open(fd, deadline_after(5000), &r, &err);

	if (rc < 0)
		fail_msg("remote_open: %s: %s", errno_name(rc), err.text);
	return r;
}

#define RECORD "81a4 1 42 1 0 0 5 8 1 2 3 0 0|.5|.25|.125|/\n"

static void serve_well(struct peer *p, const struct peer_line *line)
{
	if (strcmp(line->op, "stat") == 0 && strcmp(line->args[0], "/none") == 0)
		peer_say(p, "! %s ENOENT it\\0040is\\0040not there\n", line->tag);
	else if (strcmp(line->op, "stat") == 0)
		peer_say(p, "d %s %zu\n%s= %s\n", line->tag, strlen(RECORD), RECORD, line->tag);
	else if (line->tag[0] != '0')
		peer_say(p, "= %s\n", line->tag);
}

static void tells_attributes(void **state)
{
	struct peer p;
	struct remote *r = open_to(&p, PEER_HELLO, serve_well, NULL);
	struct remote_request rq = { .op = OP_STAT, .path = "/etc/passwd" };
	struct remote_reply reply;

	CHECK_RC(remote_call(r, &rq, deadline_after(5000), &reply), 0);
	assert_true(reply.has_attr);
	assert_int_equal(reply.attr.ino, 42);
	assert_int_equal(reply.attr.mtime.tv_nsec, 500000000);
	remote_reply_fini(&reply);
	rq.path = "/none";
	CHECK_RC(remote_call(r, &rq, deadline_after(5000), &reply), -ENOENT);
	assert_string_equal(reply.err.text, "it is not there");
	remote_reply_fini(&reply);
	remote_close(r, 1000);
	peer_close(&p);
}

/* Notes lines and, behind a write, one line of TEXT. */
static void serve_text_bodies(struct peer *p, const struct peer_line *line)
{
	struct buf *notes = p->arg;
	char c = 0;

	buf_printf(notes, "%s\n", line->text);
	if (strcmp(line->op, "write") != 0)
		return;
	while (c != '\n') {
		auto_buf one = BUF_INIT(16);

		peer_body(p, 1, &one);
		c = one.data[0];
		buf_char(notes, c);
	}
	peer_say(p, "= %s %s\n", line->tag, line->args[2]);
}

static void bodies_go_as_text_where_the_agent_wants_it(void **state)
{
	auto_buf notes = BUF_INIT(4096);
	struct peer p;
	struct remote *r = open_to(
		&p, "hello sbx 1 sh max=4096 body=text ops=write\n", serve_text_bodies, &notes);
	struct remote_request rq = { .op = OP_WRITE, .handle = 3, .data = "a\n\0b", .n = 4 };
	struct remote_reply reply;

	CHECK_RC(remote_call(r, &rq, deadline_after(5000), &reply), 0);
	assert_int_equal(reply.n, 4);
	remote_reply_fini(&reply);
	remote_close(r, 0);
	peer_close(&p);
	assert_string_equal(notes.data, "1 write 3 0 4\na\\0012\\0000b\n");
}

/* --- a file's first bytes ------------------------------------------------- */

/* Says its arg, # being the tag, to whatever is asked. */
static void serve_text(struct peer *p, const struct peer_line *line)
{
	auto_buf out = BUF_INIT(65536);

	for (const char *c = p->arg; *c; c++) {
		if (*c == '#')
			buf_str(&out, line->tag);
		else
			buf_char(&out, *c);
	}
	peer_send(p, out.data, out.len);
}

static void serve_and_hang_up(struct peer *p, const struct peer_line *line)
{
	serve_text(p, line);
	peer_hang_up(p);
}

static int ask(const struct remote_request *rq, const char *answer, struct remote_reply *ret);

#define OPEN_AHEAD                                                                                 \
	{                                                                                          \
		.op = OP_OPEN, .path = "/f", .flags = OPEN_READ, .size = 8                         \
	}

static void first_bytes_come_with_open_or_do_not(void **state)
{
	struct remote_request rq = OPEN_AHEAD;
	struct remote_reply y;

	CHECK_RC(ask(&rq, "d # 52\n" RECORD "hello/\nx= # 7 8\n", &y), 0);
	assert_true(y.has_attr && y.has_ahead);
	assert_int_equal(y.handle, 7);
	assert_int_equal(y.n, 8);
	assert_memory_equal(y.data, "hello/\nx", 8);
	remote_reply_fini(&y);
	CHECK_RC(ask(&rq, "d # 44\n" RECORD "d # 5\nhello= # 7 3\n", &y), 0);
	assert_int_equal(y.n, 3);
	remote_reply_fini(&y);
	CHECK_RC(ask(&rq, "d # 44\n" RECORD "= # 7 0\n", &y), 0);
	assert_true(y.has_ahead);
	assert_int_equal(y.n, 0);
	remote_reply_fini(&y);
	CHECK_RC(ask(&rq, "d # 44\n" RECORD "= # 7\n", &y), 0);
	assert_false(y.has_ahead);
	assert_null(y.data);
	remote_reply_fini(&y);
}

static void peeks_have_attributes_and_bytes(void **state)
{
	struct remote_request rq = { .op = OP_PEEK, .path = "/f", .size = 8 };
	struct remote_reply y;

	CHECK_RC(ask(&rq, "d # 49\n" RECORD "hello= # 5\n", &y), 0);
	assert_int_equal(y.attr.ino, 42);
	assert_int_equal(y.n, 5);
	remote_reply_fini(&y);
	CHECK_RC(ask(&rq, "! # ELOOP -\n", &y), -ELOOP);
	CHECK_RC(ask(&rq, "d # 49\n" RECORD "hello= #\n", &y), -EBADMSG);
	CHECK_RC(ask(&rq, "d # 5\nhello= # 5\n", &y), -EBADMSG);
	rq.size = 65537;
	CHECK_RC(ask(&rq, "", &y), -EMSGSIZE);
}

/* More than was asked for, fewer than counted, no record: each ends the stream. */
static void first_bytes_that_cannot_be_are_refused(void **state)
{
	static const char *const bad[] = { "d # 53\n" RECORD "hello/\nxy= # 7 8\n",
		"d # 49\n" RECORD "hello= # 7 6\n", "d # 49\n" RECORD "hello= # 7\n",
		"d # 5\nhello= # 7 5\n", "= # 7 0\n",
		"d # 43\n81a4 1 42 1 0 0 5 8 1 2 3 0 0|.5|.25|.125|/= # 7 0\n",
		"d # 49\n" RECORD "hello= # 7 5 1\n", "d # 49\n" RECORD "hello= # 7 x\n",
		"d # 49\n" RECORD "hello= #\n", "d # 44\n" RECORD "= # 7 9223372036854775808\n" };
	struct remote_request rq = OPEN_AHEAD;
	struct remote_reply y;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_RC(ask(&rq, bad[i], &y), -EBADMSG);
}

/* Truncated at each length: never an answer. Each byte changed: an answer that fits, or none. */
static void cut_or_changed_first_bytes_are_refused_or_harmless(void **state)
{
	static const char whole[] = "d 1 49\n" RECORD "hello= 1 7 5\n";
	struct remote_request rq = OPEN_AHEAD;

	for (size_t i = 0; i < sizeof(whole) - 1; i++) {
		char flipped[sizeof(whole)];
		struct remote_reply y;
		struct peer p;
		struct remote *r;
		int rc;

		memcpy(flipped, whole, sizeof(whole));
		flipped[i] ^= 0x15;
		r = open_to(&p, PEER_HELLO, serve_text, flipped);
		rc = remote_call(r, &rq, deadline_after(50), &y);
		assert_true(rc != 0 || (y.has_attr && y.n <= 8));
		remote_reply_fini(&y);
		remote_close(r, 0);
		peer_close(&p);
	}
	for (size_t i = 0; i < sizeof(whole) - 1; i++) {
		char cut[sizeof(whole)];
		struct remote_reply y;
		struct peer p;
		struct remote *r;

		memcpy(cut, whole, sizeof(whole));
		cut[i] = '\0';
		r = open_to(&p, PEER_HELLO, serve_and_hang_up, cut);
		CHECK_RC(remote_call(r, &rq, deadline_after(5000), &y), -EPIPE);
		remote_reply_fini(&y);
		remote_close(r, 0);
		peer_close(&p);
	}
}

/* --- kept runs ------------------------------------------------------------ */

#define KEPT(id) id " running 0 1 1 1 0 0 0 0 0 0 0 2 ls\n"

static int ask(const struct remote_request *rq, const char *answer, struct remote_reply *ret)
{
	auto_free char *copy = xstrdup(answer);
	struct peer p;
	struct remote *r = open_to(&p, PEER_HELLO, serve_text, copy);
	int rc = remote_call(r, rq, deadline_after(5000), ret);

	/* Only what breaks the protocol breaks the stream: who was told of it first, is told again. */
	if (rc == -EBADMSG) {
		struct remote_reply again;

		CHECK_RC(remote_call(r, &(struct remote_request){ .op = OP_PING },
				 deadline_after(5000), &again),
			-EBADMSG);
	}
	CHECK_RC(remote_dead(r), rc == -EBADMSG ? -EBADMSG : 0);
	remote_close(r, 0);
	peer_close(&p);
	return rc;
}

static void kept_runs_are_listed(void **state)
{
	struct remote_request rq = { .op = OP_RUNS };
	auto_buf many = BUF_INIT(65536);
	struct remote_reply y, moved;

	CHECK_RC(ask(&rq, "= # 0\n", &y), 0);
	assert_int_equal(y.kept_count, 0);
	remote_reply_fini(&y);
	CHECK_RC(ask(&rq, "d # 37\n" KEPT("2") "d # 74\n" KEPT("1") KEPT("2") "= # 3\n", &y), 0);
	assert_int_equal(y.kept_count, 2);
	remote_reply_move(&moved, &y);
	assert_null(y.kept);
	assert_int_equal(moved.kept[0].id, 1);
	assert_string_equal(moved.kept[1].script, "ls");
	remote_reply_fini(&moved);
	CHECK_RC(ask(&rq, "d # 37\n" KEPT("2") "= # 2\n", &y), -EBADMSG);
	CHECK_RC(ask(&rq, "d # 36\n" KEPT("2") "= # 1\n", &y), -EBADMSG);
	CHECK_RC(ask(&rq, "d # 37\n" KEPT("2") "=\n", &y), -EBADMSG);
	CHECK_RC(ask(&rq, "d # 37\n" KEPT("x") "= # 1\n", &y), -EBADMSG);
	CHECK_RC(ask(&rq, "! # EIO -\n", &y), -EIO);
	for (int i = 0; i <= 100; i++)
		buf_str(&many, "d # 37\n" KEPT("2"));
	buf_str(&many, "= # 101\n");
	CHECK_RC(ask(&rq, buf_text(&many), &y), -EMSGSIZE);
}

static void scripts_arrive_whole(void **state)
{
	struct remote_request rq = { .op = OP_SCRIPT, .handle = 3 };
	struct remote_reply y;

	CHECK_RC(ask(&rq, "d # 3\nls d # 4\n\n-l\n= # 6\n", &y), 0);
	assert_int_equal(y.n, 6);
	assert_memory_equal(y.data, "ls \n-l", 6);
	remote_reply_fini(&y);
	CHECK_RC(ask(&rq, "d # 3\nls = # 4\n", &y), -EBADMSG);
	rq.handle = 0;
	CHECK_RC(ask(&rq, "= # 0\n", &y), -EINVAL);
}

static void what_has_no_content_is_done_or_refused(void **state)
{
	struct remote_request rq = { .op = OP_SIGNAL, .handle = 3, .signal = "TERM" };
	struct remote_reply y;

	CHECK_RC(ask(&rq, "= #\n", &y), 0);
	CHECK_RC(ask(&rq, "! # ESRCH -\n", &y), -ESRCH);
	CHECK_RC(ask(&rq, "= # 1\n", &y), -EBADMSG);
	CHECK_RC(ask(&rq, "d # 1\nx", &y), -EBADMSG);
	rq = (struct remote_request){ .op = OP_FORGET, .handle = 3 };
	CHECK_RC(ask(&rq, "! # EBUSY -\n", &y), -EBUSY);
	rq = (struct remote_request){
		.op = OP_PAST, .handle = 3, .stream = 1, .data = "", .n = 65537
	};
	CHECK_RC(ask(&rq, "", &y), -EMSGSIZE);
}

/* --- hello and the agent in sh ------------------------------------------ */

static void programs_that_are_not_there_are_told(void **state)
{
	static const char *const argv[] = { "/nonexistent/sh", NULL };
	struct err err;
	int fd, pid;

	CHECK_RC(hello_spawn(argv, &fd, &pid, &err), -ENOENT);
}

static void half_an_agent_is_never_evaluated(void **state)
{
	static const char half[] = "echo hello sbx 1 sh max=4096";
	struct remote *r = NULL;
	struct err err;
	int fd, pid;

	CHECK_RC(hello_spawn(NULL, &fd, &pid, &err), 0);
	CHECK_RC(io_write_all(fd, half, strlen(half), deadline_after(5000)), 0);
	shutdown(fd, SHUT_WR);
	CHECK_RC(remote_open(fd, deadline_after(5000), &r, &err), -EPIPE);
	waitpid(pid, NULL, 0);
}

static void the_loader_leaves_what_follows(void **state)
{
	static const char text[] = "IFS= read -r x; printf \"<%s>\" \"$x\"\na \\b\n";
	auto_close int fd = -1;
	char got[16] = "";
	struct err err;
	int pid;

	CHECK_RC(hello_spawn(NULL, &fd, &pid, &err), 0);
	CHECK_RC(io_write_all(fd, text, strlen(text), deadline_after(5000)), 0);
	CHECK_RC(io_read_all(fd, got, 6, deadline_after(5000)), 0);
	assert_string_equal(got, "<a \\b>");
	waitpid(pid, NULL, 0);
}

static int do_it(struct remote *r, const struct remote_request *rq, struct remote_reply *reply)
{
	remote_reply_fini(reply);
	return remote_call(r, rq, deadline_after(20000), reply);
}

#define RQ(...)                                                                                    \
	&(const struct remote_request)                                                             \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}

static void work_in(struct remote *r, const char *dir)
{
	auto_free char *file = xprintf("%s/it's a\n-file", dir);
	auto_free char *other = xprintf("%s/other", dir);
	struct remote_reply y = { 0 };
	uint64_t handle;

	CHECK_RC(do_it(r,
			 RQ(.op = OP_OPEN, .path = file,
				 .flags = OPEN_READ | OPEN_WRITE | OPEN_CREATE, .mode = 0640),
			 &y),
		0);
	assert_int_equal(y.attr.mode, S_IFREG | 0640);
	handle = y.handle;
	CHECK_RC(do_it(r, RQ(.op = OP_WRITE, .handle = handle, .data = "a\0b\nc", .n = 5), &y), 0);
	CHECK_RC(do_it(r, RQ(.op = OP_READ, .handle = handle, .offset = 1, .size = 100), &y), 0);
	assert_int_equal(y.n, 4);
	assert_memory_equal(y.data, "\0b\nc", 4);
	CHECK_RC(do_it(r, RQ(.op = OP_CLOSE, .handle = handle), &y), 0);
	CHECK_RC(do_it(r,
			 RQ(.op = OP_SET, .path = file, .sets = SET_MODE, .mode = 0600,
				 SET_NO_OWNER, SET_NO_TIMES),
			 &y),
		0);
	assert_int_equal(y.attr.size, 5);
	CHECK_RC(do_it(r, RQ(.op = OP_LIST, .path = dir), &y), 0);
	assert_int_equal(y.entry_count, 1);
	assert_string_equal(y.entries[0].name, "it's a\n-file");
	assert_int_equal(y.entries[0].attr.mode, S_IFREG | 0600);
	CHECK_RC(do_it(r, RQ(.op = OP_RENAME, .path = file, .path2 = other), &y), 0);
	CHECK_RC(do_it(r, RQ(.op = OP_STAT, .path = file), &y), -ENOENT);
	CHECK_RC(do_it(r, RQ(.op = OP_SYMLINK, .path = file, .path2 = "../x y"), &y), 0);
	CHECK_RC(do_it(r, RQ(.op = OP_READLINK, .path = file), &y), 0);
	assert_string_equal(y.data, "../x y");
	CHECK_RC(do_it(r, RQ(.op = OP_RMDIR, .path = dir), &y), -ENOTEMPTY);
	CHECK_RC(do_it(r, RQ(.op = OP_UNLINK, .path = other), &y), 0);
	CHECK_RC(do_it(r, RQ(.op = OP_UNLINK, .path = file), &y), 0);
	CHECK_RC(do_it(r, RQ(.op = OP_STATFS, .path = "/"), &y), 0);
	assert_true(y.statfs[0] >= 512);
	remote_reply_fini(&y);
}

/* False: this shell is not here. */
static bool work_with(const char *const *shell)
{
	const char *const *loader = hello_argv();
	const char *argv[] = { shell[0], shell[1] ? shell[1] : loader[1],
		shell[1] ? loader[1] : loader[2], shell[1] ? loader[2] : NULL, NULL };
	char dir[] = "/tmp/test-remote-XXXXXX";
	struct remote *r = NULL;
	struct err err = { "" };
	int fd, pid;

	if (hello_spawn(argv, &fd, &pid, &err) < 0)
		return false;
	CHECK_RC(hello_start(fd, deadline_after(20000), &err), 0);
	if (remote_open(fd, deadline_after(20000), &r, &err) < 0)
		fail_msg("%s: %s", shell[0], err.text);
	assert_non_null(mkdtemp(dir));
	work_in(r, dir);
	rmdir(dir);
	remote_close(r, 5000);
	waitpid(pid, NULL, 0);
	return true;
}

static void files_can_be_worked_on_in_any_shell(void **state)
{
	static const char *const shells[][3] = { { "sh" }, { "dash" }, { "bash" },
		{ "bash", "--posix" }, { "busybox", "ash" } };
	int found = 0;

	for (size_t i = 0; i < sizeof(shells) / sizeof(*shells); i++)
		found += work_with(shells[i]);
	assert_true(found > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_attributes),
		cmocka_unit_test(bodies_go_as_text_where_the_agent_wants_it),
		cmocka_unit_test(first_bytes_come_with_open_or_do_not),
		cmocka_unit_test(peeks_have_attributes_and_bytes),
		cmocka_unit_test(first_bytes_that_cannot_be_are_refused),
		cmocka_unit_test(cut_or_changed_first_bytes_are_refused_or_harmless),
		cmocka_unit_test(kept_runs_are_listed),
		cmocka_unit_test(scripts_arrive_whole),
		cmocka_unit_test(what_has_no_content_is_done_or_refused),
		cmocka_unit_test(programs_that_are_not_there_are_told),
		cmocka_unit_test(half_an_agent_is_never_evaluated),
		cmocka_unit_test(the_loader_leaves_what_follows),
		cmocka_unit_test(files_can_be_worked_on_in_any_shell),
	};

	return cmocka_run_group_tests_name("remote", tests, NULL, NULL);
}
