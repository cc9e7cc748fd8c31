#include "fs/defaults.h"
#include "fs/ctledit.h"
#include "fs/jobs.h"
#include "tests/lib/test.h"

#include <fcntl.h>

static void a_folder_is_one_absolute_path(void **state)
{
	char *cwd = NULL;

	assert_int_equal(cwd_parse("/a b\n", 5, &cwd), 0);
	assert_string_equal(cwd, "/a b");
	free(cwd);
	assert_int_equal(cwd_parse("/", 1, &cwd), 0);
	free(cwd);
	assert_int_equal(cwd_parse("", 0, &cwd), 0);
	assert_null(cwd);
	assert_int_equal(cwd_parse("\n", 1, &cwd), 0);
	assert_null(cwd);
	assert_int_equal(cwd_parse("a", 1, &cwd), -EINVAL);
	assert_int_equal(cwd_parse("/a\n/b", 5, &cwd), -EINVAL);
	assert_int_equal(cwd_parse("/a\n\n", 4, &cwd), -EINVAL);
	assert_int_equal(cwd_parse("/a\0b", 4, &cwd), -EINVAL);
}

static void a_folder_has_a_ceiling(void **state)
{
	auto_free char *text = xcalloc(1, DEFAULTS_CWD_MAX + 2);
	char *cwd;

	memset(text, '/', DEFAULTS_CWD_MAX + 1);
	assert_int_equal(cwd_parse(text, DEFAULTS_CWD_MAX + 1, &cwd), -EINVAL);
	assert_int_equal(cwd_parse(text, DEFAULTS_CWD_MAX, &cwd), 0);
	free(cwd);
}

static void prints(const char *text, const char *want)
{
	auto_buf out = BUF_INIT(4096);
	char **env = NULL;

	assert_int_equal(env_parse(text, strlen(text), &env), 0);
	env_print(env, &out);
	assert_string_equal(buf_text(&out), want);
	env_free(env);
}

static void of_two_with_one_name_the_later_counts(void **state)
{
	prints("A=1\nB=2\nA=3\n", "A=3\nB=2\n");
	prints("A=1\nAB=2\n", "A=1\nAB=2\n");
	prints("A=", "A=\n");
	prints("\n\nA=x=y z\n\n", "A=x=y z\n");
	prints("", "");
}

static void refuses_what_is_no_variable(void **state)
{
	char **env = NULL;

	assert_int_equal(env_parse("A", 1, &env), -EINVAL);
	assert_int_equal(env_parse("=b", 2, &env), -EINVAL);
	assert_int_equal(env_parse("A=1\nB\n", 6, &env), -EINVAL);
	assert_int_equal(env_parse("A=\0\n", 4, &env), -EINVAL);
	assert_null(env);
}

static void has_no_more_lines_than_its_ceiling(void **state)
{
	auto_buf text = BUF_INIT(1024 * 1024);
	char **env;

	for (int i = 0; i < DEFAULTS_LINES_MAX; i++)
		buf_printf(&text, "A%d=\n", i);
	assert_int_equal(env_parse(buf_text(&text), text.len, &env), 0);
	env_free(env);
	buf_str(&text, "B=\n");
	assert_int_equal(env_parse(buf_text(&text), text.len, &env), -EINVAL);
}

/* What is taken prints as a text that gives the same list again. */
static void check(const char *text, size_t n)
{
	auto_buf once = BUF_INIT(4096);
	auto_buf twice = BUF_INIT(4096);
	char **env, *cwd;

	if (cwd_parse(text, n, &cwd) == 0)
		free(cwd);
	if (env_parse(text, n, &env) < 0)
		return;
	env_print(env, &once);
	env_free(env);
	assert_int_equal(env_parse(buf_text(&once), once.len, &env), 0);
	env_print(env, &twice);
	env_free(env);
	assert_string_equal(buf_text(&once), buf_text(&twice));
}

static void cut_and_flipped_at_each_byte(void **state)
{
	static const char text[] = "/A=1\nBETA=two words\nC==\nA=3\n";
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

static struct ctl_edit *edit_of(const char *text, int flags)
{
	auto_buf b = BUF_INIT(4096);

	buf_str(&b, text);
	return ctl_edit_new(&b, flags);
}

static void an_edit_counts_when_it_is_right(void **state)
{
	struct jobs *js = jobs_new();
	struct ctl_edit *e = edit_of("/old\n", O_WRONLY | O_TRUNC);
	auto_free char *cwd = NULL;

	assert_int_equal(ctl_edit_write(e, "new\n", 4, 0), 0);
	assert_int_equal(ctl_edit_apply(e, CTL_CWD, js), -EINVAL);
	assert_null(jobs_cwd(js));
	assert_int_equal(ctl_edit_write(e, "/ne\n", 4, 0), 0);
	assert_int_equal(ctl_edit_apply(e, CTL_CWD, js), 0);
	cwd = jobs_cwd(js);
	assert_string_equal(cwd, "/ne");
	ctl_edit_free(e);
	ctl_edit_clear(CTL_CWD, js);
	assert_null(jobs_cwd(js));
	jobs_unref(js);
}

static void an_edit_is_written_as_a_file_is(void **state)
{
	struct ctl_edit *e = edit_of("A=1\n", O_RDWR);

	assert_int_equal(ctl_edit_write(e, "2", 1, 2), 0);
	assert_string_equal(ctl_edit_text(e), "A=2\n");
	assert_int_equal(ctl_edit_write(e, "B=3\n", 4, 4), 0);
	assert_string_equal(ctl_edit_text(e), "A=2\nB=3\n");
	ctl_edit_truncate(e, 4);
	assert_string_equal(ctl_edit_text(e), "A=2\n");
	ctl_edit_free(e);
	e = edit_of("A=1\n", O_WRONLY | O_APPEND);
	assert_int_equal(ctl_edit_write(e, "B=2\n", 4, 0), 0);
	assert_string_equal(ctl_edit_text(e), "A=1\nB=2\n");
	ctl_edit_free(e);
}

static void an_edit_has_a_ceiling(void **state)
{
	auto_free char *big = xcalloc(1, DEFAULTS_TEXT_MAX + 1);
	struct ctl_edit *e = edit_of("", O_WRONLY);

	assert_int_equal(ctl_edit_write(e, big, DEFAULTS_TEXT_MAX + 1, 0), -EFBIG);
	assert_int_equal(ctl_edit_write(e, big, DEFAULTS_TEXT_MAX, 0), 0);
	assert_int_equal(ctl_edit_write(e, "x", 1, DEFAULTS_TEXT_MAX), -EFBIG);
	assert_int_equal(ctl_edit_write(e, "x", 1, 0), 0);
	assert_int_equal(ctl_edit_write(e, "x", 1, UINT64_MAX), -EFBIG);
	ctl_edit_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_folder_is_one_absolute_path),
		cmocka_unit_test(a_folder_has_a_ceiling),
		cmocka_unit_test(of_two_with_one_name_the_later_counts),
		cmocka_unit_test(refuses_what_is_no_variable),
		cmocka_unit_test(has_no_more_lines_than_its_ceiling),
		cmocka_unit_test(cut_and_flipped_at_each_byte),
		cmocka_unit_test(an_edit_counts_when_it_is_right),
		cmocka_unit_test(an_edit_is_written_as_a_file_is),
		cmocka_unit_test(an_edit_has_a_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
