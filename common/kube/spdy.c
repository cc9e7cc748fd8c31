#include "common/kube/spdy.h"

#include "common/base/wire.h"

#define CONTROL     0x8003u /* and the version */
#define SYN_STREAM  1
#define PING        6
#define GOAWAY      7
#define HEAD        8
#define LENGTH_MASK 0xffffffu

/* In the order of their opening: a client's have odd numbers. */
enum { ID_STATUS = 1, ID_STDIN = 3, ID_STDOUT = 5, ID_STDERR = 7 };

static void put16(struct buf *b, uint16_t v)
{
	wire_u8(b, (uint8_t)(v >> 8));
	wire_u8(b, (uint8_t)v);
}

static void put_control(struct buf *b, uint16_t type, size_t n)
{
	put16(b, CONTROL);
	put16(b, type);
	wire_u32(b, (uint32_t)n);
}

/*
 * Headers are one zlib stream through the whole connection, which begins with a dictionary's sum (RFC 1950; the
 * draft's 2.6.10). A block may be stored as it is (RFC 1951 3.2.4), and so the dictionary is never used; the empty
 * block behind it is the flush that readers wait for.
 */
static void put_headers(struct buf *b, const char *bytes, size_t n, bool first)
{
	static const uint8_t begin[] = { 0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2 };
	static const uint8_t flush[] = { 0, 0, 0, 0xff, 0xff };
	uint8_t head[5] = { 0, (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)~n, (uint8_t)(~n >> 8) };

	if (first)
		buf_add(b, begin, sizeof begin);
	buf_add(b, head, sizeof head);
	buf_add(b, bytes, n);
	buf_add(b, flush, sizeof flush);
}

static void put_text(struct buf *b, const char *text)
{
	wire_u32(b, (uint32_t)strlen(text));
	buf_str(b, text);
}

static void open_one(struct buf *ret, uint32_t id, const char *type, bool first)
{
	auto_buf pairs = BUF_INIT(256);
	auto_buf block = BUF_INIT(512);

	wire_u32(&pairs, 1);
	put_text(&pairs, "streamtype");
	put_text(&pairs, type);
	put_headers(&block, pairs.data, pairs.len, first);
	put_control(ret, SYN_STREAM, 10 + block.len);
	wire_u32(ret, id);
	wire_u32(ret, 0); /* belongs to no other */
	put16(ret, 0);    /* priority, slot */
	buf_add(ret, block.data, block.len);
}

void spdy_open(struct buf *ret)
{
	open_one(ret, ID_STATUS, "error", true);
	open_one(ret, ID_STDIN, "stdin", false);
	open_one(ret, ID_STDOUT, "stdout", false);
	open_one(ret, ID_STDERR, "stderr", false);
}

void spdy_data(struct buf *ret, const void *bytes, size_t n)
{
	wire_u32(ret, ID_STDIN);
	wire_u32(ret, (uint32_t)n & LENGTH_MASK);
	buf_add(ret, bytes, n);
}

void spdy_ping(struct buf *ret, uint32_t id)
{
	put_control(ret, PING, 4);
	wire_u32(ret, id);
}

void spdy_close(struct buf *ret)
{
	put_control(ret, GOAWAY, 8);
	wire_u32(ret, 0); /* no stream of the server's */
	wire_u32(ret, 0); /* all is well */
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool is_control(const struct spdy_decoder *d)
{
	return d->head[0] & 0x80;
}

static bool channel_of(uint32_t id, enum channel *ret)
{
	switch (id) {
	case ID_STATUS:
		*ret = CHANNEL_STATUS;
		return true;
	case ID_STDOUT:
		*ret = CHANNEL_STDOUT;
		return true;
	case ID_STDERR:
		*ret = CHANNEL_STDERR;
		return true;
	}
	return false;
}

static bool head_ok(const struct spdy_decoder *d)
{
	enum channel channel;

	if (is_control(d))
		return get32(d->head) >> 16 == CONTROL && d->left <= SPDY_CONTROL_MAX;
	return channel_of(get32(d->head), &channel);
}

/* 1: complete. */
static int take_head(struct spdy_decoder *d, const uint8_t **bytes, size_t *n)
{
	while (d->head_n < HEAD) {
		if (!*n)
			return 0;
		d->head[d->head_n++] = *(*bytes)++;
		--*n;
	}
	d->left = get32(d->head + 4) & LENGTH_MASK;
	d->body_n = 0;
	return head_ok(d) ? 1 : -EBADMSG;
}

static int take_data(struct spdy_decoder *d, const uint8_t *bytes, size_t n, struct spdy_event *ret)
{
	*ret = (struct spdy_event){ .kind = SPDY_DATA };
	if (!n || !channel_of(get32(d->head), &ret->message.channel))
		return 0;
	ret->message.data = bytes;
	ret->message.n = n;
	return 1;
}

/* What is not for us is passed over. */
static int end_control(const struct spdy_decoder *d, struct spdy_event *ret)
{
	uint32_t type = get32(d->head) & 0xffff, id = get32(d->body);

	if (type == GOAWAY) {
		*ret = (struct spdy_event){ .kind = SPDY_CLOSE };
		return 1;
	}
	if (type != PING || d->body_n < sizeof d->body || id % 2)
		return 0;
	*ret = (struct spdy_event){ .kind = SPDY_PING, .id = id };
	return 1;
}

static int take_body(
	struct spdy_decoder *d, const uint8_t **bytes, size_t *n, struct spdy_event *ret)
{
	size_t take = d->left < *n ? d->left : *n;
	const uint8_t *from = *bytes;

	*bytes += take;
	*n -= take;
	d->left -= (uint32_t)take;
	if (!d->left)
		d->head_n = 0;
	if (!is_control(d))
		return take_data(d, from, take, ret);
	for (size_t i = 0; i < take && d->body_n < sizeof d->body; i++)
		d->body[d->body_n++] = from[i];
	return d->left ? 0 : end_control(d, ret);
}

int spdy_decode(struct spdy_decoder *d, const uint8_t **bytes, size_t *n, struct spdy_event *ret)
{
	int rc = 0;

	while (!d->broken && rc == 0 && (*n || (d->head_n == HEAD && !d->left))) {
		rc = d->head_n == HEAD ? 1 : take_head(d, bytes, n);
		if (rc == 1)
			rc = take_body(d, bytes, n, ret);
	}
	d->broken = d->broken || rc < 0;
	return d->broken ? -EBADMSG : rc;
}
