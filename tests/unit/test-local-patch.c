#include "plugin/local/patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static cJSON *parse(const char *text)
{
	cJSON *json = NULL;

	assert_int_equal(json_parse(text, strlen(text), &json), 0);
	return json;
}

static void expect(const cJSON *got, const char *want)
{
	auto_json cJSON *json = parse(want);
	auto_free char *text = cJSON_PrintUnformatted(got);

	if (!cJSON_Compare(got, json, true))
		fail_msg("got %s, wanted %s", text, want);
}

static void a_merge_patch_sets_replaces_and_removes(void **state)
{
	auto_json cJSON *target = parse("{\"a\":1,\"b\":{\"c\":2,\"d\":3},\"l\":[1,2]}");
	auto_json cJSON *patch =
		parse("{\"a\":null,\"b\":{\"c\":4},\"l\":[3],\"n\":{\"m\":null,\"o\":1}}");

	patch_merge(target, patch);
	expect(target, "{\"b\":{\"c\":4,\"d\":3},\"l\":[3],\"n\":{\"o\":1}}");
}

static void a_strategic_patch_merges_lists_by_their_key(void **state)
{
	auto_json cJSON *target =
		parse("{\"c\":[{\"name\":\"a\",\"v\":1},{\"name\":\"b\",\"v\":2}],\"f\":[\"x\"]}");
	auto_json cJSON *patch = parse("{\"c\":[{\"name\":\"b\",\"v\":3},{\"name\":\"n\",\"v\":4},"
				       "{\"$patch\":\"delete\",\"name\":\"a\"}],\"f\":[\"y\"]}");

	patch_strategic(target, patch);
	expect(target, "{\"c\":[{\"name\":\"b\",\"v\":3},{\"name\":\"n\",\"v\":4}],\"f\":[\"y\"]}");
}

static void operations_add_replace_remove_and_test(void **state)
{
	auto_json cJSON *target = parse("{\"a\":{\"b/c\":1,\"~\":2},\"l\":[1,2]}");
	auto_json cJSON *list = parse("[{\"op\":\"test\",\"path\":\"/a/b~1c\",\"value\":1},"
				      "{\"op\":\"replace\",\"path\":\"/a/b~1c\",\"value\":5},"
				      "{\"op\":\"remove\",\"path\":\"/a/~0\"},"
				      "{\"op\":\"add\",\"path\":\"/l/-\",\"value\":3},"
				      "{\"op\":\"add\",\"path\":\"/l/0\",\"value\":0}]");

	assert_int_equal(patch_operations(target, list, NULL), 0);
	expect(target, "{\"a\":{\"b/c\":5},\"l\":[0,1,2,3]}");
}

static void a_failed_test_is_told_from_a_wrong_operation(void **state)
{
	static const struct {
		const char *list;
		int code;
	} cases[] = {
		{ "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]", -ESTALE },
		{ "[{\"op\":\"remove\",\"path\":\"/nosuch\"}]", -EINVAL },
		{ "[{\"op\":\"replace\",\"path\":\"/nosuch\",\"value\":1}]", -EINVAL },
		{ "[{\"op\":\"add\",\"path\":\"/l/9\",\"value\":1}]", -EINVAL },
		{ "[{\"op\":\"replace\",\"path\":\"/l/0\",\"value\":1}]", -EINVAL },
		{ "[{\"op\":\"add\",\"path\":\"\",\"value\":1}]", -EINVAL },
		{ "[{\"op\":\"add\",\"path\":\"/a~2\",\"value\":1}]", -EINVAL },
		{ "[{\"op\":\"copy\",\"path\":\"/a\"}]", -EINVAL },
		{ "[7]", -EINVAL },
		{ "{}", -EINVAL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		auto_json cJSON *target = parse("{\"a\":1,\"l\":[]}");
		auto_json cJSON *list = parse(cases[i].list);
		struct err err = { "" };

		assert_int_equal(patch_operations(target, list, &err), cases[i].code);
		assert_true(err.text[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_merge_patch_sets_replaces_and_removes),
		cmocka_unit_test(a_strategic_patch_merges_lists_by_their_key),
		cmocka_unit_test(operations_add_replace_remove_and_test),
		cmocka_unit_test(a_failed_test_is_told_from_a_wrong_operation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
