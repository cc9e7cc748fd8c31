#include "common/remote/record.h"

#include "common/base/budget.h"
#include "common/base/path.h"
#include "common/remote/fields.h"
#include "common/remote/proto.h"

#include <sys/stat.h>

#define ALLOC_BYTES 16               /* of malloc, for one name */
#define TIME_FIRST  (-62135596800LL) /* 0001-01-01 */
#define TIME_LAST   253402300799LL   /* 9999-12-31 */

static bool mode_ok(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return !(mode & ~(uint32_t)(S_IFMT | 07777));
	default:
		return false;
	}
}

static time_t clamp(int64_t seconds)
{
	if (seconds < TIME_FIRST)
		return TIME_FIRST;
	return seconds > TIME_LAST ? TIME_LAST : seconds;
}

/* "2026-11-22 04:10:29.123456789 +0000", ".5" or "" -> nanoseconds. -EBADMSG over nine digits. */
static int fraction(const char *text, size_t n, long *ret_ns)
{
	const char *dot = n ? memchr(text, '.', n) : NULL;
	const char *end = text + n;
	long ns = 0;
	int digits = 0;

	for (const char *c = dot ? dot + 1 : end; c < end && *c >= '0' && *c <= '9'; c++) {
		if (++digits > 9)
			return -EBADMSG;
		ns = ns * 10 + (*c - '0');
	}
	for (; digits < 9; digits++)
		ns *= 10;
	*ret_ns = ns;
	return 0;
}

static int numbers(const char *text, size_t n, struct attr *a)
{
	struct fields f = fields_of(text, n);

	a->mode = (uint32_t)fields_hex(&f, UINT32_MAX);
	a->dev = fields_u64(&f, UINT64_MAX);
	a->ino = fields_u64(&f, UINT64_MAX);
	a->nlink = fields_u64(&f, UINT64_MAX);
	a->uid = (uint32_t)fields_u64(&f, UINT32_MAX);
	a->gid = (uint32_t)fields_u64(&f, UINT32_MAX);
	a->size = fields_u64(&f, INT64_MAX);
	a->blocks = fields_u64(&f, INT64_MAX);
	a->atime.tv_sec = clamp(fields_i64(&f));
	a->mtime.tv_sec = clamp(fields_i64(&f));
	a->ctime.tv_sec = clamp(fields_i64(&f));
	a->rdev_major = (uint32_t)fields_hex(&f, UINT32_MAX);
	a->rdev_minor = (uint32_t)fields_hex(&f, UINT32_MAX);
	return fields_end(&f) < 0 || !mode_ok(a->mode) ? -EBADMSG : 0;
}

/* Cuts off what stands before the next '|'; its length, or -EBADMSG. */
static ssize_t cut(const char **at, const char *end, const char **ret)
{
	const char *bar = memchr(*at, '|', (size_t)(end - *at));

	if (!bar)
		return -EBADMSG;
	*ret = *at;
	*at = bar + 1;
	return bar - *ret;
}

static int name_check(const char *name, size_t n, bool named)
{
	if (!named)
		return n ? -EBADMSG : 0;
	return path_name_ok(name, n) ? 0 : -EBADMSG;
}

int record_parse(const char *bytes, size_t n, bool named, struct entry *ret)
{
	struct entry e = { 0 };
	const char *at = bytes;
	const char *part;
	const char *end;
	ssize_t len;

	if (n < 2 || n > RECORD_MAX || bytes[n - 2] != '/' || bytes[n - 1] != '\n')
		return -EBADMSG;
	end = bytes + n - 2;
	len = cut(&at, end, &part);
	if (len < 0 || numbers(part, (size_t)len, &e.attr) < 0)
		return -EBADMSG;
	len = cut(&at, end, &part);
	if (len < 0 || fraction(part, (size_t)len, &e.attr.mtime.tv_nsec) < 0)
		return -EBADMSG;
	len = cut(&at, end, &part);
	if (len < 0 || fraction(part, (size_t)len, &e.attr.ctime.tv_nsec) < 0)
		return -EBADMSG;
	len = cut(&at, end, &part);
	if (len < 0 || fraction(part, (size_t)len, &e.attr.atime.tv_nsec) < 0)
		return -EBADMSG;
	if (name_check(at, (size_t)(end - at), named) < 0)
		return -EBADMSG;
	if (named)
		e.name = xstrndup(at, (size_t)(end - at));
	*ret = e;
	return 0;
}

void record_print(struct buf *ret, const struct attr *a, const char *name)
{
	buf_printf(ret, "%x %ju %ju %ju %u %u %ju %ju", a->mode, (uintmax_t)a->dev,
		(uintmax_t)a->ino, (uintmax_t)a->nlink, a->uid, a->gid, (uintmax_t)a->size,
		(uintmax_t)a->blocks);
	buf_printf(ret, " %jd %jd %jd %x %x|.%09ld|.%09ld|.%09ld|", (intmax_t)a->atime.tv_sec,
		(intmax_t)a->mtime.tv_sec, (intmax_t)a->ctime.tv_sec, a->rdev_major, a->rdev_minor,
		a->mtime.tv_nsec, a->ctime.tv_nsec, a->atime.tv_nsec);
	if (name)
		buf_str(ret, name);
	buf_str(ret, "/\n");
}

void listing_init(struct listing *l, bool named)
{
	*l = (struct listing){ .named = named, .part = BUF_INIT(RECORD_MAX) };
}

void entries_free(struct entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(entries[i].name);
	free(entries);
}

void listing_fini(struct listing *l)
{
	if (!l)
		return;
	entries_free(l->entries, l->count);
	buf_fini(&l->part);
	budget_give(l->budget, l->taken);
	listing_init(l, l->named);
}

/* Of the array twice, as it grows by doubling. */
static bool take(struct listing *l, const struct entry *e)
{
	size_t n = 2 * sizeof(*e) + (e->name ? strlen(e->name) + ALLOC_BYTES : 0);

	if (!budget_take(l->budget, n))
		return false;
	l->taken += n;
	return true;
}

static int add(struct listing *l, const char *bytes, size_t n)
{
	struct entry e;
	int rc;

	if (l->count == LISTING_ENTRIES_MAX)
		return -EMSGSIZE;
	if (l->count && !l->named)
		return -EBADMSG;
	rc = record_parse(bytes, n, l->named, &e);
	if (rc < 0)
		return rc;
	if (!take(l, &e)) {
		free(e.name);
		return -ENOMEM;
	}
	if (l->count == l->cap) {
		l->cap = l->cap ? 2 * l->cap : l->named ? 16 : 1;
		l->entries = xrealloc(l->entries, l->cap * sizeof(*l->entries));
	}
	l->entries[l->count++] = e;
	return 0;
}

static bool ends_after_next(const struct buf *part)
{
	return part->len && part->data[part->len - 1] == '/';
}

/* A record ends with the byte behind its first '/': how many of n bytes belong to the first one. */
static size_t to_end(const struct buf *part, const char *bytes, size_t n)
{
	const char *slash;

	if (ends_after_next(part))
		return 1;
	slash = memchr(bytes, '/', n);
	if (!slash || (size_t)(slash - bytes) + 2 > n)
		return n;
	return (size_t)(slash - bytes) + 2;
}

static int feed_part(struct listing *l, const char *bytes, size_t n)
{
	bool last = ends_after_next(&l->part) || (n >= 2 && bytes[n - 2] == '/');
	int rc;

	if (last && !l->part.len)
		return add(l, bytes, n);
	buf_add(&l->part, bytes, n);
	if (l->part.bad)
		return -EBADMSG;
	if (!last)
		return 0;
	rc = add(l, l->part.data, l->part.len);
	buf_reset(&l->part);
	return rc;
}

int listing_feed(struct listing *l, const void *bytes, size_t n)
{
	const char *at = bytes;

	l->bytes += n;
	if (l->bytes > PROTO_LIST_MAX)
		return -EMSGSIZE;
	while (n) {
		size_t take = to_end(&l->part, at, n);
		int rc = feed_part(l, at, take);

		if (rc < 0)
			return rc;
		at += take;
		n -= take;
	}
	return 0;
}

int listing_feed_one(struct listing *l, const void *bytes, size_t n, size_t *ret_used)
{
	const char *at = bytes;
	int rc = 0;

	*ret_used = 0;
	while (rc == 0 && *ret_used < n && !l->count) {
		size_t take = to_end(&l->part, at + *ret_used, n - *ret_used);

		rc = feed_part(l, at + *ret_used, take);
		*ret_used += take;
	}
	return rc;
}

int listing_end(const struct listing *l)
{
	return l->part.len ? -EBADMSG : 0;
}
