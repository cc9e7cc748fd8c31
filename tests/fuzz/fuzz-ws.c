/*
 * Bytes from a server, fed whole and in pieces, give the same events; the messages among them,
 * encoded by us and turned into a server's frames (the mask taken off), decode to themselves. The
 * upgrade's reader says the same of a head once it is whole, and a refusal's body stays under its
 * ceiling.
 */
#include "common/kube/upgrade.h"
#include "common/kube/ws.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int feed(const uint8_t *data, size_t size, size_t step, struct buf *ret)
{
	struct ws_decoder d;
	struct ws_event e;
	int rc = 0;

	ws_decoder_init(&d);
	for (size_t at = 0; at < size && rc >= 0; at += step) {
		size_t left = size - at < step ? size - at : step;
		const uint8_t *p = data + at;

		while ((rc = ws_decode(&d, &p, &left, &e)) > 0) {
			buf_printf(ret, "%d %zu %d ", e.op, e.n, e.code);
			buf_add(ret, e.data, e.n);
		}
	}
	ws_decoder_fini(&d);
	return rc;
}

/* What we send, as a server would have sent it. */
static void unmask(struct buf *frame)
{
	uint8_t *b = (uint8_t *)frame->data;
	size_t head = (b[1] & 0x7f) == 126 ? 4 : (b[1] & 0x7f) == 127 ? 10 : 2;
	uint8_t key[4];

	b[1] &= 0x7f;
	memcpy(key, b + head, sizeof key);
	for (size_t i = head + 4; i < frame->len; i++)
		b[i - 4] = b[i] ^ key[(i - head) % 4];
}

static void check_encoder(const uint8_t *data, size_t size)
{
	uint8_t key[4] = { size, size >> 8, 0x5a, 0xc3 };
	size_t n = size, cut = size / 3;
	struct iovec parts[2] = { { (void *)(uintptr_t)data, cut },
		{ (void *)(uintptr_t)(data + cut), n - cut } };
	auto_buf frame = BUF_INIT(2 << 20);
	struct ws_decoder d;
	struct ws_event e;
	const uint8_t *p;
	size_t left;

	ws_encode(&frame, WS_BINARY, key, parts, 2);
	unmask(&frame);
	p = (const uint8_t *)frame.data;
	left = frame.len - 4;
	ws_decoder_init(&d);
	assert(ws_decode(&d, &p, &left, &e) == 1);
	assert(e.op == WS_BINARY && e.n == n && left == 0);
	assert(n == 0 || memcmp(e.data, data, n) == 0);
	ws_decoder_fini(&d);
}

static void check_upgrade(const char *data, size_t size)
{
	struct upgrade_answer a, again;
	auto_buf body = BUF_INIT(4096);
	int rc = upgrade_answer(data, size, "dGhlIHNhbXBsZSBub25jZQ==", "v4.channel.k8s.io", &a);

	if (rc != 1)
		return;
	assert(a.head_n <= size && (a.status == 101 || a.status >= 200));
	assert(upgrade_answer(data, a.head_n, "dGhlIHNhbXBsZSBub25jZQ==", "v4.channel.k8s.io",
		       &again) == 1);
	assert(again.status == a.status && again.head_n == a.head_n);
	upgrade_body(&a, data + a.head_n, size - a.head_n, true, &body);
	assert(body.len <= 4096);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_buf whole = BUF_INIT(8 << 20), pieces = BUF_INIT(8 << 20);
	int rc;

	if (size > 1 << 20)
		return 0;
	rc = feed(data, size, size ? size : 1, &whole);
	assert(feed(data, size, 1 + size % 7, &pieces) == rc);
	assert(whole.len == pieces.len &&
		(whole.len == 0 || memcmp(whole.data, pieces.data, whole.len) == 0));
	check_encoder(data, size);
	check_upgrade((const char *)data, size);
	return 0;
}
