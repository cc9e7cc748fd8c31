#include "common/base/buf.h"
#include "common/kube/json.h"

#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define POD                                                                                        \
	"{\"metadata\":{\"name\":\"web\",\"labels\":{\"a.b/c\":\"d\"}},\"status\":{"               \
	"\"containerStatuses\":[{\"ready\":false},{\"ready\":true,\"restartCount\":3,"             \
	"\"state\":{\"running\":{}}}],\"nothing\":null,\"matrix\":[[1,2],[3]]}}"

static void json_at_fini(cJSON **at)
{
	cJSON_Delete(*at);
}
#define auto_json cJSON *auto_with(json_at_fini)

static cJSON *parse(const char *text)
{
	return json_parse(text, strlen(text));
}

static void reads_by_path(void **state)
{
	auto_json pod = parse(POD);

	assert_non_null(pod);
	assert_string_equal(json_str(pod, "metadata.name", "x"), "web");
	assert_true(json_bool(pod, "status.containerStatuses[1].ready", false));
	assert_true(json_num(pod, "status.containerStatuses[1].restartCount", 0) == 3);
	assert_non_null(json_at(pod, "status.containerStatuses[1].state.running"));
	assert_true(json_num(pod, "status.matrix[0][1]", 0) == 2);
	assert_ptr_equal(json_at(pod, ""), pod);
	assert_string_equal(
		json_str(json_member(json_at(pod, "metadata.labels"), "a.b/c"), "", "x"), "d");
}

static void gives_the_default_for_what_is_absent_or_of_another_type(void **state)
{
	auto_json pod = parse(POD);

	assert_string_equal(json_str(pod, "metadata.nam", "x"), "x");
	assert_string_equal(json_str(pod, "metadata.names", "x"), "x");
	assert_string_equal(json_str(pod, "metadata", "x"), "x");
	assert_string_equal(json_str(pod, "metadata.name.more", "x"), "x");
	assert_string_equal(json_str(NULL, "metadata", "x"), "x");
	assert_true(json_num(pod, "metadata.name", 7) == 7);
	assert_true(json_bool(pod, "metadata.name", true));
	assert_null(json_at(pod, "status.nothing"));
	assert_null(json_at(pod, "status.containerStatuses[2]"));
	assert_null(json_at(pod, "status.containerStatuses[-1]"));
	assert_null(json_at(pod, "status.containerStatuses[x]"));
	assert_null(json_at(pod, "status.containerStatuses[0"));
	assert_null(json_at(pod, "status[0]"));
	assert_null(json_member(NULL, "a"));
}

static void labels_and_annotations_are_text_or_the_default(void **state)
{
	auto_json pod = parse("{\"metadata\": {\"labels\": {\"a.b/c\": \"1\", \"d\": 2},"
			      " \"annotations\": {\"a.b/c\": \"3\"}}}");

	assert_string_equal(json_label(pod, "a.b/c", "x"), "1");
	assert_string_equal(json_annotation(pod, "a.b/c", "x"), "3");
	assert_string_equal(json_label(pod, "d", "x"), "x");
	assert_null(json_annotation(pod, "d", NULL));
	assert_string_equal(json_label(NULL, "d", "x"), "x");
}

static void the_last_of_duplicate_members_counts(void **state)
{
	auto_json root = parse("{\"a\":1,\"b\":2,\"a\":3}");

	assert_true(json_num(root, "a", 0) == 3);
}

static void infinite_numbers_are_no_numbers(void **state)
{
	auto_json root = parse("{\"a\":1e999}");

	assert_true(json_num(root, "a", 5) == 5);
}

static void takes_one_whole_value_only(void **state)
{
	static const char *const bad[] = { "", " ", "{", "}", "{} {}", "{}x", "[1,]", "nul", "\"a",
		"'a'", "{\"a\":}", "{a:1}", "[1 2]" };
	static const char *const good[] = { "{}", " [1] \n", "1", "\"a\"", "null", "true" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_null(parse(bad[i]));
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		auto_json root = parse(good[i]);

		assert_non_null(root);
	}
}

static void refuses_every_truncation(void **state)
{
	for (size_t n = 0; n < strlen(POD); n++)
		assert_null(json_parse(POD, n));
}

static void survives_every_flipped_bit(void **state)
{
	auto_free char *text = xstrdup(POD);

	for (size_t i = 0; i < strlen(POD) * 8; i++) {
		text[i / 8] ^= (char)(1 << i % 8);
		cJSON_Delete(json_parse(text, strlen(POD)));
		text[i / 8] ^= (char)(1 << i % 8);
	}
}

static cJSON *nested(size_t depth)
{
	auto_buf b = BUF_INIT(1000000);

	for (size_t i = 0; i < depth; i++)
		buf_char(&b, '[');
	for (size_t i = 0; i < depth; i++)
		buf_char(&b, ']');
	return json_parse(buf_text(&b), b.len);
}

static void refuses_past_its_depth(void **state)
{
	auto_json deep = nested(JSON_DEPTH_MAX);

	assert_non_null(deep);
	assert_null(nested(JSON_DEPTH_MAX + 1));
	assert_null(nested(400000));
}

static void brackets_in_strings_do_not_count_as_depth(void **state)
{
	auto_buf b = BUF_INIT(100000);

	buf_str(&b, "\"\\\"");
	for (int i = 0; i < 2000; i++)
		buf_char(&b, '[');
	buf_char(&b, '"');
	{
		auto_json root = json_parse(buf_text(&b), b.len);

		assert_non_null(root);
	}
}

static void refuses_past_its_number_of_values(void **state)
{
	const size_t n = 5 * 1024 * 1024;
	auto_buf b = BUF_INIT(3 * n);

	buf_char(&b, '[');
	for (size_t i = 0; i < n; i++)
		buf_str(&b, "1,");
	buf_str(&b, "1]");
	assert_null(json_parse(buf_text(&b), b.len));
}

static void sets_by_path_making_what_is_missing(void **state)
{
	auto_json root = cJSON_CreateObject();
	auto_free char *text = NULL;

	json_set_str(root, "metadata.name", "a");
	json_set_str(root, "metadata.name", "b");
	json_set(root, "spec.replicas", cJSON_CreateNumber(2));
	json_set(root, "spec.replicas.deep", cJSON_CreateTrue());
	json_set_str(root, "gone.with", "wind");
	json_set(root, "gone", NULL);
	json_set(root, "never.there", NULL);
	json_set_str(root, "metadata.none", NULL);
	text = cJSON_PrintUnformatted(root);
	assert_string_equal(
		text, "{\"metadata\":{\"name\":\"b\"},\"spec\":{\"replicas\":{\"deep\":true}}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_by_path),
		cmocka_unit_test(gives_the_default_for_what_is_absent_or_of_another_type),
		cmocka_unit_test(labels_and_annotations_are_text_or_the_default),
		cmocka_unit_test(the_last_of_duplicate_members_counts),
		cmocka_unit_test(infinite_numbers_are_no_numbers),
		cmocka_unit_test(takes_one_whole_value_only),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(survives_every_flipped_bit),
		cmocka_unit_test(refuses_past_its_depth),
		cmocka_unit_test(brackets_in_strings_do_not_count_as_depth),
		cmocka_unit_test(refuses_past_its_number_of_values),
		cmocka_unit_test(sets_by_path_making_what_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
