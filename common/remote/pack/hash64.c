#include "common/remote/pack/hash64.h"

#include <endian.h>
#include <string.h>

#define P1 0x9E3779B185EBCA87ULL
#define P2 0xC2B2AE3D27D4EB4FULL
#define P3 0x165667B19E3779F9ULL
#define P4 0x85EBCA77C2B2AE63ULL
#define P5 0x27D4EB2F165667C5ULL

static uint64_t rotl(uint64_t v, int n)
{
	return v << n | v >> (64 - n);
}

static uint64_t load64(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return le64toh(v);
}

static uint32_t load32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return le32toh(v);
}

static uint64_t stir(uint64_t lane, uint64_t word)
{
	return rotl(lane + word * P2, 31) * P1;
}

static uint64_t merge(uint64_t h, uint64_t lane)
{
	return (h ^ stir(0, lane)) * P1 + P4;
}

/* Whole stripes of 32 bytes; what is left is the caller's. */
static uint64_t stripes(const uint8_t **at, const uint8_t *end, uint64_t seed)
{
	uint64_t a = seed + P1 + P2, b = seed + P2, c = seed, d = seed - P1;
	uint64_t h;

	for (; end - *at >= 32; *at += 32) {
		a = stir(a, load64(*at));
		b = stir(b, load64(*at + 8));
		c = stir(c, load64(*at + 16));
		d = stir(d, load64(*at + 24));
	}
	h = rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18);
	return merge(merge(merge(merge(h, a), b), c), d);
}

static uint64_t tail(uint64_t h, const uint8_t *at, const uint8_t *end)
{
	for (; end - at >= 8; at += 8)
		h = rotl(h ^ stir(0, load64(at)), 27) * P1 + P4;
	if (end - at >= 4) {
		h = rotl(h ^ load32(at) * P1, 23) * P2 + P3;
		at += 4;
	}
	for (; at < end; at++)
		h = rotl(h ^ *at * P5, 11) * P1;
	return h;
}

uint64_t hash64(const void *bytes, size_t n, uint64_t seed)
{
	const uint8_t *at = bytes;
	const uint8_t *end = at + n;
	uint64_t h = n >= 32 ? stripes(&at, end, seed) : seed + P5;

	h = tail(h + n, at, end);
	h = (h ^ h >> 33) * P2;
	h = (h ^ h >> 29) * P3;
	return h ^ h >> 32;
}
