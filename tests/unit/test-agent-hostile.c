/*
 * Requests that no client of ours would send, to the static agent: cut off at any byte, with bytes turned over, all
 * numbers at their ends. It answers or ends, each time in an orderly way and with answers that can be read. A
 * sanitizer in SBX_AGENT_PROGRAM sees more.
 *
 * All paths are in a folder of its own, and no byte of that folder's path is touched.
 */
#include "tests/lib/owntmp.h"
#include "tests/lib/test.h"

#include "common/base/clock.h"
#include "common/base/squeeze.h"
#include "common/remote/answer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENDS_MS    60000
#define SCRIPT_MAX (64 * 1024)
#define CUT_EACH   7 /* bytes between two cuts, */
#define TURN_EACH  9 /* and between two that are turned over */
#define FILE_BYTES (1024 * 1024)
#define FIRST      2147483648U /* the first of the client's own handles */
#define BIG        "9223372036854775807"

static char dir[] = "/tmp/test-agent-hostile-XXXXXX";

/* Requests, and where their bytes may be changed. */
struct script {
	struct buf bytes, free;
};

static void script_fini(struct script *s)
{
	buf_fini(&s->bytes);
	buf_fini(&s->free);
}

#define auto_script struct script auto_with(script_fini)
#define SCRIPT_INIT                                                                                \
	{                                                                                          \
		BUF_INIT(SCRIPT_MAX), BUF_INIT(SCRIPT_MAX)                                         \
	}

/* "@" stands for the folder. */
static void say(struct script *s, const char *text)
{
	for (; *text; text++) {
		size_t was = s->bytes.len;

		if (*text == '@')
			buf_str(&s->bytes, dir);
		else
			buf_char(&s->bytes, *text);
		for (size_t i = was; i < s->bytes.len; i++)
			buf_char(&s->free, *text != '@');
	}
}

static void say_bytes(struct script *s, const char *bytes, size_t n)
{
	buf_add(&s->bytes, bytes, n);
	for (size_t i = 0; i < n; i++)
		buf_char(&s->free, 1);
}

static void say_packed(struct script *s, unsigned handle)
{
	char plain[4000], packed[4000];
	size_t n;

	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = "some words of which a few come again"[i * i % 37 % 36];
	n = squeeze(plain, sizeof(plain), packed, sizeof(packed));
	assert_true(n > 0);
	{
		auto_free char *line = xprintf("7 zwrite %u 0 %zu %zu\n", handle, sizeof(plain), n);

		say(s, line);
	}
	say_bytes(s, packed, n);
}

static void say_files(struct script *s)
{
	say(s, "1 stat @/f\n2 list @ w\n3 open @/f rw 0 4096 2147483648\n4 read 2147483648 0 4096\n"
	       "5 zread 2147483648 0 200000\n6 write 2147483648 5 5\nhello");
	say_packed(s, FIRST);
	say(s, "8 fallocate 2147483648 kp 0 4096\n9 seek 2147483648 0 d\n"
	       "10 open @/g rwc 644 0 2147483649 - -\n11 open @/f r 0 0 2147483650\n"
	       "12 copy 2147483649 0 100 2147483650 0\n"
	       "13 fset 2147483649 100 644 - - now 1.000000005\n"
	       "14 fsync 2147483649\n15 fstat 2147483649\n16 where 2147483649\n"
	       "17 close 2147483649\n18 peek @/f 100\n0 unwatch 1\n");
}

static void say_names(struct script *s)
{
	say(s, "1 set @/f - 640 - - -7.000000001 now\n2 setxattr @/f user.a - 3\nabc"
	       "3 getxattr @/f user.a 100\n4 listxattr @/f 65536\n5 removexattr @/f user.a\n"
	       "6 mkdir @/d 755 - -\n7 mknod @/p 10644\n8 symlink x\\0012y @/l\n9 readlink @/l\n"
	       "10 link @/f @/h\n11 rename @/h @/i n\n12 unlink @/i\n13 rmdir @/d\n14 statfs @\n"
	       "15 unlink @/l\n16 unlink @/p\n17 ping\n18 nonsense @\n19 dial - 1 1000\n"
	       "20 dial 127.0.0.1 1 1000\n");
}

static void say_runs(struct script *s)
{
	say(s, "1 env 4\nA=b\n2 run @ - 0 1000 - 0 9\necho word3 run - - " BIG " " BIG
	       " i 0 3\ncat0 in 3 2\nab0 more 3 o 100\n0 timeout 3 " BIG "\n0 resize 3 80 24\n"
	       "4 run @ - 0 100 t 0 4\ntrue0 resize 4 65535 65535\n5 keep 3 7\n0 eof 3\n"
	       "6 runs\n7 script 7\n8 attach 7 0 0 100 oe\n9 past 7 o 0 2\nab0 leave 8\n"
	       "10 signal 7 0\n11 forget 7\n0 kill 3 TERM\n12 bye\n");
}

/* Each number at its end. */
static void say_ends(struct script *s)
{
	say(s, "1 open @/f rw 0 " BIG " 2147483648\n2 open @/f rw 0 0 2147483648\n"
	       "3 open @/f rw 0 0 2147483648\n4 read 2147483648 " BIG " 1048576\n"
	       "5 read 2147483648 0 " BIG "\n6 zread 2147483648 " BIG " 1048576\n"
	       "7 zwrite 2147483648 " BIG " 1048576 1\nx8 zwrite 2147483648 0 " BIG " 1\nx"
	       "9 write 2147483648 " BIG " 3\nabc10 seek 2147483648 " BIG " h\n"
	       "11 fallocate 2147483648 - " BIG " " BIG "\n"
	       "12 copy 2147483648 " BIG " " BIG " 2147483648 " BIG "\n"
	       "13 fset 2147483648 " BIG " 7777777 4294967294 - 999999999999999999.999999999 -\n"
	       "14 peek @/f " BIG "\n15 getxattr @/f user.a " BIG "\n16 listxattr @/f " BIG "\n"
	       "17 open @/f r 0 0 " BIG "\n18 open @/f r 0 0 1\n19 close " BIG "\n"
	       "20 dial - 65536 1\n21 dial - 0 1\n22 dial - 1 0\n23 dial x 1 1\n"
	       "24 attach " BIG " " BIG " " BIG " " BIG " oei\n25 past " BIG " o " BIG " 1\nx"
	       "26 script " BIG "\n27 forget " BIG "\n28 signal " BIG " KILL\n0 unwatch " BIG "\n"
	       "0 more 1 o " BIG "\n0 kill " BIG " KILL\n4294967295 ping\n4294967296 ping\n"
	       "29 mknod @/n 20644 - - " BIG " " BIG "\n30 keep " BIG " " BIG "\n"
	       "31 setxattr @/f user.a - 1048577\n");
}

/* --- an agent ------------------------------------------------------------------ */

struct far {
	int in, out, pid;
};

static void start(struct far *ret)
{
	const char *program = getenv("SBX_AGENT_PROGRAM");
	int in[2], out[2];

	assert_non_null(program);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	ret->pid = fork();
	assert_true(ret->pid >= 0);
	if (ret->pid == 0) {
		if (dup2(in[0], 0) == 0 && dup2(out[1], 1) == 1 && chdir(dir) == 0)
			execl(program, program, (char *)NULL);
		_exit(99);
	}
	close(in[0]);
	close(out[1]);
	ret->in = in[1];
	ret->out = out[0];
	fcntl(ret->in, F_SETFL, O_NONBLOCK);
}

static int no_line(void *arg, const struct answer *a)
{
	struct buf *ends = arg;

	if (a->kind == '=' || a->kind == '!')
		answer_print(ends, a);
	return 0;
}

static int no_piece(void *arg, const struct answer *a, const void *bytes, size_t n)
{
	return 0;
}

/* Behind the hello. */
static int read_answers(struct answers *s, bool *greeted, char *bytes, size_t n, struct buf *ends)
{
	const struct answer_sink sink = { no_line, no_piece, ends };

	if (!*greeted) {
		const char *lf = memchr(bytes, '\n', n);

		assert_non_null(lf);
		assert_memory_equal(bytes, "hello sbx 1 ", 12);
		*greeted = true;
		n -= (size_t)(lf + 1 - bytes);
		bytes += lf + 1 - bytes;
	}
	return answers_feed(s, bytes, n, &sink);
}

static bool feed(struct far *f, const char *bytes, size_t n, size_t *at)
{
	ssize_t put = *at < n ? write(f->in, bytes + *at, n - *at) : -1;

	*at += put > 0 ? (size_t)put : 0;
	return *at < n && (put > 0 || errno == EAGAIN);
}

/* Its ends of answers in ends; fails unless it ends by itself, well. */
static void talk_until(const char *bytes, size_t n, const char *last, struct buf *ends)
{
	static char got[1 << 16];
	auto_with(answers_fini) struct answers s;
	int64_t until = deadline_after(ENDS_MS);
	bool greeted = false, more = true;
	struct far f;
	size_t at = 0;
	ssize_t here = 1;
	int status = 0;

	answers_init(&s);
	start(&f);
	while (here > 0) {
		struct pollfd p[2] = { { f.out, POLLIN, 0 }, { more ? f.in : -1, POLLOUT, 0 } };

		if (poll(p, 2, deadline_left(until)) <= 0)
			break;
		if (p[1].revents)
			more = feed(&f, bytes, n, &at);
		if (p[0].revents)
			here = read(f.out, got, sizeof(got));
		if (p[0].revents && here > 0)
			CHECK_RC(read_answers(&s, &greeted, got, (size_t)here, ends), 0);
		if (!more && f.in >= 0 && (!last || strstr(buf_text(ends), last)))
			close(take_fd(f.in));
	}
	if (here > 0)
		kill(f.pid, SIGABRT);
	close(f.out);
	if (f.in >= 0)
		close(f.in);
	assert_int_equal(waitpid(f.pid, &status, 0), f.pid);
	assert_int_equal(here, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void talk(const char *bytes, size_t n, struct buf *ends)
{
	talk_until(bytes, n, NULL, ends);
}

static void make_file(void)
{
	auto_free char *path = xprintf("%s/f", dir);
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0 && write(fd, "content\n", 8) == 8);
	assert_int_equal(ftruncate(fd, FILE_BYTES), 0);
}

static void (*const chapters[])(struct script *s) = { say_files, say_names, say_runs };
#define CHAPTERS (sizeof(chapters) / sizeof(*chapters))

static void whatever_is_cut_off_is_answered_or_ended(void **state)
{
	for (size_t c = 0; c < CHAPTERS; c++) {
		auto_script s = SCRIPT_INIT;

		chapters[c](&s);
		for (size_t n = c; n <= s.bytes.len; n += CUT_EACH) {
			auto_buf ends = BUF_INIT(1 << 20);

			make_file();
			talk(s.bytes.data, n, &ends);
		}
	}
}

static void whatever_is_turned_over_is_answered_or_ended(void **state)
{
	static const char turns[] = { 1, 4, 16, 32, 64, '\x80', '\xff' };
	unsigned turn = 0;

	for (size_t c = 0; c < CHAPTERS; c++) {
		auto_script s = SCRIPT_INIT;

		chapters[c](&s);
		for (size_t at = c; at < s.bytes.len; at += TURN_EACH) {
			auto_buf ends = BUF_INIT(1 << 20);
			char was = s.bytes.data[at];

			if (!s.free.data[at])
				continue;
			make_file();
			s.bytes.data[at] ^= turns[turn++ % sizeof(turns)];
			talk(s.bytes.data, s.bytes.len, &ends);
			s.bytes.data[at] = was;
		}
	}
}

static void numbers_at_their_ends_are_refused_or_served(void **state)
{
	auto_buf ends = BUF_INIT(1 << 20);
	auto_script s = SCRIPT_INIT;

	make_file();
	say_ends(&s);
	talk(s.bytes.data, s.bytes.len, &ends);
	CHECK_HAS(buf_text(&ends), "! 1 EINVAL"); /* and its handle is not taken: */
	CHECK_HAS(buf_text(&ends), "\n= 2 2147483648\n");
	CHECK_HAS(buf_text(&ends), "\n! 5 EINVAL");
	CHECK_HAS(buf_text(&ends), "\n= 4294967295\n");
	CHECK_HAS(buf_text(&ends), "\n! 31 EINVAL");
}

/* Those that wait for memory wait outside of their handle, which its failed open would free. */
static void requests_that_wait_for_memory_keep_their_handle(void **state)
{
	auto_buf ends = BUF_INIT(1 << 20);
	auto_script s = SCRIPT_INIT;

	make_file();
	say(&s, "1 stat @/none\n2 open @/f r 0 0 2147483648\n");
	for (int i = 0; i < 60; i++) {
		auto_free char *line = xprintf("%d read 2147483648 0 1048576\n", 100 + i);

		say(&s, line);
	}
	say(&s, "3 open @/none r 0 0 2147483649\n");
	for (int i = 0; i < 20; i++) {
		auto_free char *line = xprintf("%d read 2147483649 0 4096\n", 200 + i);

		say(&s, line);
	}
	talk_until(s.bytes.data, s.bytes.len, "= 159 1048576\n", &ends);
	CHECK_HAS(buf_text(&ends), "= 159 1048576\n");
	CHECK_HAS(buf_text(&ends), "! 3 ENOENT");
	for (int i = 0; i < 20; i++) {
		auto_free char *line = xprintf("! %d EBADF", 200 + i);

		CHECK_HAS(buf_text(&ends), line);
	}
}

static void a_line_without_end_ends_it(void **state)
{
	auto_buf ends = BUF_INIT(1 << 20);
	auto_buf line = BUF_INIT(1 << 20);

	while (line.len < 200000)
		buf_str(&line, "1 stat /////////////////////////////");
	talk(line.data, line.len, &ends);
	assert_int_equal(ends.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_at_their_ends_are_refused_or_served),
		cmocka_unit_test(requests_that_wait_for_memory_keep_their_handle),
		cmocka_unit_test(a_line_without_end_ends_it),
		cmocka_unit_test(whatever_is_cut_off_is_answered_or_ended),
		cmocka_unit_test(whatever_is_turned_over_is_answered_or_ended),
	};
	auto_free char *rm = NULL;
	int rc;

	signal(SIGPIPE, SIG_IGN);
	if (!owntmp())
		return 77; /* what it makes would be among others' */
	if (!mkdtemp(dir))
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	rm = xprintf("rm -rf %s", dir);
	return system(rm) ? 1 : rc;
}
