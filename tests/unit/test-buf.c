#include "tests/lib/test.h"
#include "common/base/wire.h"

static void refuses_past_its_ceiling(void **state)
{
	auto_buf b = BUF_INIT(4);

	buf_str(&b, "abcd");
	CHECK_RC(buf_check(&b), 0);
	buf_char(&b, 'e');
	CHECK_RC(buf_check(&b), -EMSGSIZE);
	CHECK_TEXT(buf_text(&b), "abcd");
	buf_reset(&b);
	CHECK_RC(buf_check(&b), 0);
	buf_printf(&b, "%d", 12345);
	CHECK_RC(buf_check(&b), -EMSGSIZE);
	assert_int_equal(b.len, 0);
}

static void drops_trims_and_steals(void **state)
{
	auto_buf b = BUF_INIT(100);
	auto_free char *s = NULL;

	CHECK_TEXT(buf_text(&b), "");
	buf_str(&b, "hello world");
	buf_drop(&b, 6);
	CHECK_TEXT(buf_text(&b), "world");
	buf_trim(&b, 4);
	CHECK_TEXT(buf_text(&b), "worl");
	s = buf_steal(&b);
	CHECK_TEXT(s, "worl");
	assert_int_equal(b.len, 0);
	buf_drop(&b, 10);
	buf_str(&b, "again");
	CHECK_TEXT(buf_text(&b), "again");
}

static void wire_fields_come_back(void **state)
{
	auto_buf b = BUF_INIT(100);
	struct reader r;

	wire_u8(&b, 0xfe);
	wire_u16(&b, 0xfedc);
	wire_u32(&b, 0xfedcba98);
	wire_u64(&b, 0xfedcba9876543210);
	r = reader_of(b.data, b.len);
	assert_int_equal(reader_u8(&r), 0xfe);
	assert_int_equal(reader_u16(&r), 0xfedc);
	assert_int_equal(reader_u32(&r), 0xfedcba98);
	assert_true(reader_u64(&r) == 0xfedcba9876543210);
	CHECK_RC(reader_end(&r), 0);
	for (size_t n = 0; n < b.len; n++) {
		r = reader_of(b.data, n);
		reader_u8(&r);
		reader_u16(&r);
		reader_u32(&r);
		reader_u64(&r);
		CHECK_RC(reader_end(&r), -EBADMSG);
	}
}

static void numbers_are_whole_and_bounded(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		int rc;
	} table[] = { { "0", 10, 0 }, { "10", 10, 0 }, { "11", 10, -ERANGE }, { "", 10, -EINVAL },
		{ "-1", 10, -EINVAL }, { "+1", 10, -EINVAL }, { " 1", 10, -EINVAL },
		{ "1 ", 10, -EINVAL }, { "0x1", 10, -EINVAL },
		{ "18446744073709551615", UINT64_MAX, 0 },
		{ "18446744073709551616", UINT64_MAX, -ERANGE } };

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		uint64_t v;

		CHECK_RC(parse_u64(table[i].text, table[i].max, &v), table[i].rc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_past_its_ceiling),
		cmocka_unit_test(drops_trims_and_steals),
		cmocka_unit_test(wire_fields_come_back),
		cmocka_unit_test(numbers_are_whole_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
