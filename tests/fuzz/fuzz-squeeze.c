/*
 * The first byte and the next: how long the block is said to be. The rest is unpacked as it is, and packed.
 *
 * Asserted: what was packed comes back.
 */
#include "common/base/buf.h"
#include "common/base/squeeze.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void comes_back(const uint8_t *data, size_t n)
{
	size_t max = n + n / 255 + 64;
	uint8_t *packed = xmalloc(max), *back = xmalloc(n + 1);
	size_t used = squeeze(data, n, packed, max);

	if (used) {
		assert(unsqueeze(packed, used, back, n) == 0);
		assert(memcmp(back, data, n) == 0);
	}
	free(packed);
	free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t *to;
	size_t size;

	if (n < 2)
		return 0;
	size = (size_t)data[0] << 8 | data[1];
	to = xmalloc(size + 1);
	unsqueeze(data + 2, n - 2, to, size);
	free(to);
	comes_back(data + 2, n - 2);
	return 0;
}
