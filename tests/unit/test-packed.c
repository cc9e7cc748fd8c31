/* Frames made fewer bytes on their way (PACKED of pack.h). */
#include "common/remote/pack/packed.h"
#include "tests/lib/test.h"

#include <string.h>

/* Frames as a source says them: count of DATA with n bytes each that repeat, and an ACK. */
static size_t some_frames(uint8_t *to, size_t count, size_t n)
{
	size_t at = 0;

	for (uint64_t seq = 0; seq <= count; seq++) {
		size_t here = seq < count ? n : 8;

		for (size_t i = 0; i < here; i++)
			to[at + PACK_HEAD + i] = (uint8_t)(i % 97);
		pack_head_put(to + at, seq < count ? PACK_DATA_AT : PACK_ACK, to + at + PACK_HEAD,
			here, seq);
		at += PACK_HEAD + here;
	}
	return at;
}

static void a_packed_frame_holds_what_was_put_in_and_is_refused_when_cut_or_changed(void **state)
{
	auto_free uint8_t *frames = xmalloc(20000), *to = xmalloc(PACK_HEAD + PACK_FRAME_MAX);
	auto_free uint8_t *out = xmalloc(PACK_PACKED_MAX);
	size_t n = some_frames(frames, 5, 700), made = packed_make(frames, n, 3, to);
	uint8_t *payload = to + PACK_HEAD;
	size_t held = made - PACK_HEAD;

	assert_true(made > PACK_HEAD && made < n / 4);
	assert_int_equal(packed_piece(frames, n), n);
	assert_int_equal(pack_frame_whole(to, made), made);
	CHECK_RC(pack_head_check(to, made, 3), 0);
	CHECK_RC(pack_head_check(to, made, 4), -EBADMSG);
	assert_int_equal(packed_size(payload, held), n);
	CHECK_RC(packed_take(payload, held, out), 0);
	assert_memory_equal(out, frames, n);
	for (size_t cut = 0; cut < held; cut++)
		CHECK_RC(packed_take(payload, cut, out), -EBADMSG);
	for (size_t bit = 0; bit < held * 8; bit++) {
		payload[bit / 8] ^= 1 << bit % 8;
		if (packed_take(payload, held, out) == 0)
			assert_true(packed_size(payload, held) == (ssize_t)n);
		CHECK_RC(pack_head_check(to, made, 3), -EBADMSG);
		payload[bit / 8] ^= 1 << bit % 8;
	}
}

static void what_is_no_whole_frames_is_not_packed_nor_taken(void **state)
{
	auto_free uint8_t *frames = xmalloc(70000), *to = xmalloc(PACK_HEAD + PACK_FRAME_MAX);
	auto_free uint8_t *inner = xmalloc(70000), *out = xmalloc(PACK_PACKED_MAX);
	size_t n = some_frames(frames, 5, 700), at = 0;

	/* one in another */
	frames[4] = PACK_PACKED;
	assert_int_equal(packed_make(frames, n, 0, to), 0);
	frames[4] = PACK_DATA_AT;
	/* cut */
	assert_int_equal(packed_make(frames, n - 1, 0, to), 0);
	/* memory for nothing that counts */
	for (uint64_t seq = 0; seq < 100; seq++, at += PACK_HEAD)
		pack_head_put(inner + at, PACK_BEAT, NULL, 0, seq);
	assert_int_equal(packed_make(inner, at, 0, to), 0);
	/* and what another has packed: more than is allowed, nothing, too little */
	for (uint32_t size = 0; size < 2; size++) {
		uint8_t said[8] = { size ? 0xff : 0, 0, 0, 0, 0x10, 'x' };

		CHECK_RC(packed_take(said, 6, out), -EBADMSG);
	}
	CHECK_RC(packed_take((const uint8_t *)"\0\0\0\5\x50hello", 10, out), -EBADMSG);
}

static void random_bytes_and_little_go_as_they_are(void **state)
{
	auto_free uint8_t *frames = xmalloc(300000), *to = xmalloc(PACK_HEAD + PACK_FRAME_MAX);
	uint32_t x = 1;
	size_t n;

	for (size_t i = PACK_HEAD; i < 200000; i++) {
		x = x * 1664525 + 1013904223;
		frames[i] = (uint8_t)(x >> 24);
	}
	pack_head_put(frames, PACK_DATA_AT, frames + PACK_HEAD, 200000 - PACK_HEAD, 0);
	assert_int_equal(packed_make(frames, 200000, 0, to), 0);
	n = some_frames(frames, 1, 300);
	assert_int_equal(packed_make(frames, n, 0, to), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_packed_frame_holds_what_was_put_in_and_is_refused_when_cut_or_changed),
		cmocka_unit_test(what_is_no_whole_frames_is_not_packed_nor_taken),
		cmocka_unit_test(random_bytes_and_little_go_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
