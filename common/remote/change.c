#include "common/remote/change.h"

#include "common/base/path.h"
#include "common/remote/record.h"

static bool line_is(const char *line, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(line, word, n) == 0;
}

static int parse_gone(const char *name, size_t n, struct change *ret)
{
	if (!path_name_ok(name, n))
		return -EBADMSG;
	*ret = (struct change){ .kind = CHANGE_GONE, .entry.name = xstrndup(name, n) };
	return 0;
}

/* Without a name it is of the folder itself. */
static int parse_there(const char *line, size_t n, struct change *ret)
{
	ret->kind = CHANGE_THERE;
	if (record_parse(line, n, false, &ret->entry) == 0)
		return 0;
	return record_parse(line, n, true, &ret->entry);
}

/* line with its "/" LF. */
static int parse(uint64_t watch, const char *line, size_t n, struct change *ret)
{
	static const char gone[] = "gone ";
	const size_t gone_n = sizeof(gone) - 1;

	*ret = (struct change){ .kind = CHANGE_ALL };
	if (line_is(line, n, "all/\n"))
		return 0;
	if (!watch)
		return -EBADMSG;
	if (line_is(line, n, "over/\n")) {
		ret->kind = CHANGE_OVER;
		return 0;
	}
	if (n > gone_n + 2 && memcmp(line, gone, gone_n) == 0)
		return parse_gone(line + gone_n, n - gone_n - 2, ret);
	return parse_there(line, n, ret);
}

void changes_fini(struct changes *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		free(c->all[i].entry.name);
	free(c->all);
	*c = (struct changes){ 0 };
}

int changes_parse(uint64_t watch, const char *bytes, size_t n, struct changes *ret)
{
	auto_with(changes_fini) struct changes c = { 0 };
	const char *at = bytes, *end = bytes + n;
	size_t cap = 0;

	while (at < end) {
		const char *slash = memchr(at, '/', (size_t)(end - at));

		if (!slash || slash + 1 == end || slash[1] != '\n')
			return -EBADMSG;
		if (c.count == cap) {
			cap = cap ? 2 * cap : 8;
			c.all = xrealloc(c.all, cap * sizeof(*c.all));
		}
		if (parse(watch, at, (size_t)(slash + 2 - at), &c.all[c.count]) < 0)
			return -EBADMSG;
		c.count++;
		at = slash + 2;
	}
	*ret = c;
	c = (struct changes){ 0 };
	return 0;
}

void change_print(struct buf *ret, const struct change *c)
{
	switch (c->kind) {
	case CHANGE_THERE:
		record_print(ret, &c->entry.attr, c->entry.name);
		break;
	case CHANGE_GONE:
		buf_printf(ret, "gone %s/\n", c->entry.name);
		break;
	case CHANGE_ALL:
		buf_str(ret, "all/\n");
		break;
	case CHANGE_OVER:
		buf_str(ret, "over/\n");
		break;
	case CHANGE_LOST:
		break;
	}
}
