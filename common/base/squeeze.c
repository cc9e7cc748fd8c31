#include "common/base/squeeze.h"

#include "common/base/buf.h"
#include "common/base/cleanup.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define HASH_BITS    12
#define MATCH_MIN    4
#define MATCH_END    12 /* no match begins in the last so many bytes, */
#define LITERAL_END  5  /* nor reaches into these */
#define BACK_MAX     65535
#define SAMPLE_BYTES 4096
#define HURRY_SHIFT  6 /* so many misses make the step longer by one */

struct packer {
	const uint8_t *from;
	size_t n;
	uint8_t *to;
	size_t used, max;
	uint32_t
		seen[1 << HASH_BITS]; /* a place where such four bytes stood; 0 is as good as any */
};

static uint32_t four(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static uint32_t hash(uint32_t v)
{
	return (v * 2654435761u) >> (32 - HASH_BITS);
}

static size_t common_bytes(const uint8_t *a, const uint8_t *b, const uint8_t *end)
{
	const uint8_t *start = a;
	uint64_t x, y;

	for (; end - a >= 8; a += 8, b += 8) {
		memcpy(&x, a, sizeof(x));
		memcpy(&y, b, sizeof(y));
		if (x != y)
			break;
	}
	while (a < end && *a == *b) {
		a++;
		b++;
	}
	return (size_t)(a - start);
}

/* What of a length does not fit into its half of the token. */
static void put_length(struct packer *p, size_t n)
{
	for (; n >= 255; n -= 255)
		p->to[p->used++] = 255;
	p->to[p->used++] = (uint8_t)n;
}

/* Literals, and the match behind them; match 0: none, it is the end. False: no room. */
static bool put_sequence(
	struct packer *p, const uint8_t *literals, size_t count, size_t back, size_t match)
{
	size_t more = match ? match - MATCH_MIN : 0;
	size_t need = 1 + count / 255 + 1 + count + 2 + more / 255 + 1;

	if (need > p->max - p->used)
		return false;
	p->to[p->used++] = (uint8_t)((count < 15 ? count : 15) << 4 | (more < 15 ? more : 15));
	if (count >= 15)
		put_length(p, count - 15);
	memcpy(p->to + p->used, literals, count);
	p->used += count;
	if (!match)
		return true;
	p->to[p->used++] = (uint8_t)back;
	p->to[p->used++] = (uint8_t)(back >> 8);
	if (more >= 15)
		put_length(p, more - 15);
	return true;
}

/* The next match from *at on, whose place and length it gives; 0: there is none. */
static size_t find_match(struct packer *p, size_t *at, size_t *ret_back)
{
	size_t misses = 0;

	while (*at + MATCH_END <= p->n) {
		uint32_t v = four(p->from + *at), h = hash(v);
		size_t old = p->seen[h];

		p->seen[h] = (uint32_t)*at;
		if (old < *at && *at - old <= BACK_MAX && four(p->from + old) == v) {
			*ret_back = *at - old;
			return common_bytes(
				p->from + *at, p->from + old, p->from + p->n - LITERAL_END);
		}
		*at += 1 + (misses++ >> HURRY_SHIFT);
	}
	return 0;
}

static bool pack(struct packer *p)
{
	size_t done = 0, at = 0, back = 0, match;

	while ((match = find_match(p, &at, &back))) {
		if (!put_sequence(p, p->from + done, at - done, back, match))
			return false;
		at += match;
		done = at;
	}
	return put_sequence(p, p->from + done, p->n - done, 0, 0);
}

static size_t pack_into(const void *from, size_t n, void *to, size_t max)
{
	struct packer p = { .from = from, .n = n, .to = to, .max = max };

	return pack(&p) ? p.used : 0;
}

size_t squeeze(const void *from, size_t n, void *to, size_t max)
{
	uint8_t sample[SAMPLE_BYTES];

	if (!n || n > SQUEEZE_MAX)
		return 0;
	if (n > 4 * SAMPLE_BYTES && !pack_into(from, SAMPLE_BYTES, sample, SAMPLE_BYTES / 8 * 7))
		return 0;
	return pack_into(from, n, to, max);
}

void *squeezed(const void *from, size_t n, size_t *ret_n)
{
	size_t max = squeeze_worth(n), used;
	auto_free char *block = xmalloc(max + 1);

	used = squeeze(from, n, block, max);
	if (!used)
		return NULL;
	*ret_n = used;
	return take_ptr(block);
}

struct unpacker {
	const uint8_t *at, *end;
	uint8_t *to, *start, *limit;
};

static bool take_length(struct unpacker *u, size_t *n)
{
	uint8_t more;

	do {
		if (u->at == u->end || *n > SQUEEZE_MAX)
			return false;
		more = *u->at++;
		*n += more;
	} while (more == 255);
	return true;
}

static bool take_literals(struct unpacker *u, size_t n)
{
	if (n == 15 && !take_length(u, &n))
		return false;
	if (n > (size_t)(u->end - u->at) || n > (size_t)(u->limit - u->to))
		return false;
	memcpy(u->to, u->at, n);
	u->to += n;
	u->at += n;
	return true;
}

/* It may reach into what it writes itself: then it goes on repeating that. */
static bool copy_back(struct unpacker *u, size_t back, size_t n)
{
	if (!back || back > (size_t)(u->to - u->start) || n > (size_t)(u->limit - u->to))
		return false;
	while (n) {
		size_t part = n < back ? n : back;

		memcpy(u->to, u->to - back, part);
		u->to += part;
		n -= part;
		back += part;
	}
	return true;
}

static bool take_match(struct unpacker *u, size_t n)
{
	size_t back;

	if (u->end - u->at < 2)
		return false;
	back = (size_t)u->at[0] | (size_t)u->at[1] << 8;
	u->at += 2;
	if (n == 15 && !take_length(u, &n))
		return false;
	return copy_back(u, back, n + MATCH_MIN);
}

int unsqueeze(const void *from, size_t n, void *to, size_t size)
{
	struct unpacker u = { from, (const uint8_t *)from + n, to, to, (uint8_t *)to + size };

	while (u.at < u.end) {
		uint8_t token = *u.at++;

		if (!take_literals(&u, token >> 4))
			return -EBADMSG;
		if (u.at == u.end)
			return u.to == u.limit ? 0 : -EBADMSG;
		if (!take_match(&u, token & 15))
			return -EBADMSG;
	}
	return -EBADMSG;
}
