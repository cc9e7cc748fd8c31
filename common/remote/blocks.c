#include "common/remote/blocks.h"

#include "common/base/squeeze.h"
#include "common/remote/fields.h"

#include <errno.h>

void blocks_init(struct blocks *b)
{
	*b = (struct blocks){ .bytes = BUF_INIT(BLOCK_MAX) };
}

void blocks_fini(struct blocks *b)
{
	buf_fini(&b->bytes);
}

static size_t wanted(const struct blocks *b)
{
	return b->packed ? b->packed : b->size;
}

static int begin(struct blocks *b)
{
	struct fields f = fields_of(b->title, b->title_n);

	b->packed = fields_u64(&f, BLOCK_MAX);
	b->size = fields_u64(&f, BLOCK_MAX);
	b->title_n = 0;
	return fields_end(&f) < 0 || !b->size || b->packed >= b->size ? -EBADMSG : 0;
}

static int end(struct blocks *b, blocks_take *take, void *arg)
{
	uint64_t size = b->size;
	auto_free char *bytes = NULL;
	int rc = 0;

	b->size = 0;
	if (b->packed) {
		bytes = xmalloc(size);
		rc = unsqueeze(b->bytes.data, b->bytes.len, bytes, size);
	}
	if (rc == 0)
		rc = take(arg, bytes ? bytes : b->bytes.data, size);
	buf_reset(&b->bytes);
	return rc;
}

/* One byte of the line. */
static int take_title(struct blocks *b, char c)
{
	if (c == '\n')
		return begin(b);
	if (b->title_n == BLOCK_TITLE)
		return -EBADMSG;
	b->title[b->title_n++] = c;
	return 0;
}

int blocks_feed(struct blocks *b, const void *bytes, size_t n, blocks_take *take, void *arg)
{
	const char *at = bytes, *over = at + n;
	int rc = 0;

	while (at < over && rc == 0) {
		size_t part;

		if (!b->size) {
			rc = take_title(b, *at++);
			continue;
		}
		part = wanted(b) - b->bytes.len;
		if (part > (size_t)(over - at))
			part = (size_t)(over - at);
		buf_add(&b->bytes, at, part);
		at += part;
		if (b->bytes.len == wanted(b))
			rc = end(b, take, arg);
	}
	return rc;
}

int blocks_end(const struct blocks *b)
{
	return b->size || b->title_n ? -EBADMSG : 0;
}
