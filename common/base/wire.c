#include "common/base/wire.h"

static void put(struct buf *b, uint64_t v, int bytes)
{
	uint8_t out[8];

	for (int i = 0; i < bytes; i++)
		out[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
	buf_add(b, out, (size_t)bytes);
}

void wire_u8(struct buf *b, uint8_t v)
{
	put(b, v, 1);
}

void wire_u16(struct buf *b, uint16_t v)
{
	put(b, v, 2);
}

void wire_u32(struct buf *b, uint32_t v)
{
	put(b, v, 4);
}

void wire_u64(struct buf *b, uint64_t v)
{
	put(b, v, 8);
}

struct reader reader_of(const void *bytes, size_t n)
{
	return (struct reader){ .at = bytes, .left = n };
}

const void *reader_bytes(struct reader *r, size_t n)
{
	const void *at = r->at;

	if (r->bad || n > r->left) {
		r->bad = true;
		return NULL;
	}
	r->at += n;
	r->left -= n;
	return at;
}

static uint64_t get(struct reader *r, int bytes)
{
	const uint8_t *at = reader_bytes(r, (size_t)bytes);
	uint64_t v = 0;

	for (int i = 0; at && i < bytes; i++)
		v = v << 8 | at[i];
	return v;
}

uint8_t reader_u8(struct reader *r)
{
	return (uint8_t)get(r, 1);
}

uint16_t reader_u16(struct reader *r)
{
	return (uint16_t)get(r, 2);
}

uint32_t reader_u32(struct reader *r)
{
	return (uint32_t)get(r, 4);
}

uint64_t reader_u64(struct reader *r)
{
	return get(r, 8);
}

int reader_end(const struct reader *r)
{
	return r->bad || r->left ? -EBADMSG : 0;
}

int parse_u64(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		uint64_t digit = (uint64_t)(*text - '0');

		if (digit > 9)
			return -EINVAL;
		if (v > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		v = v * 10 + digit;
	}
	if (v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}
