/*
 * Frames of a server's, fed whole and in pieces, give the same: as many bytes for each channel, the same ones.
 * What we say ourselves is none of a server's, but for pings and the end.
 */
#include "common/kube/spdy.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int feed(const uint8_t *data, size_t size, size_t step, struct buf *ret)
{
	struct spdy_decoder d = { 0 };
	struct spdy_event e;
	int rc = 0;

	for (size_t at = 0; at < size && rc >= 0; at += step) {
		size_t left = size - at < step ? size - at : step;
		const uint8_t *p = data + at;

		while ((rc = spdy_decode(&d, &p, &left, &e)) > 0) {
			if (e.kind != SPDY_DATA) {
				buf_printf(ret, "%d %u ", e.kind, e.id);
				continue;
			}
			assert(e.message.n && e.message.data >= data + at &&
				e.message.data + e.message.n <= data + size);
			for (size_t i = 0; i < e.message.n; i++)
				buf_printf(ret, "%d%c", e.message.channel, e.message.data[i]);
		}
		assert(rc < 0 || left == 0);
	}
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_buf whole = BUF_INIT(8 << 20), pieces = BUF_INIT(8 << 20);
	int rc;

	if (size > 1 << 16)
		return 0;
	rc = feed(data, size, size ? size : 1, &whole);
	assert(feed(data, size, 1 + size % 7, &pieces) == rc);
	assert(whole.len == pieces.len &&
		(!whole.len || memcmp(whole.data, pieces.data, whole.len) == 0));
	return 0;
}
