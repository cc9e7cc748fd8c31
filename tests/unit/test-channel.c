#include "common/kube/channel.h"

#include <setjmp.h>
#include <cmocka.h>

static const uint8_t key[4] = { 0 }; /* masks nothing, so frames can be read */

static int parse(const char *json, struct channel_status *ret)
{
	return channel_status(json, strlen(json), ret);
}

static void frames_carry_their_channel_first(void **state)
{
	auto_buf b = BUF_INIT(256);

	channel_data(&b, "ab", 2, key);
	assert_int_equal(b.len, 9);
	assert_memory_equal(b.data, "\x82\x83\0\0\0\0\0ab", 9);
	buf_reset(&b);
	channel_eof(&b, key);
	assert_memory_equal(b.data, "\x82\x82\0\0\0\0\xff\0", 8);
	buf_reset(&b);
	channel_keepalive(&b, key);
	assert_memory_equal(b.data, "\x82\x80\0\0\0\0", 6);
	buf_reset(&b);
	channel_resize(&b, 120, 40, key);
	assert_int_equal(b.data[6], CHANNEL_RESIZE);
	assert_string_equal(b.data + 7, "{\"Width\":120,\"Height\":40}");
}

static void only_channels_from_the_server_are_taken(void **state)
{
	struct channel_message m;

	assert_false(channel_take("", 0, &m));
	for (int i = 0; i < 256; i++) {
		uint8_t bytes[2] = { i, 'x' };

		assert_int_equal(channel_take(bytes, 2, &m), i >= 1 && i <= 3);
	}
	assert_true(channel_take("\1", 1, &m));
	assert_int_equal(m.channel, CHANNEL_STDOUT);
	assert_int_equal(m.n, 0);
}

static void exit_codes_are_found(void **state)
{
	struct channel_status s;

	assert_int_equal(parse("{\"metadata\":{},\"status\":\"Success\"}", &s), 0);
	assert_true(s.success);
	assert_int_equal(s.exit_code, 0);
	assert_int_equal(parse("{\"status\":\"Failure\",\"message\":\"command terminated with "
			       "non-zero exit code: 42\","
			       "\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":[{"
			       "\"reason\":\"Other\",\"message\":\"7\"},"
			       "{\"reason\":\"ExitCode\",\"message\":\"42\"}]}}",
				 &s),
		0);
	assert_false(s.success);
	assert_int_equal(s.exit_code, 42);
	assert_string_equal(s.reason, "NonZeroExitCode");
}

static void odd_statuses_tell_no_code_and_do_not_crash(void **state)
{
	static const char *const odd[] = {
		"{\"status\":\"Failure\"}",
		"{\"status\":\"Failure\",\"details\":null}",
		"{\"status\":\"Failure\",\"details\":[]}",
		"{\"status\":\"Failure\",\"details\":{\"causes\":null}}",
		"{\"status\":\"Failure\",\"details\":{\"causes\":\"ExitCode\"}}",
		"{\"status\":\"Failure\",\"details\":{\"causes\":[1,null,\"x\",{},[]]}}",
		"{\"status\":\"Failure\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\"}]}}",
		"{\"status\":\"Failure\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\","
		"\"message\":\"256\"}]}}",
		"{\"status\":\"Failure\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\","
		"\"message\":\"-1\"}]}}",
		"{\"status\":\"Failure\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\","
		"\"message\":7}]}}",
		"{\"status\":\"Failure\",\"message\":7,\"reason\":{}}",
	};
	struct channel_status s;

	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		assert_int_equal(parse(odd[i], &s), 0);
		assert_int_equal(s.exit_code, -1);
	}
}

static void what_is_no_status_is_refused(void **state)
{
	static const char *const bad[] = { "", "null", "[]", "\"Success\"", "{}", "{\"status\":1}",
		"{\"status\":\"success\"}", "{\"status\":\"Success\"",
		"{\"status\":\"Success\"} x" };
	struct channel_status s;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(parse(bad[i], &s), -EBADMSG);
}

static void a_status_cut_short_is_refused_at_each_length(void **state)
{
	static const char text[] = "{\"status\":\"Failure\",\"details\":{\"causes\":[{\"reason\":"
				   "\"ExitCode\",\"message\":\"1\"}]}}";
	struct channel_status s;

	for (size_t n = 0; n < sizeof text - 1; n++)
		assert_int_equal(channel_status(text, n, &s), -EBADMSG);
	for (size_t bit = 0; bit < 8 * (sizeof text - 1); bit++) {
		char flipped[sizeof text];
		int rc;

		memcpy(flipped, text, sizeof text);
		flipped[bit / 8] ^= 1 << bit % 8;
		rc = channel_status(flipped, sizeof text - 1, &s);
		assert_true(rc == -EBADMSG || (rc == 0 && s.exit_code >= -1 && s.exit_code <= 255));
	}
}

static void a_long_message_is_cut(void **state)
{
	auto_buf b = BUF_INIT(1 << 16);
	struct channel_status s;

	buf_str(&b, "{\"status\":\"Failure\",\"message\":\"");
	for (int i = 0; i < 5000; i++)
		buf_char(&b, 'm');
	buf_str(&b, "\"}");
	assert_int_equal(parse(buf_text(&b), &s), 0);
	assert_int_equal(strlen(s.message), sizeof s.message - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_carry_their_channel_first),
		cmocka_unit_test(only_channels_from_the_server_are_taken),
		cmocka_unit_test(exit_codes_are_found),
		cmocka_unit_test(odd_statuses_tell_no_code_and_do_not_crash),
		cmocka_unit_test(what_is_no_status_is_refused),
		cmocka_unit_test(a_status_cut_short_is_refused_at_each_length),
		cmocka_unit_test(a_long_message_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
