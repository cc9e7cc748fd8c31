#include "plugin/local/channel.h"
#include "plugin/local/podlog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void the_first_known_protocol_is_chosen(void **state)
{
	assert_string_equal(protocol_choose("nope, v5.channel.k8s.io,v4.channel.k8s.io")->name,
		"v5.channel.k8s.io");
	assert_string_equal(
		protocol_choose("v4.channel.k8s.io, v5.channel.k8s.io")->name, "v4.channel.k8s.io");
	assert_null(protocol_choose("nope"));
	assert_null(protocol_choose(""));
	assert_null(protocol_choose(" , ,"));
}

static void a_text_message_comes_back_as_it_went(void **state)
{
	auto_buf text = BUF_INIT(1024), back = BUF_INIT(1024);
	uint8_t channel;

	channel_encode_text(3, "a\0b", 3, &text);
	assert_int_equal(channel_decode_text(buf_text(&text), text.len, &channel, &back), 0);
	assert_int_equal(channel, 3);
	assert_int_equal(back.len, 3);
	assert_memory_equal(back.data, "a\0b", 3);
}

static void a_broken_text_message_is_refused(void **state)
{
	static const char *const wrong[] = { "", "x", "/YQ==", "0Y", "0!!!!" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		auto_buf back = BUF_INIT(64);
		uint8_t channel;

		assert_int_equal(
			channel_decode_text(wrong[i], strlen(wrong[i]), &channel, &back), -EBADMSG);
	}
}

static void a_size_is_two_small_numbers(void **state)
{
	static const char *const wrong[] = { "", "{}", "{\"Width\":1}",
		"{\"Width\":-1,\"Height\":2}", "{\"Width\":70000,\"Height\":2}", "[1,2]",
		"{\"Width\":\"1\",\"Height\":2}" };
	static const char right[] = "{\"Width\":120,\"Height\":40}\n";
	uint16_t columns, rows;

	assert_int_equal(channel_parse_resize(right, strlen(right), &columns, &rows), 0);
	assert_int_equal(columns, 120);
	assert_int_equal(rows, 40);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(channel_parse_resize(wrong[i], strlen(wrong[i]), &columns, &rows),
			-EBADMSG);
	for (size_t n = 0; n < strlen(right) - 2; n++)
		assert_int_equal(channel_parse_resize(right, n, &columns, &rows), -EBADMSG);
}

static void a_log_line_comes_back_as_it_went(void **state)
{
	auto_buf out = BUF_INIT(1024);
	struct podlog_line line;

	podlog_print(&out, true, true, "some text", 9);
	assert_int_equal(podlog_parse(buf_text(&out), out.len - 1, &line), 0);
	assert_true(line.is_stderr);
	assert_true(line.part);
	assert_int_equal(line.text_bytes, 9);
	assert_memory_equal(line.text, "some text", 9);
}

static void a_cut_log_line_is_refused(void **state)
{
	static const char whole[] = "2026-11-22T00:00:00.1Z stdout F ";
	struct podlog_line line;

	for (size_t n = 0; n < strlen(whole); n++)
		assert_int_equal(podlog_parse(whole, n, &line), -EBADMSG);
	assert_int_equal(podlog_parse(whole, strlen(whole), &line), 0);
	assert_int_equal(line.text_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_known_protocol_is_chosen),
		cmocka_unit_test(a_text_message_comes_back_as_it_went),
		cmocka_unit_test(a_broken_text_message_is_refused),
		cmocka_unit_test(a_size_is_two_small_numbers),
		cmocka_unit_test(a_log_line_comes_back_as_it_went),
		cmocka_unit_test(a_cut_log_line_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
