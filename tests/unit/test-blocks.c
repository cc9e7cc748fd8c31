#include "common/base/squeeze.h"
#include "tests/lib/test.h"
#include "tests/lib/unpack.h"

#include <errno.h>
#include <stdio.h>

#define BYTES 5000

static int take(void *arg, const void *bytes, size_t n)
{
	return buf_add(arg, bytes, n), buf_check(arg);
}

static void some_content(char *bytes)
{
	for (int i = 0; i < BYTES; i++)
		bytes[i] = "a line, and again "[(i * i / 7) % 18];
}

/* One packed block and one as it is: the same content. */
static void two_blocks(struct buf *ret)
{
	char bytes[BYTES], packed[BYTES];
	size_t n;

	some_content(bytes);
	n = squeeze(bytes, BYTES, packed, BYTES - 1);
	assert_true(n > 0);
	buf_printf(ret, "%zu %d\n", n, BYTES);
	buf_add(ret, packed, n);
	buf_printf(ret, "0 %d\n", BYTES);
	buf_add(ret, bytes, BYTES);
}

static void gives_the_content_however_it_is_cut(void **state)
{
	static const size_t parts[] = { 1, 2, 3, 7, 100, 4096, 1 << 20 };
	auto_buf blocks = BUF_INIT(1 << 20);
	char bytes[BYTES];

	some_content(bytes);
	two_blocks(&blocks);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		auto_buf got = BUF_INIT(1 << 20);

		assert_int_equal(unpack(blocks.data, blocks.len, parts[i], take, &got), 0);
		assert_int_equal(got.len, 2 * BYTES);
		assert_memory_equal(got.data, bytes, BYTES);
		assert_memory_equal(got.data + BYTES, bytes, BYTES);
	}
}

static void refuses_what_is_cut_short(void **state)
{
	auto_buf blocks = BUF_INIT(1 << 20);
	size_t first;

	two_blocks(&blocks);
	first = blocks.len - BYTES - 7;
	for (size_t n = 1; n < blocks.len; n++) {
		auto_buf got = BUF_INIT(1 << 20);

		assert_int_equal(
			unpack(blocks.data, n, 512, take, &got), n == first ? 0 : -EBADMSG);
	}
}

static void a_flipped_byte_never_gives_more(void **state)
{
	auto_buf blocks = BUF_INIT(1 << 20);

	two_blocks(&blocks);
	for (size_t i = 0; i < blocks.len; i += i < 600 ? 1 : 97) {
		auto_buf got = BUF_INIT(1 << 20);
		int rc;

		blocks.data[i] ^= 0x11;
		rc = unpack(blocks.data, blocks.len, 1000, take, &got);
		blocks.data[i] ^= 0x11;
		assert_true(rc == 0 || rc == -EBADMSG);
		assert_true(got.len <= BLOCK_MAX + 2 * BYTES);
	}
}

static void refuses_lines_that_are_none(void **state)
{
	static const char *const lines[] = { "0 0\n", "4 4\nabcd", "5 4\nabcde", "0\n", "x 4\n",
		"0 131073\n", "-1 4\n", "00000000000000001 4\n", "0 4 4\nabcd", "\n" };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		auto_buf got = BUF_INIT(1 << 20);

		assert_int_equal(unpack(lines[i], strlen(lines[i]), 100, take, &got), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_content_however_it_is_cut),
		cmocka_unit_test(refuses_what_is_cut_short),
		cmocka_unit_test(a_flipped_byte_never_gives_more),
		cmocka_unit_test(refuses_lines_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
