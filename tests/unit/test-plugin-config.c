/*
 * Profiles: the file, and what comes of it together with flags.
 */
#include "tests/lib/test.h"

#include "plugin/cli.h"
#include "plugin/layers.h"

#include <errno.h>
#include <stdio.h>

#define AT(member) offsetof(struct wish_opts, member)

static const struct opt opts[] = {
	WISH_OPTS(AT),
	WISH_SETTINGS(AT),
	{ NULL },
};
static const struct wish_opts defaults = WISH_DEFAULTS;
static const struct verb verb = { .name = "make",
	.opts = opts,
	.defaults = &defaults,
	.settings_bytes = sizeof(struct wish_opts) };

static const char file[] = "# a comment\n"
			   "profile: [small, restricted]\n"
			   "profiles:\n"
			   "  small: &s\n"
			   "    cpu: 100m\n"
			   "    memory: 64Mi\n"
			   "    ttl: 1h\n"
			   "    read-only: true\n"
			   "    env: {CI: 1, EMPTY: }\n"
			   "    volume:\n"
			   "    - emptyDir:/cache\n"
			   "    - pvc:data:/data:ro\n"
			   "    label: team=red\n"
			   "  none:\n"
			   "  same: *s\n"
			   "  open:\n"
			   "    non-root: false\n"
			   "    user: '0'\n";

static void reads_profiles(void **state)
{
	struct config c;
	struct err err = { 0 };
	const struct config_profile *p;

	if (config_parse(file, strlen(file), &c, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(c.chosen_count, 2);
	CHECK_TEXT(c.chosen[1], "restricted");
	p = config_find(&c, "small");
	assert_non_null(p);
	assert_int_equal(p->count, 9);
	CHECK_TEXT(p->settings[0].name, "cpu");
	CHECK_TEXT(p->settings[0].text, "100m");
	CHECK_TEXT(p->settings[4].name, "env");
	CHECK_TEXT(p->settings[4].text, "CI=1");
	CHECK_TEXT(p->settings[5].text, "EMPTY=");
	CHECK_TEXT(p->settings[7].text, "pvc:data:/data:ro");
	assert_int_equal(config_find(&c, "none")->count, 0);
	assert_int_equal(config_find(&c, "same")->count, 9);
	assert_null(config_find(&c, "restricted"));
	config_fini(&c);
}

static void what_is_built_in_is_good(void **state)
{
	struct config c;
	struct err err = { 0 };

	CHECK_RC(config_parse(config_builtin, strlen(config_builtin), &c, &err), 0);
	assert_non_null(config_find(&c, CONFIG_RESTRICTED));
	config_fini(&c);
}

static void nothing_is_fine(void **state)
{
	static const char *const texts[] = { "", "\n", "# x\n", "---\n", "profiles:\n", "{}",
		"null" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct config c;
		struct err err = { 0 };

		CHECK_RC(config_parse(texts[i], strlen(texts[i]), &c, &err), 0);
		assert_int_equal(c.count, 0);
		config_fini(&c);
	}
}

static void bad_files_are_refused_by_line_and_word(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "a: b: c", "line 1: not YAML" },
		{ "- a", "line 1: the file must be a mapping" },
		{ "x", "line 1: the file must be a mapping" },
		{ "\nprofils: {}", "line 2: \"profils\" is no word of this file" },
		{ "profiles: 3", "line 1: \"profiles\" must be a mapping" },
		{ "profiles:\n  a: 3", "line 2: a profile must be a mapping" },
		{ "profiles:\n  a:\n    cpus: 1",
			"line 3: \"cpus\" is no setting; did you mean \"cpu\"?" },
		{ "profiles:\n  a:\n    cpu: 1\n    cpu: 2", "line 4: \"cpu\" is there twice" },
		{ "profiles:\n  a:\n    cpu: lots", "line 3: --cpu wants an amount" },
		{ "profiles:\n  a:\n    memory: 2Gi\n    cpu: 1\n    limit-memory: 1Gi",
			"line 5: --memory 2Gi is more than" },
		{ "profiles:\n  a:\n    cpu: [1]", "line 3: \"cpu\" wants one value" },
		{ "profiles:\n  a:\n    cpu:", "line 3: \"cpu\" wants a value" },
		{ "profiles:\n  a:\n    ttl: soon", "line 3: --ttl wants a time" },
		{ "profiles:\n  a:\n    read-only: perhaps",
			"line 3: --read-only is true or false" },
		{ "profiles:\n  a:\n    env:\n    - A=1\n    - B", "line 5: -e wants NAME=VALUE" },
		{ "profiles:\n  a:\n    env: {A: {}}", "\"env\" wants words" },
		{ "profiles:\n  a:\n    volume:\n    - [x]", "line 4: \"volume\" wants a value" },
		{ "profiles:\n  a:\n    filename: x", "line 3: \"filename\" is no setting" },
		{ "profiles:\n  a:\n    profile: x", "line 3: \"profile\" is no setting" },
		{ "profiles:\n  ? [a]\n  : {}", "has a key that is no word" },
		{ "profiles:\n  restricted: {}", "line 2: \"restricted\" is built in" },
		{ "profile: x", "\"profile\" names \"x\", which is not there" },
		{ "profile: {a: b}", "line 1: \"profile\" wants the name" },
		{ "profile:", "line 1: \"profile\" wants the name" },
		{ "profiles:\n  a:\n    image: \"a\\0b\"", "line 3: \"image\" wants a value" },
		{ "profiles:\n  \"\\e[31m\":\n    x: 1", "line 3: \"x\" is no setting" },
		{ "\"\\e[31m\": 1", "line 1: \"\\x1b[31m\" is no word" },
		{ "profiles: &a\n  x: *a", "line 2: \"x\" is no setting" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct config c;
		struct err err = { 0 };

		CHECK_RC(config_parse(cases[i].text, strlen(cases[i].text), &c, &err), -EINVAL);
		CHECK_HAS(err.text, cases[i].says);
		config_fini(&c);
	}
}

static void any_bytes_are_safe(void **state)
{
	char bytes[sizeof(file)];

	for (size_t n = 0; n < strlen(file); n++) {
		struct config c;
		struct err err = { 0 };
		int rc = config_parse(file, n, &c, &err);

		assert_true(rc == 0 || (rc == -EINVAL && err.text[0]));
		config_fini(&c);
	}
	for (size_t i = 0; i < 8 * strlen(file); i++) {
		struct config c;
		struct err err = { 0 };
		int rc;

		memcpy(bytes, file, sizeof(file));
		bytes[i / 8] ^= (char)(1 << i % 8);
		rc = config_parse(bytes, strlen(file), &c, &err);
		assert_true(rc == 0 || (rc == -EINVAL && err.text[0]));
		config_fini(&c);
	}
}

static void aliases_cannot_make_it_grow(void **state)
{
	auto_buf text = BUF_INIT(CONFIG_BYTES_MAX);
	struct config c;
	struct err err = { 0 };

	buf_str(&text, "profiles:\n  a:\n    env: &e [");
	for (int i = 0; i < 5000; i++)
		buf_str(&text, "A=1, ");
	buf_str(&text, "A=1]\n");
	for (int i = 0; i < 900; i++)
		buf_printf(&text, "  p%d: {env: *e}\n", i);
	CHECK_RC(config_parse(text.data, text.len, &c, &err), -EINVAL);
	CHECK_HAS(err.text, "too many settings");
	config_fini(&c);
}

/* --- layers ------------------------------------------------------------------------------------- */

static char folder[] = "/tmp/sbx-config.XXXXXX";

static void write_file(const char *name, const char *text)
{
	auto_free char *path = xprintf("%s/%s", folder, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* As main() does: once to see, once over what the profiles say. */
static int layer(struct layers *ret, struct err *err, int argc, char **argv)
{
	struct cli cli = { .program = "sbx", .verb = &verb, .raw_argc = argc, .raw_argv = argv };
	struct wish_opts said = WISH_DEFAULTS;
	int rc = opts_parse(opts, &said, &cli.flags, argc, argv, &cli.words, err);

	CHECK_RC(rc, 0);
	rc = layers_open(&cli, &said, 0, ret, err);
	opts_fini(opts, &said);
	words_fini(&cli.words);
	return rc;
}

#define LAYER(l, err, ...)                                                                         \
	layer(l, err, sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *), (char *[]){ __VA_ARGS__ })

static void a_default_profile_is_used(void **state)
{
	auto_layers l = { 0 };
	struct err err = { 0 };
	const struct wish_opts *o;

	write_file("config.yaml", file);
	CHECK_RC(LAYER(&l, &err, (char *)"web"), 0);
	o = l.settings;
	CHECK_TEXT(o->cpu, "100m");
	CHECK_TEXT(o->user, "1000:1000");
	assert_int_equal(o->non_root, OPT_YES);
	assert_int_equal(o->ttl_ms, 3600000);
	assert_int_equal(o->pull_timeout_ms, WISH_PULL_TIMEOUT_MS);
	assert_int_equal(o->env.count, 2);
}

static void flags_win_over_profiles(void **state)
{
	auto_layers l = { 0 };
	struct err err = { 0 };
	const struct wish_opts *o;

	CHECK_RC(
		LAYER(&l, &err, (char *)"--profile", (char *)"small", (char *)"--profile=open",
			(char *)"--cpu", (char *)"2", (char *)"-eA=2", (char *)"--read-only=false"),
		0);
	o = l.settings;
	CHECK_TEXT(o->cpu, "2");
	CHECK_TEXT(o->memory, "64Mi");
	CHECK_TEXT(o->user, "0");
	assert_int_equal(o->non_root, OPT_NO);
	assert_int_equal(o->read_only, OPT_NO);
	assert_int_equal(o->env.count, 3);
	CHECK_TEXT(o->env.items[2], "A=2");
}

static void a_file_of_ones_own_has_no_default_profile(void **state)
{
	auto_layers l = { 0 };
	struct err err = { 0 };

	CHECK_RC(LAYER(&l, &err, (char *)"-f", (char *)"pod.yaml"), 0);
	assert_null(((const struct wish_opts *)l.settings)->cpu);
}

static void what_is_not_there_is_said(void **state)
{
	auto_layers l = { 0 }, m = { 0 }, n = { 0 };
	struct err err = { 0 };

	CHECK_RC(LAYER(&l, &err, (char *)"--profile", (char *)"nope"), -ENOENT);
	CHECK_HAS(err.text, "there is no profile \"nope\" in ");
	CHECK_RC(LAYER(&m, &err, (char *)"--env-file", (char *)"/nonexistent"), -ENOENT);
	CHECK_HAS(err.text, "cannot read --env-file /nonexistent");
	write_file("config.yaml", "profiles:\n  a: {cpu: x}\n");
	CHECK_RC(LAYER(&n, &err, (char *)"web"), -EINVAL);
	CHECK_HAS(err.text, "config.yaml: line 2: --cpu wants");
	write_file("config.yaml", file);
}

static void environment_files_stand_behind_flags(void **state)
{
	auto_layers l = { 0 }, bad = { 0 };
	auto_free char *path = xprintf("%s/env", folder);
	struct err err = { 0 };
	const struct wish_opts *o;

	write_file("env", "# c\n\n A=1\r\nB=x y\nC=");
	CHECK_RC(LAYER(&l, &err, (char *)"--profile=none", (char *)"--env-file", path, (char *)"-e",
			 (char *)"A=9"),
		0);
	o = l.settings;
	assert_int_equal(o->env.count, 4);
	CHECK_TEXT(o->env.items[0], "A=1");
	CHECK_TEXT(o->env.items[1], "B=x y");
	CHECK_TEXT(o->env.items[2], "C=");
	CHECK_TEXT(o->env.items[3], "A=9");
	write_file("env", "A=1\nB\n");
	CHECK_RC(LAYER(&bad, &err, (char *)"--env-file", path), -EINVAL);
	CHECK_HAS(err.text, "line 2: wants NAME=VALUE");
}

static int make_folder(void **state)
{
	auto_free char *path = NULL;

	if (!mkdtemp(folder))
		return -1;
	path = xprintf("%s/config.yaml", folder);
	return setenv("SBX_CONFIG", path, 1);
}

static int drop_folder(void **state)
{
	auto_free char *config = xprintf("%s/config.yaml", folder),
		       *env = xprintf("%s/env", folder);

	unlink(config);
	unlink(env);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_profiles),
		cmocka_unit_test(what_is_built_in_is_good),
		cmocka_unit_test(nothing_is_fine),
		cmocka_unit_test(bad_files_are_refused_by_line_and_word),
		cmocka_unit_test(any_bytes_are_safe),
		cmocka_unit_test(aliases_cannot_make_it_grow),
		cmocka_unit_test(a_default_profile_is_used),
		cmocka_unit_test(flags_win_over_profiles),
		cmocka_unit_test(a_file_of_ones_own_has_no_default_profile),
		cmocka_unit_test(what_is_not_there_is_said),
		cmocka_unit_test(environment_files_stand_behind_flags),
	};

	return cmocka_run_group_tests_name("plugin config", tests, make_folder, drop_folder);
}
