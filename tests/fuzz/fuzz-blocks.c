/* A packed listing's blocks: however they are cut, the same comes out, and never more than a block holds. */
#include "tests/lib/unpack.h"

#include <assert.h>
#include <stdint.h>

struct sum {
	uint64_t hash, bytes;
	unsigned blocks;
};

static int take(void *arg, const void *bytes, size_t n)
{
	struct sum *s = arg;
	const uint8_t *at = bytes;

	assert(n > 0 && n <= BLOCK_MAX);
	for (size_t i = 0; i < n; i++)
		s->hash = (s->hash ^ at[i]) * 0x100000001b3u;
	s->bytes += n;
	s->blocks++;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct sum whole = { 0 }, parts = { 0 };
	int rc = unpack(data, n, n ? n : 1, take, &whole);

	assert(unpack(data, n, 3, take, &parts) == rc);
	assert(whole.blocks == parts.blocks && whole.hash == parts.hash);
	return 0;
}
