#include "plugin/local/select.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const char pod[] =
	"{\"metadata\":{\"name\":\"web\",\"labels\":{\"app\":\"a\",\"tier\":\"x\"}},"
	"\"status\":{\"phase\":\"Running\"}}";

static bool labels_match(const char *text)
{
	auto_with(select_free_at) struct select *s = NULL;
	auto_json cJSON *json = NULL;

	assert_int_equal(json_parse(pod, strlen(pod), &json), 0);
	assert_int_equal(select_parse_labels(text, &s, NULL), 0);
	return select_matches(s, json);
}

static bool fields_match(const char *text)
{
	auto_with(select_free_at) struct select *s = NULL;
	auto_json cJSON *json = NULL;

	assert_int_equal(json_parse(pod, strlen(pod), &json), 0);
	assert_int_equal(select_parse_fields(text, &s, NULL), 0);
	return select_matches(s, json);
}

static void labels_are_matched_by_every_operator(void **state)
{
	assert_true(labels_match(NULL));
	assert_true(labels_match(""));
	assert_true(labels_match("app=a"));
	assert_true(labels_match("app==a, tier = x"));
	assert_false(labels_match("app!=a"));
	assert_true(labels_match("other!=a"));
	assert_true(labels_match("app in (b, a)"));
	assert_false(labels_match("app notin (b,a)"));
	assert_true(labels_match("other notin (b)"));
	assert_true(labels_match("app"));
	assert_false(labels_match("!app"));
	assert_true(labels_match("!other,app in (a),tier"));
}

static void fields_are_paths(void **state)
{
	assert_true(fields_match("metadata.name=web,status.phase!=Failed"));
	assert_false(fields_match("metadata.name=other"));
	assert_true(fields_match("spec.nodeName="));
}

static void the_name_asked_for_is_known(void **state)
{
	auto_with(select_free_at) struct select *s = NULL;

	assert_int_equal(select_parse_fields("metadata.name=web", &s, NULL), 0);
	assert_string_equal(select_name(s), "web");
}

static void what_is_no_selector_is_refused_with_a_sentence(void **state)
{
	static const char *const wrong[] = { "=a", "a in b", "a in (b", "a like b", "a=b c", ",",
		"a,,b", "(", "a=b)" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct select *s = NULL;
		struct err err = { "" };

		assert_int_equal(select_parse_labels(wrong[i], &s, &err), -EINVAL);
		assert_true(err.text[0]);
		assert_null(s);
	}
}

static void too_many_terms_are_refused(void **state)
{
	auto_buf text = BUF_INIT(SELECT_BYTES);
	struct select *s = NULL;

	for (int i = 0; i <= SELECT_TERMS; i++)
		buf_printf(&text, "%sa=b", i ? "," : "");
	assert_int_equal(select_parse_labels(buf_text(&text), &s, NULL), -EINVAL);
}

static void survives_truncation_at_each_length(void **state)
{
	static const char whole[] = "a in (b,c),!d,e!=f,g notin (h)";

	for (size_t n = 0; n <= strlen(whole); n++) {
		auto_free char *part = xstrndup(whole, n);
		auto_with(select_free_at) struct select *s = NULL;

		select_parse_labels(part, &s, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_are_matched_by_every_operator),
		cmocka_unit_test(fields_are_paths),
		cmocka_unit_test(the_name_asked_for_is_known),
		cmocka_unit_test(what_is_no_selector_is_refused_with_a_sentence),
		cmocka_unit_test(too_many_terms_are_refused),
		cmocka_unit_test(survives_truncation_at_each_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
