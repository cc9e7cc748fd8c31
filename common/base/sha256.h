/* SHA-256 (FIPS 180-4): a digest for names, without a library that takes longer to load than to use. */
#ifndef SBX_BASE_SHA256_H
#define SBX_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

struct sha256 {
	uint32_t state[8];
	uint64_t bytes;
	uint8_t block[64]; /* the first bytes % 64 of it wait for the rest */
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *bytes, size_t n);

/* Ends it; s may be given to sha256_init again. */
void sha256_end(struct sha256 *s, uint8_t ret[static SHA256_BYTES]);

#endif
