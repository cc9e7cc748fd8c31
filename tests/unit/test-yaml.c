#include "common/kube/yaml.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static cJSON *parse(const char *text)
{
	struct err err = { "" };
	cJSON *root = NULL;
	int rc = yaml_parse(text, strlen(text), &root, &err);

	if (rc < 0)
		fail_msg("%s: %s", text, err_text(&err, rc));
	return root;
}

static void check(const char *yaml, const char *json)
{
	cJSON *root = parse(yaml);
	auto_free char *got = cJSON_PrintUnformatted(root);

	cJSON_Delete(root);
	assert_string_equal(got, json);
}

static void refuse(const char *yaml, int code, const char *says)
{
	struct err err = { "" };
	cJSON *root = NULL;

	assert_int_equal(yaml_parse(yaml, strlen(yaml), &root, &err), code);
	if (!strstr(err.text, says))
		fail_msg("%s: \"%s\" does not say \"%s\"", yaml, err.text, says);
	assert_null(root);
}

/* The right column is what kubectl 1.32 makes of the left one. */
static void plain_scalars_mean_what_kubectl_says(void **state)
{
	static const char *const table[][2] = { { "y", "true" }, { "n", "false" },
		{ "yes", "true" }, { "on", "true" }, { "OFF", "false" }, { "TRUE", "true" },
		{ "tRUE", "\"tRUE\"" }, { "0777", "511" }, { "0o17", "15" }, { "0x1F", "31" },
		{ "-0x1F", "-31" }, { "0b11", "3" }, { "-0b1", "-1" }, { "1_000", "1000" },
		{ "1__0", "10" }, { "1_", "1" }, { "_1", "\"_1\"" }, { "0_7", "7" }, { "0_8", "8" },
		{ "08", "8" }, { "0o8", "\"0o8\"" }, { "0x", "\"0x\"" }, { "1e3", "1000" },
		{ "1e", "\"1e\"" }, { ".5", "0.5" }, { "+.5", "0.5" }, { "5.", "5" }, { "+1", "1" },
		{ "1e1000", "\"1e1000\"" }, { "1:30", "\"1:30\"" },
		{ "2020-01-01", "\"2020-01-01\"" }, { "=", "\"=\"" }, { "~", "null" },
		{ "Null", "null" }, { "", "null" }, { "'1'", "\"1\"" }, { "!!str 1", "\"1\"" },
		{ "!!int \"3\"", "3" } };

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		auto_free char *yaml = xprintf("k: %s", table[i][0]);
		auto_free char *json = xprintf("{\"k\":%s}", table[i][1]);

		check(yaml, json);
	}
}

static void numbers_and_booleans_keep_their_text(void **state)
{
	cJSON *root = parse("[0123, yes, a, ~, [1]]");

	assert_string_equal(yaml_text(cJSON_GetArrayItem(root, 0)), "0123");
	assert_string_equal(yaml_text(cJSON_GetArrayItem(root, 1)), "yes");
	assert_string_equal(yaml_text(cJSON_GetArrayItem(root, 2)), "a");
	assert_null(yaml_text(cJSON_GetArrayItem(root, 3)));
	assert_null(yaml_text(cJSON_GetArrayItem(root, 4)));
	cJSON_Delete(root);
}

static void takes_every_way_of_writing(void **state)
{
	check("\xef\xbb\xbf"
	      "a: 1\r\nb:\r\n- x\r\n",
		"{\"a\":1,\"b\":[\"x\"]}");
	check("{\"a\": {\"b\": [1, \"x\"]}}", "{\"a\":{\"b\":[1,\"x\"]}}");
	check("a: 1\n---\nb: [", "{\"a\":1}");
	check("a: 1\na: 2\n", "{\"a\":2}");
	check("", "null");
	check("# nothing\n", "null");
	check("a: |\n  one\n  two\nb: >\n  one\n  two\n",
		"{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\\n\"}");
	check("1: a\ntrue: b\n", "{\"1\":\"a\",\"true\":\"b\"}");
}

static void aliases_are_copied_and_merged(void **state)
{
	check("a: &x {b: 1}\nc: *x\n", "{\"a\":{\"b\":1},\"c\":{\"b\":1}}");
	check("a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}");
	check("a: &k k\n*k : 1\n", "{\"a\":\"k\",\"k\":1}");
	check("a: &x {b: 1, c: 2}\nd: {c: 3, <<: *x}\n",
		"{\"a\":{\"b\":1,\"c\":2},\"d\":{\"b\":1,\"c\":3}}");
	check("- &x {a: 1, b: 1}\n- &y {a: 2, c: 2}\n- {<<: [*x, *y], c: 9}\n",
		"[{\"a\":1,\"b\":1},{\"a\":2,\"c\":2},{\"a\":1,\"b\":1,\"c\":9}]");
	check("{'<<': {a: 1}}", "{\"<<\":{\"a\":1}}");
}

static void refuses_what_is_wrong_with_its_line(void **state)
{
	refuse("a: 1\nb: [", -EINVAL, "line ");
	refuse("a: 1\n\tb: 2\n", -EINVAL, "line 2");
	refuse("a: 1\nb: *x\n", -EINVAL, "line 2: an alias (*) names no anchor");
	refuse("a: &x\n  b: *x\n", -EINVAL, "line 2: an alias (*) stands inside its own anchor");
	refuse("&x [*x]", -EINVAL, "inside its own anchor");
	refuse("a: 1\nb: \"x\\0y\"\n", -EINVAL, "line 2: text with a NUL");
	refuse("? [a]\n: b\n", -EINVAL, "a key must be plain text");
	refuse("<<: 1\n", -EINVAL, "<< needs a mapping");
	refuse("a: \xff\xfe", -EINVAL, "not YAML");
}

static void refuses_a_billion_laughs(void **state)
{
	auto_buf b = BUF_INIT(10000);

	buf_str(&b, "a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 12; i++)
		buf_printf(&b, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i,
			i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	refuse(buf_text(&b), -EMSGSIZE, "once aliases are expanded");
}

static void refuses_many_copies_of_a_long_text(void **state)
{
	auto_buf b = BUF_INIT(4 << 20);

	buf_str(&b, "- &a ");
	for (int i = 0; i < 1 << 20; i++)
		buf_char(&b, 'x');
	for (int i = 0; i < 100; i++)
		buf_str(&b, "\n- *a");
	refuse(buf_text(&b), -EMSGSIZE, "once aliases are expanded");
}

static void refuses_too_deep_and_too_many(void **state)
{
	auto_buf deep = BUF_INIT(1000), many = BUF_INIT(1 << 20), far = BUF_INIT(2000);

	for (int i = 0; i < 101; i++)
		buf_char(&deep, '[');
	refuse(buf_text(&deep), -EMSGSIZE, "levels deep");
	buf_char(&many, '[');
	for (int i = 0; i < 200000; i++)
		buf_str(&many, "1,");
	buf_char(&many, ']');
	refuse(buf_text(&many), -EMSGSIZE, "values");
	buf_str(&far, "- &a "
		      "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
		      "]]]]]]]]]\n");
	buf_str(&far,
		"- &b [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n");
	buf_str(&far, "- [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[*b]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n");
	refuse(buf_text(&far), -EMSGSIZE, "levels deep");
}

static void prints_as_kubectl_does(void **state)
{
	cJSON *root = parse(
		"kind: Pod\napiVersion: v1\nspec: {containers: [{name: a, args: [-c, 'x: y', "
		"'true', '1', '', '2020-01-01T00:00:00Z', \"a\\nb\\n\", \"tab\\t\", '*']}], e: {}, "
		"l: [], m: [[1, 2], [3.5]], n: null, t: true}");
	auto_buf b = BUF_INIT(10000);

	assert_int_equal(yaml_print(root, &b), 0);
	cJSON_Delete(root);
	assert_string_equal(buf_text(&b),
		"apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - args:\n"
		"    - -c\n    - 'x: y'\n    - \"true\"\n    - \"1\"\n    - \"\"\n"
		"    - \"2020-01-01T00:00:00Z\"\n    - |\n      a\n      b\n"
		"    - \"tab\\t\"\n    - '*'\n    name: a\n  e: {}\n  l: []\n"
		"  m:\n  - - 1\n    - 2\n  - - 3.5\n  \"n\": null\n  t: true\n");
}

static void what_it_prints_it_reads_again(void **state)
{
	static const char *const texts[] = { "", " ", "a", " a", "a ", "a:", ":a", "a: b", "a #b",
		"#", "- a", "-", "--", "---", "--- x", "...", "?", "? a", "<<", "=", "~", "null",
		"y", "N", "on", "0x1f", "1e3", "1_0", ".inf", "-.INF", ".nan", "1:20:30", "'",
		"''a", "\"", "\\", "a\\nb", "\n", "\n\n", "a\n", "a\n\n", "a\n\n\nb", "a\nb ",
		" a\nb", "a\n b", "\ta\nb", "a\n\tb", "a\r\nb", "\r", "a\n#b", "|", ">", "%x", "@x",
		"`x", "!x", "&x", "*x", "{", "}", "[a]", ",", "\x01", "\x7f", "\xc2\x85",
		"\xc2\xa0", "\xe2\x80\xa8", "\xef\xbb\xbf", "\xf0\x9f\x98\x80", "\xc3\xa9",
		"a\n---\nb", "a\n...\nb", "2001-01-01", "key: |", "a\n ", "a\n \n",
		"\xef\xbf\xbd" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		cJSON *root = cJSON_CreateObject(), *again, *list = cJSON_CreateArray();
		auto_buf b = BUF_INIT(10000);

		cJSON_AddStringToObject(root, texts[i], texts[i]);
		cJSON_AddItemToArray(list, cJSON_CreateString(texts[i]));
		cJSON_AddItemToArray(list, cJSON_CreateString(texts[i]));
		cJSON_AddItemToObject(root, "list", list);
		assert_int_equal(yaml_print(root, &b), 0);
		again = parse(buf_text(&b));
		if (!cJSON_Compare(root, again, true))
			fail_msg("not read again: %s", buf_text(&b));
		cJSON_Delete(root);
		cJSON_Delete(again);
	}
}

static void survives_every_truncation_and_flip(void **state)
{
	static const char text[] =
		"a: &x {b: 1, c: [x, \"y\\n\", 'z']}\nd: {c: 3, <<: *x}\ne: |\n  f\n";

	for (size_t i = 0; i < (sizeof(text) - 1) * 9; i++) {
		auto_free char *copy = xstrdup(text);
		size_t n = i < sizeof(text) ? i : sizeof(text) - 1;
		cJSON *root = NULL;

		copy[i / 9] ^= i % 9 == 8 ? 0 : (char)(1 << i % 9);
		if (yaml_parse(copy, n, &root, NULL) == 0)
			cJSON_Delete(root);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_scalars_mean_what_kubectl_says),
		cmocka_unit_test(numbers_and_booleans_keep_their_text),
		cmocka_unit_test(takes_every_way_of_writing),
		cmocka_unit_test(aliases_are_copied_and_merged),
		cmocka_unit_test(refuses_what_is_wrong_with_its_line),
		cmocka_unit_test(refuses_a_billion_laughs),
		cmocka_unit_test(refuses_many_copies_of_a_long_text),
		cmocka_unit_test(refuses_too_deep_and_too_many),
		cmocka_unit_test(prints_as_kubectl_does),
		cmocka_unit_test(what_it_prints_it_reads_again),
		cmocka_unit_test(survives_every_truncation_and_flip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
