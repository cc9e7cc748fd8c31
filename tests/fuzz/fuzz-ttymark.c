/*
 * Any output: the same however it is cut, nothing of it lost or made up before the end, nothing shown
 * before the begin or behind the end; the same of the screen's modes.
 */
#include "plugin/screenmodes.h"
#include "plugin/ttymark.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NONCE "0123456789abcdef0123456789abcdef"

static void feed(struct ttymark *m, const uint8_t *data, size_t size, size_t piece, struct buf *out)
{
	ttymark_init(m, NONCE);
	for (size_t at = 0; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece, before = out->len;

		ttymark_feed(m, data + at, n, out);
		assert(out->len - before <= n + TTYMARK_MAX);
	}
	ttymark_flush(m, out);
	assert(m->status < 0 || m->pid > 0);
	assert(m->pid || !out->len);
	assert(out->len <= size);
}

/* What is output stands in the input, as one piece. */
static void is_part_of(const struct buf *out, const uint8_t *data, size_t size)
{
	assert(!out->len || memmem(data, size, out->data, out->len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_buf whole = BUF_INIT(1024 * 1024);
	auto_buf cut = BUF_INIT(1024 * 1024);
	struct screenmodes a = { 0 }, b = { 0 };
	struct ttymark m, again;

	if (size < 1 || size > 256 * 1024)
		return 0;
	feed(&m, data, size, size, &whole);
	feed(&again, data, size, 1 + data[0] % 70, &cut);
	assert(m.pid == again.pid && m.status == again.status);
	assert(whole.len == cut.len && (!cut.len || !memcmp(whole.data, cut.data, cut.len)));
	is_part_of(&whole, data, size);
	screenmodes_feed(&a, data, size);
	for (size_t i = 0; i < size; i++)
		screenmodes_feed(&b, data + i, 1);
	assert(a.set == b.set);
	return 0;
}
