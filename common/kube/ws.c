#include "common/kube/ws.h"

#include <assert.h>

#define FIN  0x80
#define RSV  0x70
#define OP   0x0f
#define MASK 0x80
#define LEN  0x7f

static bool is_control(enum ws_op op)
{
	return op & 0x8;
}

static size_t put_head(uint8_t head[static WS_HEAD_MAX], enum ws_op op, size_t n)
{
	size_t bytes = n <= WS_CONTROL_MAX ? 0 : n <= UINT16_MAX ? 2 : 8;

	head[0] = FIN | op;
	head[1] = MASK | (bytes == 0 ? n : bytes == 2 ? 126 : 127);
	for (size_t i = 0; i < bytes; i++)
		head[2 + i] = (uint64_t)n >> 8 * (bytes - 1 - i);
	return 2 + bytes;
}

/* XOR while copying, eight bytes at a time. at: how far into the payload, for the key's turn. */
static void copy_masked(
	uint8_t *to, const uint8_t *from, size_t n, const uint8_t key[static 4], size_t at)
{
	uint8_t turned[8];
	uint64_t wide, word;
	size_t i = 0;

	for (size_t k = 0; k < sizeof turned; k++)
		turned[k] = key[(at + k) % 4];
	memcpy(&wide, turned, sizeof wide);
	for (; i + sizeof word <= n; i += sizeof word) {
		memcpy(&word, from + i, sizeof word);
		word ^= wide;
		memcpy(to + i, &word, sizeof word);
	}
	for (; i < n; i++)
		to[i] = from[i] ^ turned[i % 8];
}

void ws_encode(struct buf *ret, enum ws_op op, const uint8_t key[static 4],
	const struct iovec *parts, size_t count)
{
	uint8_t head[WS_HEAD_MAX];
	size_t n = 0, at = 0, head_n;
	uint8_t *room;

	for (size_t i = 0; i < count; i++)
		n += parts[i].iov_len;
	assert(!is_control(op) || n <= WS_CONTROL_MAX);
	head_n = put_head(head, op, n);
	memcpy(head + head_n, key, 4);
	head_n += 4;
	room = buf_room(ret, head_n + n);
	if (!room)
		return;
	memcpy(room, head, head_n);
	for (size_t i = 0; i < count; i++) {
		copy_masked(room + head_n + at, parts[i].iov_base, parts[i].iov_len, key, at);
		at += parts[i].iov_len;
	}
	buf_grew(ret, head_n + n);
}

void ws_encode_close(struct buf *ret, enum ws_code code, const uint8_t key[static 4])
{
	uint8_t bytes[2] = { code >> 8, code & 0xff };
	struct iovec part = { bytes, sizeof bytes };

	ws_encode(ret, WS_CLOSE, key, &part, 1);
}

void ws_decoder_init(struct ws_decoder *d)
{
	memset(d, 0, sizeof *d);
	buf_init(&d->data, WS_MESSAGE_MAX);
	buf_init(&d->control, WS_CONTROL_MAX);
}

void ws_decoder_fini(struct ws_decoder *d)
{
	buf_fini(&d->data);
	buf_fini(&d->control);
	memset(d, 0, sizeof *d);
}

/* Bytes of head that the ones seen so far ask for. */
static size_t head_size(const struct ws_decoder *d)
{
	size_t len;

	if (d->head_n < 2)
		return 2;
	len = d->head[1] & LEN;
	return len == 126 ? 4 : len == 127 ? 10 : 2;
}

static uint64_t head_length(const struct ws_decoder *d)
{
	uint64_t len = 0;

	if (d->head_n == 2)
		return d->head[1] & LEN;
	for (size_t i = 2; i < d->head_n; i++)
		len = len << 8 | d->head[i];
	return len;
}

static bool shortest(size_t head_n, uint64_t len)
{
	return head_n == 2 || (head_n == 4 ? len > WS_CONTROL_MAX : len > UINT16_MAX);
}

/* RFC 6455 5.2, 5.4, 5.5. A server must not mask. */
static bool head_ok(const struct ws_decoder *d, enum ws_op op, uint64_t len)
{
	if (d->head[0] & RSV || d->head[1] & MASK || !shortest(d->head_n, len))
		return false;
	switch (op) {
	case WS_CLOSE:
	case WS_PING:
	case WS_PONG:
		return d->final && len <= WS_CONTROL_MAX;
	case WS_CONTINUE:
		return d->message != WS_CONTINUE && len <= WS_MESSAGE_MAX - d->data.len;
	case WS_TEXT:
	case WS_BINARY:
		return d->message == WS_CONTINUE && len <= WS_MESSAGE_MAX;
	}
	return false;
}

static int begin_frame(struct ws_decoder *d)
{
	uint64_t len = head_length(d);

	d->final = d->head[0] & FIN;
	d->op = d->head[0] & OP;
	if (!head_ok(d, d->op, len))
		return -EBADMSG;
	if (is_control(d->op)) {
		buf_reset(&d->control);
	} else if (d->op != WS_CONTINUE) {
		buf_reset(&d->data);
		d->message = d->op;
	}
	d->left = len;
	d->in_payload = true;
	return 0;
}

/* 1: the head is complete. */
static int take_head(struct ws_decoder *d, const uint8_t **bytes, size_t *n)
{
	while (d->head_n < head_size(d)) {
		if (*n == 0)
			return 0;
		d->head[d->head_n++] = **bytes;
		++*bytes;
		--*n;
	}
	return begin_frame(d) < 0 ? -EBADMSG : 1;
}

/* RFC 6455 7.4. */
static bool code_ok(uint16_t code)
{
	if (code >= 3000)
		return code <= 4999;
	return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

static int close_event(struct ws_decoder *d, struct ws_event *e)
{
	d->closed = true;
	if (e->n == 0) {
		e->code = WS_CODE_NONE;
		return 1;
	}
	if (e->n == 1)
		return -EBADMSG;
	e->code = e->data[0] << 8 | e->data[1];
	e->data += 2;
	e->n -= 2;
	return code_ok(e->code) ? 1 : -EBADMSG;
}

static int frame_event(struct ws_decoder *d, const uint8_t *data, size_t n, struct ws_event *ret)
{
	struct ws_event e = { .data = data, .n = n };

	if (is_control(d->op)) {
		e.op = d->op;
	} else {
		e.op = d->message;
		d->message = WS_CONTINUE;
	}
	if (e.op == WS_CLOSE && close_event(d, &e) < 0)
		return -EBADMSG;
	*ret = e;
	return 1;
}

/* 1: an event. A message that lies whole in the caller's bytes is not copied. */
static int take_payload(
	struct ws_decoder *d, const uint8_t **bytes, size_t *n, struct ws_event *ret)
{
	struct buf *into = is_control(d->op) ? &d->control : &d->data;
	size_t take = d->left < *n ? d->left : *n;
	const uint8_t *from = *bytes;

	*bytes += take;
	*n -= take;
	d->left -= take;
	if (d->left == 0 && d->final && into->len == 0) {
		d->in_payload = false;
		d->head_n = 0;
		return frame_event(d, from, take, ret);
	}
	buf_add(into, from, take);
	if (d->left > 0)
		return 0;
	d->in_payload = false;
	d->head_n = 0;
	if (!d->final)
		return 0;
	return frame_event(d, (const uint8_t *)buf_text(into), into->len, ret);
}

/* Leaves a head behind that is refused again at each call. */
static int broken(struct ws_decoder *d)
{
	d->head[0] = RSV;
	d->head[1] = 0;
	d->head_n = 2;
	d->in_payload = false;
	d->closed = false;
	return -EBADMSG;
}

int ws_decode(struct ws_decoder *d, const uint8_t **bytes, size_t *n, struct ws_event *ret)
{
	int rc;

	while (*n > 0 && !d->closed) {
		rc = d->in_payload ? 1 : take_head(d, bytes, n);
		if (rc == 1 && (d->left == 0 || *n > 0))
			rc = take_payload(d, bytes, n, ret);
		else if (rc == 1)
			rc = 0;
		if (rc < 0)
			return broken(d);
		if (rc == 1)
			return 1;
	}
	*bytes += *n;
	*n = 0;
	return 0;
}
