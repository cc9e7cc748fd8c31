#include "tests/lib/test.h"
#include "common/base/base64.h"

/* RFC 4648, section 10. */
static const char *const vectors[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" },
	{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" } };

static void knows_the_vectors_of_the_rfc(void **state)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		auto_buf there = BUF_INIT(100), back = BUF_INIT(100), url = BUF_INIT(100);

		base64_encode(vectors[i][0], strlen(vectors[i][0]), &there);
		assert_string_equal(buf_text(&there), vectors[i][1]);
		assert_int_equal(base64_decode(vectors[i][1], strlen(vectors[i][1]), &back), 0);
		assert_string_equal(buf_text(&back), vectors[i][0]);
		assert_int_equal(
			base64url_decode(vectors[i][1], strcspn(vectors[i][1], "="), &url), 0);
		assert_string_equal(buf_text(&url), vectors[i][0]);
	}
}

static void all_bytes_go_there_and_back(void **state)
{
	auto_buf there = BUF_INIT(1000), back = BUF_INIT(1000);
	unsigned char all[256];

	for (int i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	base64_encode(all, sizeof(all), &there);
	assert_int_equal(base64_decode(buf_text(&there), there.len, &back), 0);
	assert_int_equal(back.len, 256);
	assert_memory_equal(back.data, all, 256);
	buf_reset(&back);
	assert_int_equal(base64url_decode("-_-_", 4, &back), 0);
	assert_memory_equal(back.data, "\xfb\xff\xbf", 3);
}

static void line_ends_may_stand_anywhere_and_nothing_else(void **state)
{
	static const char *const bad[] = { "Zg", "Zg=", "Z", "Zg===", "=", "Zg==Zg==", "Zm 9v",
		"Zm9v-", "Zm9!", "Z\tg==", "====" };
	auto_buf b = BUF_INIT(100);

	assert_int_equal(base64_decode("\nZ\r\ng=\n=\n", 8, &b), 0);
	assert_string_equal(buf_text(&b), "f");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		auto_buf out = BUF_INIT(100);

		assert_int_equal(base64_decode(bad[i], strlen(bad[i]), &out), -EINVAL);
	}
	assert_int_equal(base64url_decode("Zg==", 4, &b), -EINVAL);
	assert_int_equal(base64url_decode("Zm9vY", 5, &b), -EINVAL);
}

static void stops_at_its_ceiling(void **state)
{
	auto_buf b = BUF_INIT(2);

	assert_int_equal(base64_decode("Zm9v", 4, &b), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_vectors_of_the_rfc),
		cmocka_unit_test(all_bytes_go_there_and_back),
		cmocka_unit_test(line_ends_may_stand_anywhere_and_nothing_else),
		cmocka_unit_test(stops_at_its_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
