/*
 * Quoting, names, amounts, tables, mounts: the small parts of kubectl-sbx.
 */
#include "tests/lib/test.h"

#include "plugin/program.h"
#include "plugin/quantity.h"
#include "plugin/quote.h"
#include "plugin/ref.h"
#include "plugin/table.h"

#include <errno.h>
#include <sys/wait.h>

/* Runs script by sh; what it printed. */
static char *by_sh(const char *script)
{
	auto_buf out = BUF_INIT(1024 * 1024);
	auto_args a = { 0 };
	char bytes[4096];
	int fds[2];
	ssize_t n;
	pid_t pid;

	args_add(&a, "sh");
	args_add(&a, "-c");
	args_add(&a, script);
	assert_int_equal(pipe(fds), 0);
	pid = program_start("/bin/sh", &a, fds[1], -1);
	close(fds[1]);
	while ((n = read(fds[0], bytes, sizeof(bytes))) > 0)
		buf_add(&out, bytes, (size_t)n);
	close(fds[0]);
	assert_int_equal(program_wait(pid), 0);
	return xstrdup(buf_text(&out));
}

static void words_arrive_as_they_are(void **state)
{
	static char all[256];
	char *argv[] = { (char *)"printf", (char *)"<%s>", (char *)"a b", (char *)"it's",
		(char *)"", (char *)"$HOME `id` \\ \"x\" *", (char *)"\n\n", (char *)"-n",
		(char *)"''", all };
	auto_buf script = BUF_INIT(64 * 1024);
	auto_buf wanted = BUF_INIT(64 * 1024);
	auto_free char *got = NULL;

	for (int i = 0; i < 255; i++)
		all[i] = (char)(i + 1);
	quote_exec(&script, 10, argv);
	for (int i = 2; i < 10; i++)
		buf_printf(&wanted, "<%s>", argv[i]);
	got = by_sh(buf_text(&script));
	CHECK_TEXT(got, buf_text(&wanted));
}

static void quoting_is_exact_and_bounded(void **state)
{
	auto_buf b = BUF_INIT(100);
	auto_buf small = BUF_INIT(5);

	quote_word(&b, "a'b");
	CHECK_TEXT(buf_text(&b), "'a'\\''b'");
	buf_reset(&b);
	quote_word(&b, "");
	CHECK_TEXT(buf_text(&b), "''");
	quote_word(&small, "too long");
	CHECK_RC(buf_check(&small), -EMSGSIZE);
}

static void names_are_pods_or_namespace_and_pod(void **state)
{
	static const struct {
		const char *word, *ns, *name;
	} good[] = {
		{ "web", "dev", "web" },
		{ "test/web", "test", "web" },
		{ "pod/web", "dev", "web" },
		{ "a.b-c.d", "dev", "a.b-c.d" },
	};
	static const char *const bad[] = { "", "/", "a/", "/a", "a/b/c", "A", "web_1", "-web",
		"web-", "..", "a..b", "..\n", "dev/../x", "dev.x/web", "w\xc3\xa9" };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		auto_ref r = { 0 };

		CHECK_RC(ref_parse(good[i].word, "dev", &r, NULL), 0);
		CHECK_TEXT(r.ns, good[i].ns);
		CHECK_TEXT(r.name, good[i].name);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		auto_ref r = { 0 };
		struct err err;

		CHECK_RC(ref_parse(bad[i], "dev", &r, &err), -EINVAL);
		CHECK_HAS(err.text, "is no sandbox name");
		assert_null(strchr(err.text, '\n'));
	}
}

static void amounts_are_kubernetes_quantities(void **state)
{
	static const struct {
		const char *text;
		double value;
	} good[] = { { "1", 1 }, { "250m", 0.25 }, { "1.5", 1.5 }, { ".5", .5 }, { "1.", 1 },
		{ "256Mi", 268435456 }, { "2G", 2e9 }, { "1e3", 1000 }, { "1E3", 1000 },
		{ "1E", 1e18 }, { "0", 0 }, { "1Ki", 1024 } };
	static const char *const bad[] = { "", "m", "-1", "+1", "1 Gi", "1gi", "1KI", "0x10", "inf",
		"nan", "1.2.3", "1e", "1eG", "1,5", "1Gi ",
		"111111111111111111111111111111111111111111111111" };
	double value;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		CHECK_RC(quantity_parse(good[i].text, &value), 0);
		assert_true(value > good[i].value * 0.999 - 1e-12 &&
			    value < good[i].value * 1.001 + 1e-12);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_RC(quantity_parse(bad[i], &value), -EINVAL);
}

static char *printed(const struct table *t, size_t *widths)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	table_print(t, f, widths);
	fclose(f);
	return text;
}

static void columns_line_up_and_foreign_bytes_are_escaped(void **state)
{
	static const char *const cells[] = { "NAME", "STATUS", "web", "Running", "longer", "",
		"x\033[2J", "a\nb" };
	size_t widths[TABLE_COLUMNS_MAX] = { 0 };
	auto_free char *text = NULL;
	struct table t;

	table_init(&t, 2);
	for (size_t i = 0; i < sizeof(cells) / sizeof(*cells); i++)
		table_add(&t, cells[i]);
	text = printed(&t, widths);
	table_fini(&t);
	CHECK_HAS(text, "NAME       STATUS\nweb        Running\nlonger     -\n");
	CHECK_HAS(text, "a\\nb\n");
	assert_null(strchr(text, '\033'));
	assert_int_equal(widths[0], strlen("x\\x1b[2J"));
}

static void tells_how_a_program_ended(void **state)
{
	auto_args seven = { 0 };
	auto_args killed = { 0 };

	args_add(&seven, "sh");
	args_add(&seven, "-c");
	args_add(&seven, "exit 7");
	assert_int_equal(program_wait(program_start("/bin/sh", &seven, -1, -1)), 7);
	args_add(&killed, "sh");
	args_add(&killed, "-c");
	args_add(&killed, "kill -9 $$");
	assert_int_equal(program_wait(program_start("/bin/sh", &killed, -1, -1)), 137);
	assert_int_equal(program_wait(program_start("/no/such/program", &seven, -1, -1)), 127);
	assert_null(program_find("no-such-program-at-all", "../fs"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_arrive_as_they_are),
		cmocka_unit_test(quoting_is_exact_and_bounded),
		cmocka_unit_test(names_are_pods_or_namespace_and_pod),
		cmocka_unit_test(amounts_are_kubernetes_quantities),
		cmocka_unit_test(columns_line_up_and_foreign_bytes_are_escaped),
		cmocka_unit_test(tells_how_a_program_ended),
	};

	return cmocka_run_group_tests_name("plugin parts", tests, NULL, NULL);
}
