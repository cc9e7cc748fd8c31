#include "common/base/path.h"

bool path_name_ok(const char *name, size_t n)
{
	if (n == 0 || n > NAME_BYTES_MAX)
		return false;
	if (memchr(name, '/', n) || memchr(name, '\0', n))
		return false;
	return !(name[0] == '.' && (n == 1 || (n == 2 && name[1] == '.')));
}

void path_join(struct buf *ret, const char *dir, const char *name)
{
	size_t n = strlen(dir);

	buf_add(ret, dir, n);
	if (n == 0 || dir[n - 1] != '/')
		buf_char(ret, '/');
	buf_str(ret, name);
}

static void up(struct buf *ret, size_t start)
{
	while (ret->len > start && ret->data[ret->len - 1] != '/')
		buf_trim(ret, ret->len - 1);
	if (ret->len > start)
		buf_trim(ret, ret->len - 1);
}

static void walk(struct buf *ret, size_t start, const char *path)
{
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && memcmp(path, "..", 2) == 0)
			up(ret, start);
		else if (n > 0 && !(n == 1 && path[0] == '.')) {
			buf_char(ret, '/');
			buf_add(ret, path, n);
		}
		path += n;
		while (*path == '/')
			path++;
	}
}

void path_clean(struct buf *ret, const char *base, const char *path)
{
	size_t start = ret->len;

	if (path[0] != '/')
		walk(ret, start, base);
	walk(ret, start, path);
	if (ret->len == start)
		buf_char(ret, '/');
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool path_label_ok(const char *name, size_t max)
{
	size_t n = strlen(name);

	if (n == 0 || n > max || name[0] == '-' || name[n - 1] == '-')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}
