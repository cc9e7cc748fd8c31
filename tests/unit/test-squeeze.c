/* Packing and unpacking: what comes out is what went in, or nothing. */
#include "common/base/buf.h"
#include "common/base/squeeze.h"
#include "tests/lib/test.h"

#define ROOM(n) ((n) + (n) / 255 + 64)

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* kind 0: one byte; 1: noise; 2: words again and again; 3: noise between long runs. */
static void fill(uint8_t *bytes, size_t n, int kind)
{
	static const char words[] = "static int return buffer offset ";
	uint32_t seed = (uint32_t)n;

	for (size_t i = 0; i < n; i++) {
		if (kind == 0)
			bytes[i] = 'x';
		else if (kind == 1)
			bytes[i] = (uint8_t)next(&seed);
		else if (kind == 2)
			bytes[i] = (uint8_t)words[(i + i / 100) % (sizeof(words) - 1)];
		else
			bytes[i] = i % 3000 < 700 ? (uint8_t)next(&seed) : (uint8_t)(i / 3000);
	}
}

static size_t goes_through(size_t n, int kind)
{
	uint8_t *from = xmalloc(n + 1), *packed = xmalloc(ROOM(n)), *back = xmalloc(n + 1);
	size_t used;

	fill(from, n, kind);
	used = squeeze(from, n, packed, ROOM(n));
	if (used) {
		assert_int_equal(unsqueeze(packed, used, back, n), 0);
		assert_memory_equal(back, from, n);
	}
	free(from);
	free(packed);
	free(back);
	return used;
}

static void every_length_comes_back(void **state)
{
	for (int kind = 0; kind < 4; kind++) {
		for (size_t n = 1; n < 600; n++)
			assert_int_not_equal(goes_through(n, kind), 0);
	}
}

static void large_ones_come_back_and_shrink(void **state)
{
	assert_in_range(goes_through(1 << 20, 0), 1, 8 * 1024);
	assert_in_range(goes_through(1 << 20, 2), 1, 200 * 1024);
	assert_in_range(goes_through((1 << 20) - 7, 3), 1, 400 * 1024);
}

static void noise_is_left_alone(void **state)
{
	assert_int_equal(goes_through(1 << 20, 1), 0);
	assert_int_equal(squeeze("", 0, NULL, 0), 0);
}

static void what_does_not_fit_is_not_begun(void **state)
{
	uint8_t from[5000], packed[ROOM(5000)];
	size_t used;

	fill(from, sizeof(from), 3);
	used = squeeze(from, sizeof(from), packed, sizeof(packed));
	assert_int_not_equal(used, 0);
	for (size_t max = 0; max < used; max += 7) {
		uint8_t *exact = xmalloc(max + 1);

		assert_int_equal(squeeze(from, sizeof(from), exact, max), 0);
		free(exact);
	}
}

/* Each buffer ends where its bytes end, for whoever watches over memory. */
static int unpack(const uint8_t *bytes, size_t n, size_t size)
{
	uint8_t *from = xmalloc(n + 1), *to = xmalloc(size + 1);
	int rc;

	memcpy(from + 1, bytes, n);
	rc = unsqueeze(from + 1, n, to + 1, size);
	free(from);
	free(to);
	return rc;
}

static void a_block_cut_anywhere_is_refused(void **state)
{
	uint8_t from[3000], packed[ROOM(3000)];
	size_t used;

	fill(from, sizeof(from), 3);
	used = squeeze(from, sizeof(from), packed, sizeof(packed));
	for (size_t n = 0; n < used; n++)
		assert_int_equal(unpack(packed, n, sizeof(from)), -EBADMSG);
	assert_int_equal(unpack(packed, used, sizeof(from)), 0);
	assert_int_equal(unpack(packed, used, sizeof(from) - 1), -EBADMSG);
	assert_int_equal(unpack(packed, used, sizeof(from) + 1), -EBADMSG);
}

static void flipped_bits_stay_within_bounds(void **state)
{
	uint8_t from[2000], packed[ROOM(2000)];
	size_t used;

	fill(from, sizeof(from), 3);
	used = squeeze(from, sizeof(from), packed, sizeof(packed));
	for (size_t i = 0; i < used; i++) {
		for (int bit = 0; bit < 8; bit++) {
			packed[i] ^= (uint8_t)(1 << bit);
			unpack(packed, used, sizeof(from));
			packed[i] ^= (uint8_t)(1 << bit);
		}
	}
}

/* By hand from the format's description: "ab", then six bytes two back, then "cdefg" alone. */
static void the_form_is_the_published_one(void **state)
{
	static const uint8_t block[] = { 0x22, 'a', 'b', 2, 0, 0x50, 'c', 'd', 'e', 'f', 'g' };
	char to[13];

	assert_int_equal(unsqueeze(block, sizeof(block), to, sizeof(to)), 0);
	assert_memory_equal(to, "ababababcdefg", sizeof(to));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_comes_back),
		cmocka_unit_test(large_ones_come_back_and_shrink),
		cmocka_unit_test(noise_is_left_alone),
		cmocka_unit_test(what_does_not_fit_is_not_begun),
		cmocka_unit_test(a_block_cut_anywhere_is_refused),
		cmocka_unit_test(flipped_bits_stay_within_bounds),
		cmocka_unit_test(the_form_is_the_published_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
