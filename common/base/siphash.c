#include "common/base/siphash.h"

#include <endian.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t turn(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static inline void rounds(struct sip *s, int count)
{
	for (int i = 0; i < count; i++) {
		s->v0 += s->v1;
		s->v1 = turn(s->v1, 13) ^ s->v0;
		s->v0 = turn(s->v0, 32);
		s->v2 += s->v3;
		s->v3 = turn(s->v3, 16) ^ s->v2;
		s->v0 += s->v3;
		s->v3 = turn(s->v3, 21) ^ s->v0;
		s->v2 += s->v1;
		s->v1 = turn(s->v1, 17) ^ s->v2;
		s->v2 = turn(s->v2, 32);
	}
}

static inline void word(struct sip *s, int c, uint64_t m)
{
	s->v3 ^= m;
	rounds(s, c);
	s->v0 ^= m;
}

/* Inlined into each caller, where c and d are constants. */
static inline __attribute__((always_inline)) uint64_t hash(
	const uint64_t key[2], int c, int d, const uint8_t *at, size_t n)
{
	struct sip s = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };
	const uint8_t *end = at + n / 8 * 8;
	uint64_t m, last = (uint64_t)n << 56;

	for (; at < end; at += 8) {
		memcpy(&m, at, 8);
		word(&s, c, le64toh(m));
	}
	for (size_t i = 0; i < n % 8; i++)
		last |= (uint64_t)at[i] << 8 * i;
	word(&s, c, last);
	s.v2 ^= 0xff;
	rounds(&s, d);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t siphash(const uint64_t key[2], int c, int d, const void *bytes, size_t n)
{
	return hash(key, c, d, bytes, n);
}

/* uthash's hash function is given nothing but the bytes: so the key is the process's. */
static uint64_t our_key[2];
static pthread_once_t keyed = PTHREAD_ONCE_INIT;

static void make_key(void)
{
	if (getrandom(our_key, sizeof(our_key), 0) != sizeof(our_key))
		abort(); /* cannot be: so few bytes are given whole */
}

uint32_t siphash_here(const void *bytes, size_t n)
{
	pthread_once(&keyed, make_key);
	return (uint32_t)hash(our_key, 1, 3, bytes, n);
}
