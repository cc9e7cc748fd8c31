#include "common/remote/pack/packed.h"

#include "common/base/squeeze.h"

#define ENOUGH (128 * 1024)
#define LITTLE 512 /* less than this is not worth it */
#define SIZE_N 4
/* At least: packing takes 4 ms of processor a MiB, both sides together, the way 7 to 11. */
#define SAVED(n) ((n) / 4)

/* Whole frames, none of them PACKED, most of it frames that count: else a little credit would be much memory. */
static bool is_fit(const uint8_t *frames, size_t n)
{
	size_t at = 0, counted = 0;

	while (at < n) {
		ssize_t one = pack_frame_whole(frames + at, n - at);

		if (one <= 0 || frames[at + 4] == PACK_PACKED)
			return false;
		counted += pack_counts(frames[at + 4]) ? (size_t)one : 0;
		at += (size_t)one;
	}
	return counted >= n / 2;
}

size_t packed_piece(const uint8_t *frames, size_t n)
{
	size_t at = 0;

	while (at < n && at < ENOUGH)
		at += (size_t)pack_frame_whole(frames + at, n - at);
	return at;
}

size_t packed_make(const uint8_t *piece, size_t n, uint64_t number, uint8_t *to)
{
	uint8_t *payload = to + PACK_HEAD;
	size_t most = n - SAVED(n), used;

	if (n < LITTLE || n > PACK_PACKED_MAX || !is_fit(piece, n))
		return 0;
	if (most > PACK_FRAME_MAX - SIZE_N)
		most = PACK_FRAME_MAX - SIZE_N;
	used = squeeze(piece, n, payload + SIZE_N, most);
	if (!used)
		return 0;
	for (int i = 0; i < SIZE_N; i++)
		payload[i] = (uint8_t)(n >> (24 - 8 * i));
	pack_head_put(to, PACK_PACKED, payload, SIZE_N + used, number);
	return PACK_HEAD + SIZE_N + used;
}

ssize_t packed_size(const uint8_t *payload, size_t n)
{
	struct reader r = reader_of(payload, n);
	uint32_t size = reader_u32(&r);

	return r.bad || !size || size > PACK_PACKED_MAX ? -EBADMSG : (ssize_t)size;
}

int packed_take(const uint8_t *payload, size_t n, uint8_t *to)
{
	ssize_t size = packed_size(payload, n);

	if (size < 0 || unsqueeze(payload + SIZE_N, n - SIZE_N, to, (size_t)size) < 0)
		return -EBADMSG;
	return is_fit(to, (size_t)size) ? 0 : -EBADMSG;
}
