/*
 * What every far end must do, asked of agent.sh through the client's own calls. SBX_AGENT_SHELL
 * says by which shell (dash, bash, busybox); for busybox PATH holds its applets alone. Skipped
 * (77) where that shell is not.
 */
#include "tests/lib/test.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/remote/hello.h"
#include "common/remote/remote.h"

#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_MS 30000

struct fixture {
	struct remote *r;
	int pid;
	char dir[64];
};

static const char *shell(void)
{
	const char *s = getenv("SBX_AGENT_SHELL");

	return s ? s : "dash";
}

static int start(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	bool busybox = strcmp(shell(), "busybox") == 0;
	const char *plain[] = { shell(), "-c", hello_argv()[2], NULL };
	const char *applet[] = { "busybox", "sh", "-c", hello_argv()[2], NULL };
	struct err err = { "" };
	int fd = -1;
	int rc = hello_spawn(busybox ? applet : plain, &fd, &f->pid, &err);

	if (rc >= 0)
		rc = hello_start(fd, deadline_after(LONG_MS), &err);
	if (rc >= 0)
		rc = remote_open(fd, deadline_after(LONG_MS), &f->r, &err);
	if (rc < 0)
		print_error("%s\n", err.text);
	snprintf(f->dir, sizeof(f->dir), "/tmp/test-agent-XXXXXX");
	if (!mkdtemp(f->dir))
		rc = -errno;
	*state = f;
	return rc < 0 ? -1 : 0;
}

static int stop(void **state)
{
	struct fixture *f = *state;
	char command[128];

	remote_close(f->r, 5000);
	waitpid(f->pid, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	if (system(command))
		print_error("%s is left\n", f->dir);
	free(f);
	return 0;
}

static int ask(struct fixture *f, struct remote_request rq, struct remote_reply *reply)
{
	return remote_call(f->r, &rq, deadline_after(LONG_MS), reply);
}

/* Only its errno matters. */
static int try(struct fixture *f, struct remote_request rq)
{
	struct remote_reply reply;
	int rc = ask(f, rq, &reply);

	remote_reply_fini(&reply);
	return rc;
}

static const char *in(struct fixture *f, const char *name)
{
	static char path[16][512];
	static unsigned turn;
	char *p = path[turn++ % 16];

	snprintf(p, sizeof(path[0]), "%s/%s", f->dir, name);
	return p;
}

static uint64_t open_file(struct fixture *f, const char *path, uint32_t flags, uint32_t mode)
{
	struct remote_request rq = { .op = OP_OPEN, .path = path, .flags = flags, .mode = mode };
	struct remote_reply reply;
	uint64_t handle;

	CHECK_RC(ask(f, rq, &reply), 0);
	assert_true(reply.has_attr);
	handle = reply.handle;
	remote_reply_fini(&reply);
	return handle;
}

static void fill(char *bytes, size_t n)
{
	uint32_t x = 2463534242u;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		bytes[i] = (char)x;
	}
}

static void read_is(
	struct fixture *f, uint64_t h, uint64_t offset, size_t wanted, const char *bytes, size_t n)
{
	struct remote_request rq = { .op = OP_READ, .handle = h, .offset = offset, .size = wanted };
	struct remote_reply reply;

	CHECK_RC(ask(f, rq, &reply), 0);
	assert_int_equal(reply.n, n);
	if (n)
		assert_memory_equal(reply.data, bytes, n);
	remote_reply_fini(&reply);
}

static void keeps_every_byte_of_a_file(void **state)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 65536, 1048576 };
	static char bytes[1048576];
	struct fixture *f = *state;

	fill(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t h = open_file(
			f, in(f, "f"), OPEN_READ | OPEN_WRITE | OPEN_CREATE | OPEN_TRUNC, 0600);
		struct remote_request wr = {
			.op = OP_WRITE, .handle = h, .data = bytes, .n = sizes[i]
		};

		CHECK_RC(try(f, wr), 0);
		wr.offset = sizes[i];
		wr.n = 1;
		CHECK_RC(try(f, wr), 0);
		read_is(f, h, 0, sizes[i], bytes, sizes[i]);
		read_is(f, h, sizes[i], 1000, bytes, 1);
		read_is(f, h, sizes[i] + 5, 1000, bytes, 0);
		CHECK_RC(try(f, (struct remote_request){ .op = OP_FSYNC, .handle = h }), 0);
		CHECK_RC(try(f, (struct remote_request){ .op = OP_CLOSE, .handle = h }), 0);
		CHECK_RC(try(f, wr), -EBADF);
	}
}

static void appends(void **state)
{
	struct fixture *f = *state;
	uint64_t h = open_file(f, in(f, "a"), OPEN_APPEND | OPEN_READ | OPEN_CREATE, 0600);
	struct remote_request wr = { .op = OP_WRITE, .handle = h, .data = "ab", .n = 2 };

	CHECK_RC(try(f, wr), 0);
	CHECK_RC(try(f, wr), 0);
	read_is(f, h, 0, 10, "abab", 4);
	CHECK_RC(try(f, (struct remote_request){ .op = OP_FTRUNCATE, .handle = h, .size = 3 }), 0);
	read_is(f, h, 0, 10, "aba", 3);
}

static void holds_a_file_whose_name_has_gone(void **state)
{
	struct fixture *f = *state;
	uint64_t h = open_file(f, in(f, "gone"), OPEN_WRITE | OPEN_READ | OPEN_CREATE, 0600);
	struct remote_request wr = { .op = OP_WRITE, .handle = h, .data = "ab", .n = 2 };

	CHECK_RC(try(f, wr), 0);
	CHECK_RC(try(f, (struct remote_request){ .op = OP_UNLINK, .path = in(f, "gone") }), 0);
	wr.offset = 2;
	CHECK_RC(try(f, wr), 0);
	read_is(f, h, 0, 10, "abab", 4);
	CHECK_RC(try(f, (struct remote_request){ .op = OP_CLOSE, .handle = h }), 0);
}

static void follows_a_rename(void **state)
{
	struct fixture *f = *state;
	uint64_t h = open_file(f, in(f, "old"), OPEN_WRITE | OPEN_READ | OPEN_CREATE, 0640);
	struct remote_request wr = { .op = OP_WRITE, .handle = h, .data = "ab", .n = 2 };
	struct remote_request mv = { .op = OP_RENAME, .path = in(f, "old"), .path2 = in(f, "new") };

	CHECK_RC(try(f, mv), 0);
	CHECK_RC(try(f, wr), 0);
	read_is(f, h, 0, 10, "ab", 2);
	CHECK_RC(try(f, mv), -ENOENT);
	mv.path = mv.path2;
	mv.path2 = in(f, "dir");
	CHECK_RC(try(f, (struct remote_request){ .op = OP_MKDIR, .path = mv.path2, .mode = 0755 }),
		0);
	CHECK_RC(try(f, mv), -EISDIR);
	mv.flags = RENAME_FLAG_NOREPLACE;
	CHECK_RC(try(f, mv), -EEXIST);
}

/* Each byte that a name can hold, and what a shell might take for its own. */
static void takes_any_name_for_a_name(void **state)
{
	static const char *const names[] = { "-n", "*", "[a]", " a ", "a\n", "\n", "$(touch x)",
		"`touch x`", "'", "\"", "\\", "\\0101", ".h", "..x", "\xff\xfe", "a;touch x", "|",
		"&" };
	struct fixture *f = *state;
	char path[128];
	struct remote_request ls = { .op = OP_LIST, .path = path };
	struct remote_reply reply;
	size_t made = 0;

	snprintf(path, sizeof(path), "%s/n", f->dir);
	CHECK_RC(try(f, (struct remote_request){ .op = OP_MKDIR, .path = ls.path, .mode = 0755 }),
		0);
	for (int c = 1; c < 256; c++) {
		char name[8] = { 'n', '/', 'b', (char)c, 'e' };

		if (c == '/')
			continue;
		CHECK_RC(try(f,
				 (struct remote_request){
					 .op = OP_MKDIR, .path = in(f, name), .mode = 0700 }),
			0);
		made++;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++, made++) {
		char name[64];

		snprintf(name, sizeof(name), "n/%s", names[i]);
		open_file(f, in(f, name), OPEN_WRITE | OPEN_CREATE | OPEN_EXCL, 0644);
	}
	CHECK_RC(ask(f, ls, &reply), 0);
	assert_int_equal(reply.entry_count, made);
	for (size_t i = 0; i < reply.entry_count; i++) {
		char name[300];

		snprintf(name, sizeof(name), "n/%s", reply.entries[i].name);
		assert_int_equal(access(in(f, name), F_OK), 0);
	}
	remote_reply_fini(&reply);
	assert_int_equal(access(in(f, "x"), F_OK), -1);
	assert_int_equal(access("x", F_OK), -1);
}

static void names_the_errno(void **state)
{
	struct fixture *f = *state;
	const char *file = in(f, "file"), *dir = in(f, "full"), *below = in(f, "file/below");
	const char *none = in(f, "none");

	open_file(f, file, OPEN_WRITE | OPEN_CREATE, 0644);
	CHECK_RC(try(f, (struct remote_request){ .op = OP_MKDIR, .path = dir, .mode = 0755 }), 0);
	CHECK_RC(try(f, (struct remote_request){ .op = OP_MKDIR, .path = dir, .mode = 0755 }),
		-EEXIST);
	open_file(f, in(f, "full/x"), OPEN_WRITE | OPEN_CREATE, 0644);
	CHECK_RC(try(f, (struct remote_request){ .op = OP_RMDIR, .path = dir }), -ENOTEMPTY);
	CHECK_RC(try(f, (struct remote_request){ .op = OP_RMDIR, .path = file }), -ENOTDIR);
	CHECK_RC(try(f, (struct remote_request){ .op = OP_UNLINK, .path = dir }), -EISDIR);
	CHECK_RC(try(f, (struct remote_request){ .op = OP_UNLINK, .path = none }), -ENOENT);
	CHECK_RC(try(f, (struct remote_request){ .op = OP_STAT, .path = none }), -ENOENT);
	CHECK_RC(try(f, (struct remote_request){ .op = OP_STAT, .path = below }), -ENOTDIR);
	CHECK_RC(try(f, (struct remote_request){ .op = OP_LIST, .path = none }), -ENOENT);
	CHECK_RC(try(f, (struct remote_request){ .op = OP_LIST, .path = file }), -ENOTDIR);
	CHECK_RC(try(f, (struct remote_request){ .op = OP_READLINK, .path = file }), -EINVAL);
	CHECK_RC(try(f, (struct remote_request){ .op = OP_OPEN, .path = dir, .flags = OPEN_WRITE }),
		-EISDIR);
	CHECK_RC(try(f, (struct remote_request){ .op = OP_OPEN, .path = none, .flags = OPEN_READ }),
		-ENOENT);
	CHECK_RC(try(f, (struct remote_request){ .op = OP_OPEN,
				.path = file,
				.flags = OPEN_WRITE | OPEN_CREATE | OPEN_EXCL }),
		-EEXIST);
	CHECK_RC(try(f, (struct remote_request){ .op = OP_TRUNCATE, .path = none, .size = 5 }),
		-ENOENT);
	CHECK_RC(try(f, (struct remote_request){ .op = OP_FSTAT, .handle = 999 }), -EBADF);
}

static void changes_attributes(void **state)
{
	struct fixture *f = *state;
	const char *link = in(f, "link"), *file = in(f, "file");
	struct remote_request times = { .op = OP_UTIMENS,
		.path = file,
		.mtime = { 1234567890, 500000000 },
		.atime = { 0, UTIME_OMIT } };
	struct remote_reply reply;

	open_file(f, file, OPEN_WRITE | OPEN_CREATE, 0755);
	CHECK_RC(ask(f, (struct remote_request){ .op = OP_CHMOD, .path = file, .mode = 01640 },
			 &reply),
		0);
	assert_int_equal(reply.attr.mode, S_IFREG | 01640);
	remote_reply_fini(&reply);
	CHECK_RC(ask(f, times, &reply), 0);
	assert_int_equal(reply.attr.mtime.tv_sec, 1234567890);
	if (strcmp(shell(), "busybox") != 0)
		assert_int_equal(reply.attr.mtime.tv_nsec, 500000000);
	remote_reply_fini(&reply);
	CHECK_RC(
		try(f, (struct remote_request){ .op = OP_SYMLINK, .path = link, .path2 = "-to\n" }),
		0);
	CHECK_RC(ask(f, (struct remote_request){ .op = OP_READLINK, .path = link }, &reply), 0);
	assert_string_equal(reply.data, "-to\n");
	remote_reply_fini(&reply);
	CHECK_RC(try(f,
			 (struct remote_request){
				 .op = OP_LINK, .path = file, .path2 = in(f, "hard") }),
		0);
	CHECK_RC(ask(f, (struct remote_request){ .op = OP_STATFS, .path = f->dir }, &reply), 0);
	assert_int_equal(reply.statfs[6], 255);
	remote_reply_fini(&reply);
}

/* --- runs --------------------------------------------------------------- */

struct seen {
	struct run *run;
	sem_t ended;
	struct buf out[2];
	const char *input;
	size_t n, given;
	const char *kill;
	struct run_end end;
};

static void on_started(void *arg, int pid)
{
	struct seen *s = arg;

	if (s->kill)
		CHECK_RC(run_kill(s->run, s->kill), 0);
}

static void on_output(void *arg, int stream, const void *bytes, size_t n)
{
	struct seen *s = arg;

	buf_add(&s->out[stream - 1], bytes, n);
	run_more(s->run, stream, n);
}

static void on_input(void *arg, size_t n)
{
	struct seen *s = arg;
	size_t part = n < s->n - s->given ? n : s->n - s->given;

	if (!part)
		return;
	run_input(s->run, s->input + s->given, part);
	s->given += part;
	if (s->given == s->n)
		run_eof(s->run);
}

static void on_ended(void *arg, const struct run_end *end)
{
	struct seen *s = arg;

	s->end = *end;
	sem_post(&s->ended);
}

static void begin(struct fixture *f, struct seen *s, const char *script, int timeout_ms)
{
	static const struct run_ops ops = { on_started, on_output, on_input, on_ended };
	struct run_spec spec = { .script = script,
		.n = strlen(script),
		.timeout_ms = timeout_ms,
		.window = 262144,
		.wants_stdin = s->input != NULL };

	sem_init(&s->ended, 0, 0);
	for (int i = 0; i < 2; i++)
		s->out[i] = (struct buf)BUF_INIT(16 << 20);
	remote_run(f->r, &spec, &ops, s, &s->run);
}

static void finish(struct seen *s, int status)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	assert_int_equal(sem_timedwait(&s->ended, &until), 0);
	CHECK_RC(s->end.rc, 0);
	assert_int_equal(run_end_status(&s->end), status);
	run_unref(s->run);
}

static void forget(struct seen *s)
{
	buf_fini(&s->out[0]);
	buf_fini(&s->out[1]);
}

static void says_how_a_command_ended(void **state)
{
	static const struct {
		const char *script;
		int timeout_ms, status;
		const char *kill;
	} cases[] = {
		{ "exit 0", 0, 0, NULL },
		{ "exit 255", 0, 255, NULL },
		{ "kill -TERM $$", 0, 143, NULL },
		{ "sleep 20", 100, 124, NULL },
		{ "sleep 20", 0, 143, "TERM" },
		{ "sleep 20", 0, 137, "KILL" },
		{ "#!/nonexistent\n", 0, 127, NULL },
		{ "sleep 5 & exit 4", 0, 4, NULL },
		{ "trap '' TERM; sleep 20; sleep 20", 100, 124, NULL },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen s = { .kill = cases[i].kill };

		begin(f, &s, cases[i].script, cases[i].timeout_ms);
		finish(&s, cases[i].status);
		forget(&s);
	}
}

static void eight_runs_at_once_lose_no_byte(void **state)
{
	static char bytes[2 << 20], script[600];
	struct fixture *f = *state;
	struct seen s[8] = { 0 };
	FILE *file = fopen(in(f, "bytes"), "w");

	fill(bytes, sizeof(bytes));
	assert_int_equal(fwrite(bytes, 1, sizeof(bytes), file), sizeof(bytes));
	fclose(file);
	snprintf(script, sizeof(script), "cat %s >&2 & cat %s; wait", in(f, "bytes"),
		in(f, "bytes"));
	for (int i = 0; i < 8; i++)
		begin(f, &s[i], script, 0);
	for (int i = 0; i < 8; i++)
		finish(&s[i], 0);
	for (int i = 0; i < 8; i++) {
		for (int k = 0; k < 2; k++) {
			assert_int_equal(s[i].out[k].len, sizeof(bytes));
			assert_memory_equal(s[i].out[k].data, bytes, sizeof(bytes));
		}
		forget(&s[i]);
	}
}

static void gives_back_what_was_put_in(void **state)
{
	static char bytes[1 << 20];
	struct fixture *f = *state;
	struct seen s = { .input = bytes, .n = sizeof(bytes) };

	fill(bytes, sizeof(bytes));
	begin(f, &s, "cat", 0);
	finish(&s, 0);
	assert_int_equal(s.out[0].len, sizeof(bytes));
	assert_memory_equal(s.out[0].data, bytes, sizeof(bytes));
	forget(&s);
}

static void runs_a_script_longer_than_an_argument(void **state)
{
	static char script[300001];
	struct fixture *f = *state;
	struct seen s = { .input = "in", .n = 2 };

	memset(script, '#', 300000);
	memcpy(script + 300000 - 12, "\ncat; exit 7", 12);
	begin(f, &s, script, 0);
	finish(&s, 7);
	assert_int_equal(s.out[0].len, 2);
	forget(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_every_byte_of_a_file, start, stop),
		cmocka_unit_test_setup_teardown(appends, start, stop),
		cmocka_unit_test_setup_teardown(holds_a_file_whose_name_has_gone, start, stop),
		cmocka_unit_test_setup_teardown(follows_a_rename, start, stop),
		cmocka_unit_test_setup_teardown(takes_any_name_for_a_name, start, stop),
		cmocka_unit_test_setup_teardown(names_the_errno, start, stop),
		cmocka_unit_test_setup_teardown(changes_attributes, start, stop),
		cmocka_unit_test_setup_teardown(says_how_a_command_ended, start, stop),
		cmocka_unit_test_setup_teardown(eight_runs_at_once_lose_no_byte, start, stop),
		cmocka_unit_test_setup_teardown(gives_back_what_was_put_in, start, stop),
		cmocka_unit_test_setup_teardown(runs_a_script_longer_than_an_argument, start, stop),
	};
	char bin[] = "/tmp/test-agent-bin-XXXXXX", command[128];
	int rc;

	snprintf(command, sizeof(command), "command -v %s >/dev/null", shell());
	if (system(command))
		return 77;
	if (strcmp(shell(), "busybox") == 0) {
		if (!mkdtemp(bin))
			return 1;
		snprintf(command, sizeof(command), "busybox --install -s %s", bin);
		if (system(command))
			return 77;
		setenv("PATH", bin, 1);
	}
	rc = cmocka_run_group_tests_name(shell(), tests, NULL, NULL);
	if (strcmp(shell(), "busybox") == 0) {
		snprintf(command, sizeof(command), "rm -rf %s", bin);
		if (system(command))
			return 1;
	}
	return rc;
}
