#include "common/remote/pack/job.h"

#include <string.h>

void pack_list_add(struct pack_list *l, const char *text, size_t n)
{
	l->at = xrealloc(l->at, (l->count + 1) * sizeof(*l->at));
	l->at[l->count++] = xstrndup(text, n);
}

static void list_fini(struct pack_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->at[i]);
	free(l->at);
}

void pack_job_init(struct pack_job *j)
{
	*j = (struct pack_job){ .fd = -1 };
}

void pack_job_fini(struct pack_job *j)
{
	list_fini(&j->paths);
	list_fini(&j->excludes);
	free(j->dst);
	free(j->after);
	pack_job_init(j);
}

static void put_text(struct buf *b, const char *text)
{
	size_t n = text ? strlen(text) : 0;

	wire_u16(b, (uint16_t)(n < UINT16_MAX ? n : UINT16_MAX));
	buf_add(b, text ? text : "", n);
}

static void put_list(struct buf *b, const struct pack_list *l)
{
	wire_u32(b, (uint32_t)l->count);
	for (size_t i = 0; i < l->count; i++)
		put_text(b, l->at[i]);
}

void pack_job_put(struct buf *b, const struct pack_job *j)
{
	wire_u32(b, j->flags);
	put_list(b, &j->paths);
	put_list(b, &j->excludes);
	put_text(b, j->dst);
	wire_u8(b, j->again);
	wire_u32(b, j->after_root);
	wire_u8(b, j->after_left);
	put_text(b, j->after);
}

static const char *take_text(struct reader *r, size_t *ret_n)
{
	const char *text;

	*ret_n = reader_u16(r);
	text = reader_bytes(r, *ret_n);
	if (text && memchr(text, '\0', *ret_n))
		r->bad = true;
	return r->bad ? NULL : text;
}

static void take_list(struct reader *r, struct pack_list *ret)
{
	uint32_t count = reader_u32(r);

	if (count > PACK_ROOTS_MAX)
		r->bad = true;
	while (!r->bad && count--) {
		size_t n;
		const char *text = take_text(r, &n);

		if (text)
			pack_list_add(ret, text, n);
	}
}

static void take_string(struct reader *r, char **ret)
{
	size_t n;
	const char *text = take_text(r, &n);

	if (text)
		*ret = xstrndup(text, n);
}

int pack_job_take(const uint8_t *bytes, size_t n, struct pack_job *ret)
{
	struct reader r = reader_of(bytes, n);

	ret->flags = reader_u32(&r);
	take_list(&r, &ret->paths);
	take_list(&r, &ret->excludes);
	take_string(&r, &ret->dst);
	ret->again = reader_u8(&r);
	ret->after_root = reader_u32(&r);
	ret->after_left = reader_u8(&r);
	take_string(&r, &ret->after);
	if (reader_end(&r) < 0 || ret->flags & ~(uint32_t)PACK_JOB_ALL || !ret->paths.count)
		return -EBADMSG;
	return pack_path_ok(ret->after, strlen(ret->after)) ? 0 : -EBADMSG;
}

char *pack_job_name(const char *path)
{
	size_t n = strlen(path);
	size_t from;

	while (n && path[n - 1] == '/')
		n--;
	for (from = n; from && path[from - 1] != '/'; from--)
		continue;
	if (!pack_name_ok(path + from, n - from))
		return xstrdup(".");
	return xstrndup(path + from, n - from);
}

char *pack_join(const char *a, const char *b)
{
	auto_buf path = BUF_INIT(2 * PACK_PATH_MAX);

	buf_str(&path, a);
	buf_char(&path, '/');
	buf_str(&path, b);
	return buf_steal(&path);
}

void pack_copy(char *to, size_t n, const char *from)
{
	size_t len = strnlen(from, n - 1);

	memcpy(to, from, len);
	to[len] = '\0';
}
