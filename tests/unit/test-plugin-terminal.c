/*
 * The parts of a terminal: the marks in its stream, the keys that leave it, the modes of its
 * screen, the scripts behind it.
 */
#include "tests/lib/test.h"

#include "plugin/detachkeys.h"
#include "plugin/screenmodes.h"
#include "plugin/termscript.h"
#include "plugin/ttymark.h"

#include <sys/wait.h>

#define NONCE   "0123456789abcdef0123456789abcdef"
#define SAYS(x) "\033_sbx;" NONCE ";" x "\033\\"

/* --- marks -------------------------------------------------------------------------- */

static void feed_in(struct ttymark *m, const char *bytes, size_t n, size_t piece, struct buf *out)
{
	ttymark_init(m, NONCE);
	for (size_t at = 0; at < n; at += piece)
		ttymark_feed(m, bytes + at, n - at < piece ? n - at : piece, out);
}

static void check_marks(const char *text, const char *wanted, int pid, int status)
{
	for (size_t piece = 1; piece <= strlen(text); piece++) {
		auto_buf out = BUF_INIT(64 * 1024);
		struct ttymark m;

		feed_in(&m, text, strlen(text), piece, &out);
		ttymark_flush(&m, &out);
		CHECK_TEXT(buf_text(&out), wanted);
		assert_int_equal(m.pid, pid);
		assert_int_equal(m.status, status);
	}
}

static void marks_are_filtered_in_every_split(void **state)
{
	check_marks("echo" SAYS("begin 42") "a\033[1mb" SAYS("end 7"), "a\033[1mb", 42, 7);
	check_marks(SAYS("begin 1") SAYS("end 0"), "", 1, 0);
	check_marks(SAYS("begin 1") "\033\033" SAYS("end 255") "behind", "\033\033", 1, 255);
	check_marks(SAYS("begin 1") "abc", "abc", 1, -1);
	check_marks("nothing but echo", "", 0, -1);
}

static void false_starts_pass_whole(void **state)
{
	static const char *const texts[] = { "\033", "\033_", "\033_sbx;", "\033_sbx;" NONCE,
		"\033_sbx;" NONCE ";", "\033_sbx;" NONCE ";end", "\033_sbx;" NONCE ";end 7",
		"\033_sbx;" NONCE ";end 7\033", SAYS("end"), SAYS("end "), SAYS("end 256"),
		SAYS("end -1"), SAYS("end 7 "), SAYS("end 00000007"), SAYS("begin 2"), SAYS(""),
		SAYS("hello"), SAYS("end 7x"), "\033_sbx;" NONCE ";end 7\033x",
		"\033_sbx;" NONCE ";end 7\n\033\\", "\033_sbx;00;end 7\033\\", "\033_other\033\\",
		"\033_sbx;" NONCE ";aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\033\\",
		"\033\033_\033_sbx\033_sbx;\033" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		auto_buf text = BUF_INIT(1024);
		auto_buf wanted = BUF_INIT(1024);

		buf_printf(&text, "%sa%sb", SAYS("begin 9"), texts[i]);
		buf_printf(&wanted, "a%sb", texts[i]);
		check_marks(buf_text(&text), buf_text(&wanted), 9, -1);
		buf_printf(&text, "%s", SAYS("end 3"));
		check_marks(buf_text(&text), buf_text(&wanted), 9, 3);
		/* nothing behind it but a mark: the longest that is held back */
		buf_reset(&text);
		buf_printf(&text, "%s%s%s", SAYS("begin 9"), texts[i], SAYS("end 4"));
		check_marks(buf_text(&text), texts[i], 9, 4);
	}
}

static void an_end_before_the_begin_is_echo(void **state)
{
	check_marks(SAYS("end 7") "x", "", 0, -1);
	check_marks(SAYS("end 7") SAYS("begin 5") "x", "x", 5, -1);
	check_marks(SAYS("begin 0") "x", "", 0, -1);
	check_marks(SAYS("begin 4194305") "x", "", 0, -1);
}

/* One byte of the end mark changed: it is output, or another status; never lost bytes. */
static void flipped_marks_pass(void **state)
{
	static const char begin[] = SAYS("begin 9"), end[] = SAYS("end 7");

	for (size_t i = 0; i < sizeof(end) - 1; i++) {
		for (int bit = 0; bit < 8; bit++) {
			auto_buf out = BUF_INIT(1024);
			char text[128];
			struct ttymark m;
			size_t n = (size_t)snprintf(text, sizeof(text), "%s%s", begin, end);

			text[sizeof(begin) - 1 + i] ^= (char)(1 << bit);
			feed_in(&m, text, n, n, &out);
			ttymark_flush(&m, &out);
			if (m.status < 0)
				assert_int_equal(out.len, sizeof(end) - 1);
			else
				assert_true(out.len == 0 && m.status != 7 && m.status < 10);
		}
	}
}

static void nonces_differ(void **state)
{
	char a[TTYMARK_NONCE + 1], b[TTYMARK_NONCE + 1];

	CHECK_RC(ttymark_nonce(a), 0);
	CHECK_RC(ttymark_nonce(b), 0);
	assert_int_equal(strspn(a, "0123456789abcdef"), TTYMARK_NONCE);
	assert_string_not_equal(a, b);
}

/* --- keys --------------------------------------------------------------------------- */

static void keys_are_read_as_docker_writes_them(void **state)
{
	static const struct {
		const char *text, *bytes;
		size_t n;
	} good[] = {
		{ "ctrl-p,ctrl-q", "\x10\x11", 2 },
		{ "ctrl-@,a,DEL,~", "\0a\x7f~", 4 },
		{ "CTRL-A,d",
			"\x01"
			"d",
			2 },
		{ "ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", "\x1b\x1c\x1d\x1e\x1f", 5 },
		{ "", "", 0 },
	};
	static const char *const bad[] = { ",", "a,", ",a", "ab", "ctrl-", "ctrl-1", "ctrl-pp",
		"ctrl p", " ", "\xc3\xa4", "a,,b", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", "alt-x" };
	struct detachkeys d;
	struct err err;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		CHECK_RC(detachkeys_parse(good[i].text, &d, &err), 0);
		assert_int_equal(d.n, good[i].n);
		assert_memory_equal(d.keys, good[i].bytes, d.n);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_RC(detachkeys_parse(bad[i], &d, &err), -EINVAL);
}

static void check_keys(const char *keys, const char *typed, const char *passed, bool left)
{
	for (size_t piece = 1; piece <= strlen(typed); piece++) {
		auto_buf out = BUF_INIT(1024);
		struct detachkeys d;
		bool came = false;

		CHECK_RC(detachkeys_parse(keys, &d, NULL), 0);
		for (size_t at = 0; at < strlen(typed) && !came; at += piece)
			came = detachkeys_feed(&d, typed + at,
				strlen(typed) - at < piece ? strlen(typed) - at : piece, &out);
		if (!came)
			detachkeys_release(&d, &out);
		CHECK_TEXT(buf_text(&out), passed);
		assert_int_equal(came, left);
	}
}

static void the_sequence_leaves_and_all_else_passes(void **state)
{
	check_keys("ctrl-p,ctrl-q", "ab\x10\x11", "ab", true);
	check_keys("ctrl-p,ctrl-q", "\x10\x10\x11x", "\x10", true);
	check_keys("ctrl-p,ctrl-q", "\x10x\x11", "\x10x\x11", false);
	check_keys("ctrl-p,ctrl-q", "a\x10", "a\x10", false);
	check_keys("a,a,b", "aaab", "a", true);
	check_keys("a,b,a,c", "ababac", "ab", true);
	check_keys("a,b,a,c", "abab", "abab", false);
	check_keys("ctrl-a", "x\x01", "x", true);
	check_keys("", "all\x10\x11", "all\x10\x11", false);
}

static void only_the_beginning_of_the_sequence_waits(void **state)
{
	auto_buf out = BUF_INIT(100);
	struct detachkeys d;

	CHECK_RC(detachkeys_parse("ctrl-p,ctrl-q", &d, NULL), 0);
	assert_false(detachkeys_feed(&d, "abc", 3, &out));
	CHECK_TEXT(buf_text(&out), "abc");
	assert_false(detachkeys_feed(&d, "\x10", 1, &out));
	assert_int_equal(out.len, 3);
	assert_int_equal(d.held, 1);
	detachkeys_release(&d, &out);
	CHECK_TEXT(buf_text(&out), "abc\x10");
	assert_false(detachkeys_feed(&d, "\x11", 1, &out));
	CHECK_TEXT(buf_text(&out), "abc\x10\x11");
}

/* --- modes --------------------------------------------------------------------------- */

static void check_modes(const char *text, const char *undo)
{
	for (size_t piece = 1; piece <= strlen(text); piece++) {
		auto_buf out = BUF_INIT(SCREENMODES_TEXT);
		struct screenmodes s = { 0 }, again = { 0 };

		for (size_t at = 0; at < strlen(text); at += piece)
			screenmodes_feed(&s, text + at,
				strlen(text) - at < piece ? strlen(text) - at : piece);
		screenmodes_undo(&s, &out);
		CHECK_TEXT(buf_text(&out), undo);
		buf_reset(&out);
		screenmodes_redo(&s, &out);
		screenmodes_feed(&again, out.data, out.len);
		assert_int_equal(again.set & s.set, again.set);
		screenmodes_undo(&s, &out);
		screenmodes_feed(&s, out.data, out.len);
		assert_int_equal(s.set, 0);
	}
}

static void what_a_program_set_is_undone(void **state)
{
	check_modes("\033[?1049h\033[?25l text", "\033[?25h\033[?1049l");
	check_modes("\033[?1049h\033[?1049l", "");
	check_modes("\033[?1;1000;2004h", "\033[?1l\033[?1000l\033[?2004l");
	check_modes("\033=", "\033>");
	check_modes("\033=\033[?25l\033c", "");
	check_modes("\033[25l\033[1049h\033]0;?1049h\007 ?1049h", "");
	check_modes("\033[?99999999999999999999h\033[?;h\033[?h", "");
	check_modes("\033[2;20r", "\0337\033[r\0338");
	check_modes("\033[2;20r\033[r", "");
	check_modes("\033[1;31mred", "\033[m");
	check_modes("\033[1;31mred\033[0m\033[m", "");
	check_modes("\033[>4;2m", "\033[>4m");
	check_modes("\033[>4;2m\033[>4;m", "");
	check_modes("\033[1 r\033[1$r\033[?1r\033[>1r\033[1;2;3;4;5;6;7;8;9;1;2;3;4;5;6;7;8r", "");
	check_modes("\033[\033[?25l\033[?\033[?1000h", "\033[?25h\033[?1000l");
}

static void all_modes_fit_their_text(void **state)
{
	auto_buf text = BUF_INIT(SCREENMODES_TEXT);
	struct screenmodes s = { .set = ~0u };

	screenmodes_undo(&s, &text);
	CHECK_RC(buf_check(&text), 0);
	assert_true(text.len > 100);
	buf_reset(&text);
	screenmodes_redo(&s, &text);
	CHECK_RC(buf_check(&text), 0);
}

/* --- scripts ------------------------------------------------------------------------- */

/* The loader with the encoded script as its input; both outputs. */
static int by_loader(const struct terminal_spec *spec, struct ttymark *m, struct buf *out)
{
	auto_buf script = BUF_INIT(1024 * 1024);
	auto_buf input = BUF_INIT(4 * 1024 * 1024);
	auto_buf raw = BUF_INIT(1024 * 1024);
	char path[] = "/tmp/sbx-terminal.XXXXXX";
	auto_close int fd = mkstemp(path);
	int fds[2], status = -1;
	char bytes[4096];
	ssize_t n;
	pid_t pid;

	unlink(path);
	termscript_wrapped(&script, spec, "dumb");
	termscript_encode(&input, script.data, script.len);
	buf_char(&input, '\n');
	assert_int_equal(write(fd, input.data, input.len), (ssize_t)input.len);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fd, 0);
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		close(fds[0]);
		close(fds[1]);
		execl("/bin/sh", "sh", "-c", TERMSCRIPT_LOADER, "sbx", NONCE, "0", "0", NULL);
		_exit(99);
	}
	close(fds[1]);
	while ((n = read(fds[0], bytes, sizeof(bytes))) > 0)
		buf_add(&raw, bytes, (size_t)n);
	close(fds[0]);
	waitpid(pid, &status, 0);
	feed_in(m, raw.data, raw.len, raw.len, out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void check_script(const struct terminal_spec *spec, const char *printed, int status)
{
	auto_buf out = BUF_INIT(1024 * 1024);
	struct ttymark m;

	assert_int_equal(by_loader(spec, &m, &out), status);
	CHECK_TEXT(buf_text(&out), printed);
	assert_true(m.pid > 0);
	assert_int_equal(m.status, status);
}

static void words_variables_and_the_status_arrive(void **state)
{
	char *words[] = { (char *)"printf", (char *)"<%s>", (char *)"a b", (char *)"it's",
		(char *)"", (char *)"$HOME `id` \\ \"x\" *", (char *)"\n\n.\n",
		(char *)"\xc3\xa4" };
	char *see[] = { (char *)"sh", (char *)"-c",
		(char *)"pwd; echo \"$X|$TERM\"; env | grep ^A.B=; exit 7" };
	char *dies[] = { (char *)"sh", (char *)"-c", (char *)"kill -9 $$" };
	const char *env[] = { "X='1' $2\t%s\\n", "A.B=c d", "PPID=no", NULL };
	char *env_of[] = { (char *)"env" };

	check_script(&(struct terminal_spec){ .argc = 8, .argv = words },
		"<a b><it's><><$HOME `id` \\ \"x\" *><\n\n.\n><\xc3\xa4>", 0);
	check_script(
		&(struct terminal_spec){ .argc = 3, .argv = see, .cwd = "/" }, "/\n|dumb\n", 7);
	check_script(&(struct terminal_spec){ .argc = 3, .argv = dies }, "", 137);
	{
		auto_buf out = BUF_INIT(1024 * 1024);
		struct ttymark m;

		by_loader(
			&(struct terminal_spec){ .argc = 1, .argv = env_of, .env = env }, &m, &out);
		assert_int_equal(m.status, 0);
		assert_non_null(strstr(buf_text(&out), "X='1' $2\t%s\\n\n"));
		assert_non_null(strstr(buf_text(&out), "A.B=c d\n"));
	}
}

static void what_cannot_run_says_so_as_a_shell_does(void **state)
{
	char *none[] = { (char *)"/no/such/program" };
	char *yes[] = { (char *)"true" };
	auto_buf out = BUF_INIT(1024 * 1024);
	struct ttymark m;

	assert_int_equal(
		by_loader(&(struct terminal_spec){ .argc = 1, .argv = none }, &m, &out), 127);
	assert_int_equal(m.status, 127);
	assert_non_null(strstr(buf_text(&out), "/no/such/program"));
	buf_reset(&out);
	by_loader(&(struct terminal_spec){ .argc = 1, .argv = yes, .cwd = "/no/such" }, &m, &out);
	assert_int_equal(m.status, 126);
	assert_non_null(strstr(buf_text(&out), "/no/such"));
}

static void encoded_scripts_pass_any_terminal(void **state)
{
	auto_buf out = BUF_INIT(64 * 1024);
	char all[5 * 255];
	size_t line = 0;

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)(i % 255 + 1);
	termscript_encode(&out, all, sizeof(all));
	for (size_t i = 0; i < out.len; i++) {
		line = out.data[i] == '\n' ? 0 : line + 1;
		assert_true(line < 4000);
		assert_true(out.data[i] == '\n' || (out.data[i] >= ' ' && out.data[i] < 127));
	}
	assert_int_equal(strcmp(out.data + out.len - 3, "\n.\n"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_are_filtered_in_every_split),
		cmocka_unit_test(false_starts_pass_whole),
		cmocka_unit_test(an_end_before_the_begin_is_echo),
		cmocka_unit_test(flipped_marks_pass),
		cmocka_unit_test(nonces_differ),
		cmocka_unit_test(keys_are_read_as_docker_writes_them),
		cmocka_unit_test(the_sequence_leaves_and_all_else_passes),
		cmocka_unit_test(only_the_beginning_of_the_sequence_waits),
		cmocka_unit_test(what_a_program_set_is_undone),
		cmocka_unit_test(all_modes_fit_their_text),
		cmocka_unit_test(words_variables_and_the_status_arrive),
		cmocka_unit_test(what_cannot_run_says_so_as_a_shell_does),
		cmocka_unit_test(encoded_scripts_pass_any_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
