/*
 * CHANGEs of a far end. The first byte is the watch.
 *
 * Asserted: what is taken prints to a form that is taken again and prints the same; names hold no slash.
 */
#include "common/remote/change.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void print(const struct changes *c, struct buf *ret)
{
	for (size_t i = 0; i < c->count; i++) {
		assert(!c->all[i].entry.name ||
			(*c->all[i].entry.name && !strchr(c->all[i].entry.name, '/')));
		change_print(ret, &c->all[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	auto_with(changes_fini) struct changes first = { 0 };
	auto_with(changes_fini) struct changes second = { 0 };
	auto_buf once = BUF_INIT(1 << 24);
	auto_buf twice = BUF_INIT(1 << 24);

	if (!n || changes_parse(data[0], (const char *)data + 1, n - 1, &first) < 0)
		return 0;
	print(&first, &once);
	assert(changes_parse(data[0], buf_text(&once), once.len, &second) == 0);
	print(&second, &twice);
	assert(once.len == twice.len &&
		(!once.len || memcmp(once.data, twice.data, once.len) == 0));
	return 0;
}
