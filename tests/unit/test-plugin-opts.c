/*
 * The option tables, and what was meant.
 */
#include "tests/lib/test.h"

#include "plugin/opts.h"
#include "plugin/suggest.h"

#include <errno.h>

/* Global flags are target.h's business: here one of them stands for all. */
int kube_flags_take(struct kube_flags *flags, int argc, char **argv, int *i, struct err *err)
{
	if (strcmp(argv[*i], "-n"))
		return 0;
	if (*i + 1 >= argc)
		return err_set(err, -EINVAL, "-n needs a value");
	flags->ns = argv[++*i];
	return 1;
}

const char *kube_flags_help(void)
{
	return "  -n, --namespace NAME     the namespace\n      --context NAME\n";
}

struct settings {
	bool all, wait;
	const char *image;
	struct opt_list env;
	int64_t span_ms, grace;
};

#define AT(member) offsetof(struct settings, member)

static const struct opt table[] = {
	{ "all", 'A', OPT_BOOL, NULL, "", AT(all) },
	{ "wait", 'w', OPT_BOOL, NULL, "", AT(wait) },
	{ "image", 'i', OPT_TEXT, "IMAGE", "", AT(image) },
	{ "env", 'e', OPT_LIST, "K=V", "", AT(env) },
	{ "ttl", 0, OPT_SPAN, "TIME", "", AT(span_ms) },
	{ "grace", 0, OPT_NUMBER, "N", "", AT(grace) },
	{ NULL },
};

struct parsed {
	struct settings s;
	struct kube_flags flags;
	struct words words;
	struct err err;
	int rc;
};

#define PARSE(p, ...)                                                                              \
	do {                                                                                       \
		static const char *const argv_[] = { __VA_ARGS__ };                                \
		parse(p, sizeof(argv_) / sizeof(*argv_), argv_);                                   \
	} while (0)

static void parse(struct parsed *p, size_t argc, const char *const *argv)
{
	*p = (struct parsed){ .s = { .wait = true } };
	p->rc = opts_parse(table, &p->s, &p->flags, (int)argc, (char **)argv, &p->words, &p->err);
}

static void drop(struct parsed *p)
{
	opts_fini(table, &p->s);
	words_fini(&p->words);
}

static void takes_every_form(void **state)
{
	struct parsed p;

	PARSE(&p, "--image=a", "web", "-Awe", "K=1", "--env", "K=2", "-eK=3", "-e=K=4",
		"--wait=false", "--ttl", "1m30s", "--grace=7");
	CHECK_RC(p.rc, 0);
	CHECK_TEXT(p.s.image, "a");
	assert_true(p.s.all);
	assert_false(p.s.wait);
	assert_int_equal(p.s.env.count, 4);
	CHECK_TEXT(p.s.env.items[0], "K=1");
	CHECK_TEXT(p.s.env.items[1], "K=2");
	CHECK_TEXT(p.s.env.items[2], "K=3");
	CHECK_TEXT(p.s.env.items[3], "K=4");
	assert_int_equal(p.s.span_ms, 90000);
	assert_int_equal(p.s.grace, 7);
	assert_int_equal(p.words.count, 1);
	CHECK_TEXT(p.words.at[0], "web");
	drop(&p);
}

static void takes_global_flags_among_ours(void **state)
{
	struct parsed p;

	PARSE(&p, "web", "-n", "dev", "-A");
	CHECK_RC(p.rc, 0);
	CHECK_TEXT(p.flags.ns, "dev");
	assert_true(p.s.all);
	drop(&p);
	PARSE(&p, "-n");
	CHECK_RC(p.rc, -EINVAL);
	drop(&p);
}

static void leaves_alone_what_stands_behind_dashes(void **state)
{
	struct parsed p;

	PARSE(&p, "web", "--", "ls", "--image", "-n");
	CHECK_RC(p.rc, 0);
	assert_int_equal(p.words.count, 1);
	assert_int_equal(p.words.command_count, 3);
	CHECK_TEXT(p.words.command[1], "--image");
	assert_null(p.s.image);
	drop(&p);
	PARSE(&p, "web", "--");
	CHECK_RC(p.rc, 0);
	assert_true(p.words.dashes);
	assert_int_equal(p.words.command_count, 0);
	drop(&p);
}

static void a_lone_dash_is_a_word(void **state)
{
	struct parsed p;

	PARSE(&p, "-", "");
	CHECK_RC(p.rc, 0);
	assert_int_equal(p.words.count, 2);
	drop(&p);
}

static void refuses_with_a_reason(void **state)
{
	static const struct {
		const char *const args[3];
		const char *says;
	} cases[] = {
		{ { "--imag", "x" }, "did you mean \"--image\"?" },
		{ { "--namespce=x" }, "did you mean \"--namespace\"?" },
		{ { "--contxt" }, "did you mean \"--context\"?" },
		{ { "--zzzzzzzz" }, "unknown flag \"--zzzzzzzz\"" },
		{ { "-x" }, "unknown flag \"-x\"" },
		{ { "-Ax" }, "unknown flag \"-x\" in \"-Ax\"" },
		{ { "--image" }, "--image needs a value: --image IMAGE" },
		{ { "-i" }, "--image needs a value" },
		{ { "--ttl", "soon" }, "--ttl wants a time like" },
		{ { "--ttl=-5" }, "--ttl wants a time like" },
		{ { "--grace", "1.5" }, "--grace wants a whole number" },
		{ { "--grace=" }, "--grace wants a whole number" },
		{ { "--grace", "99999999999999999999" }, "--grace wants a whole number" },
		{ { "--all=maybe" }, "--all is true or false" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct parsed p;
		size_t n = cases[i].args[1] ? 2 : 1;

		parse(&p, n, cases[i].args);
		CHECK_RC(p.rc, -EINVAL);
		CHECK_HAS(p.err.text, cases[i].says);
		drop(&p);
	}
}

static void asks_for_help(void **state)
{
	struct parsed p;

	PARSE(&p, "web", "--help");
	assert_int_equal(p.rc, 1);
	drop(&p);
	PARSE(&p, "-h", "--nonsense");
	assert_int_equal(p.rc, 1);
	drop(&p);
	PARSE(&p, "--", "-h");
	assert_int_equal(p.rc, 0);
	drop(&p);
}

static const char *meant(const char *word)
{
	static const char *const words[] = { "create", "ls", "get", "rm", "run", "mount",
		"unmount" };
	static struct suggest s;

	s = suggest_for(word);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		suggest_try(&s, words[i], strlen(words[i]));
	return suggest_text(&s);
}

static void suggests_only_what_is_near(void **state)
{
	CHECK_TEXT(meant("crate"), "create");
	CHECK_TEXT(meant("umount"), "mount");
	CHECK_TEXT(meant("unmont"), "unmount");
	CHECK_TEXT(meant("runn"), "run");
	CHECK_TEXT(meant("frobnicate"), "");
	CHECK_TEXT(meant("x"), "");
	CHECK_TEXT(meant(""), "");
	CHECK_TEXT(meant("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			 "aaa"),
		"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_every_form),
		cmocka_unit_test(takes_global_flags_among_ours),
		cmocka_unit_test(leaves_alone_what_stands_behind_dashes),
		cmocka_unit_test(a_lone_dash_is_a_word),
		cmocka_unit_test(refuses_with_a_reason),
		cmocka_unit_test(asks_for_help),
		cmocka_unit_test(suggests_only_what_is_near),
	};

	return cmocka_run_group_tests_name("plugin options", tests, NULL, NULL);
}
