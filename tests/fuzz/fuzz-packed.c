/*
 * A PACKED frame's payload of a far end that means ill (pack.h). What is taken is whole frames, most of them such that
 * count; packed again, where that shrinks it, it is taken as the same.
 */
#include "common/remote/pack/packed.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_frames(const uint8_t *at, size_t n)
{
	size_t counted = 0;

	for (size_t left = n; left;) {
		ssize_t one = pack_frame_whole(at, left);

		assert(one > 0 && at[4] != PACK_PACKED);
		counted += pack_counts(at[4]) ? (size_t)one : 0;
		at += one;
		left -= (size_t)one;
	}
	assert(counted >= n / 2);
}

static void again(const uint8_t *frames, size_t n)
{
	auto_free uint8_t *to = xmalloc(PACK_HEAD + PACK_FRAME_MAX), *out = xmalloc(n);
	size_t made = packed_make(frames, n, 0, to);

	if (!made)
		return;
	assert(made < PACK_HEAD + 4 + n && (size_t)pack_frame_whole(to, made) == made);
	assert(packed_size(to + PACK_HEAD, made - PACK_HEAD) == (ssize_t)n);
	assert(packed_take(to + PACK_HEAD, made - PACK_HEAD, out) == 0);
	assert(memcmp(out, frames, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ssize_t n = packed_size(data, size);
	auto_free uint8_t *to = NULL;

	if (n < 0)
		return 0;
	assert((size_t)n <= PACK_PACKED_MAX);
	to = xmalloc((size_t)n);
	if (packed_take(data, size, to) < 0)
		return 0;
	check_frames(to, (size_t)n);
	again(to, (size_t)n);
	return 0;
}
