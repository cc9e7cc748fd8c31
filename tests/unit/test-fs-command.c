#include "fs/command.h"
#include "tests/lib/test.h"

static struct command *parsed(const char *text, size_t want)
{
	struct command *all = NULL;
	size_t count = 99;

	assert_int_equal(commands_parse(text, strlen(text), &all, &count), 0);
	assert_int_equal(count, want);
	return all;
}

static void refused(const char *text, size_t n)
{
	struct command *all = (struct command *)&all;
	size_t count = 99;

	assert_int_equal(commands_parse(text, n, &all, &count), -EINVAL);
	assert_ptr_equal(all, &all); /* untouched */
	assert_int_equal(count, 99);
}

static void takes_a_signal_by_each_of_its_names(void **state)
{
	static const char *const texts[] = { "signal TERM", "signal SIGTERM", "signal 15\n",
		"signal  TERM\n\n" };

	for (size_t i = 0; i < 4; i++) {
		struct command *all = parsed(texts[i], 1);

		assert_int_equal(all[0].kind, COMMAND_SIGNAL);
		assert_string_equal(all[0].text, "TERM");
		commands_free(all, 1);
	}
}

static void takes_every_word(void **state)
{
	struct command *all =
		parsed("timeout 1.5\nresize 80 25\ndetach\neof\ncwd /a b\nenv A=b=c d\nuser 1000\n"
		       "terminal 120 40\ntimeout 0\ncwd",
			10);

	assert_int_equal(all[0].timeout_ms, 1500);
	assert_int_equal(all[1].cols, 80);
	assert_int_equal(all[1].rows, 25);
	assert_int_equal(all[2].kind, COMMAND_DETACH);
	assert_int_equal(all[3].kind, COMMAND_EOF);
	assert_string_equal(all[4].text, "/a b");
	assert_string_equal(all[5].text, "A=b=c d");
	assert_string_equal(all[6].text, "1000");
	assert_int_equal(all[7].kind, COMMAND_TERMINAL);
	assert_int_equal(all[8].timeout_ms, 0);
	assert_null(all[9].text); /* the container's own */
	commands_free(all, 10);
}

static void nothing_is_nothing(void **state)
{
	commands_free(parsed("", 0), 0);
	commands_free(parsed("\n\n", 0), 0);
}

static void refuses_what_it_does_not_know(void **state)
{
	static const char *const texts[] = { "x", "Signal TERM", " signal TERM", "signal",
		"signal ", "signal NOPE", "signal 0", "signal 32", "signal -1", "signal TERM x",
		"signal SIG", "timeout", "timeout -1", "timeout x", "timeout 1x",
		"timeout 99999999", "resize", "resize 80", "resize 0 25", "resize 80 65536",
		"resize 80 25 ", "resize a b", "resize 99999999999999999999 1", "detach x", "eof 1",
		"cwd a", "cwd ../a", "env", "env A", "env =b", "user", "user a b", "user a:b",
		"user -1", "terminal", "signal TERM\nx", "x\nsignal TERM", "timeout 1\ttimeout 2" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		refused(texts[i], strlen(texts[i]));
	refused("signal TERM\0x", 13);
	refused("env A=b\0c", 9);
}

static void refuses_past_its_ceiling(void **state)
{
	auto_free char *text = xcalloc(1, COMMAND_TEXT_MAX + 2);
	struct command *all;
	size_t count;

	memset(text, '\n', COMMAND_TEXT_MAX + 1);
	assert_int_equal(commands_parse(text, COMMAND_TEXT_MAX + 1, &all, &count), -EFBIG);
	commands_free(parsed(text + 1, 0), 0);
}

/* Whatever it takes, it takes whole: each command is within its limits. */
static void check(const char *text, size_t n)
{
	struct command *all;
	size_t count;

	if (commands_parse(text, n, &all, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		const struct command *c = &all[i];

		assert_true(command_before_start(c->kind) || command_after_start(c->kind));
		assert_true(c->timeout_ms >= 0 && c->cols <= 65535 && c->rows <= 65535);
		if (c->kind == COMMAND_CWD && c->text)
			assert_int_equal(c->text[0], '/');
		if (c->kind == COMMAND_ENV)
			assert_non_null(strchr(c->text + 1, '='));
		if (c->text)
			assert_null(strchr(c->text, '\n'));
	}
	commands_free(all, count);
}

static void cut_and_flipped_at_each_byte(void **state)
{
	static const char text[] = "signal TERM\ntimeout 2.5\nresize 80 25\ndetach\neof\ncwd /tmp\n"
				   "env A=1\nuser root\nterminal 80 25\n";
	char copy[sizeof(text)];

	for (size_t n = 0; n < sizeof(text); n++)
		check(text, n);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		for (int bit = 0; bit < 8; bit++) {
			memcpy(copy, text, sizeof(text));
			copy[i] = (char)(copy[i] ^ 1 << bit);
			check(copy, sizeof(text) - 1);
		}
	}
}

static void help_names_every_word(void **state)
{
	static const char *const words[] = { "signal", "timeout", "resize", "detach", "eof", "cwd",
		"env", "user", "terminal" };

	for (size_t i = 0; i < 9; i++)
		assert_non_null(strstr(command_help(), words[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_signal_by_each_of_its_names),
		cmocka_unit_test(takes_every_word),
		cmocka_unit_test(nothing_is_nothing),
		cmocka_unit_test(refuses_what_it_does_not_know),
		cmocka_unit_test(refuses_past_its_ceiling),
		cmocka_unit_test(cut_and_flipped_at_each_byte),
		cmocka_unit_test(help_names_every_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
