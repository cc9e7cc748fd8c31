#include "fs/link.h"

#include "common/base/path.h"

#include <limits.h>

static size_t depth_of(const char *dir)
{
	size_t depth = 0;

	for (const char *p = dir; *p; p++)
		depth += *p == '/' && p[1] && p[1] != '/';
	return depth;
}

/* Relative, its ".." all in front, and no more of them than there are folders above. */
static bool is_harmless(const char *dir, const char *target)
{
	size_t left = depth_of(dir);
	bool named = false;

	if (*target == '/')
		return false;
	for (const char *p = target; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.') {
			if (named || left-- == 0)
				return false;
		} else if (n > 0 && !(n == 1 && *p == '.')) {
			named = true;
		}
		p += n;
		p += strspn(p, "/");
	}
	return true;
}

/* The length of the whole components that both begin with; both absolute and clean. */
static size_t common_prefix(const char *a, const char *b)
{
	size_t same = 0;

	for (size_t i = 0;; i++) {
		bool a_end = !a[i] || a[i] == '/', b_end = !b[i] || b[i] == '/';

		if (a_end && b_end)
			same = i;
		if (a[i] != b[i] || !a[i])
			return same;
	}
}

int link_contain(const char *dir, const char *target, struct buf *ret)
{
	auto_buf clean = BUF_INIT(2 * PATH_MAX), from = BUF_INIT(4 * PATH_MAX);
	size_t same, start = ret->len;
	const char *rest;

	if (!*target)
		return -EIO;
	if (strlen(target) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (is_harmless(dir, target)) {
		buf_str(ret, target);
		return buf_check(ret) < 0 ? -ENAMETOOLONG : 0;
	}
	path_clean(&from, "/", dir);
	path_clean(&clean, buf_text(&from), target);
	if (buf_check(&clean) < 0 || buf_check(&from) < 0)
		return -ENAMETOOLONG;
	same = common_prefix(buf_text(&from), buf_text(&clean));
	for (size_t up = depth_of(buf_text(&from) + same); up > 0; up--)
		buf_str(ret, ret->len > start ? "/.." : "..");
	rest = buf_text(&clean) + same;
	rest += strspn(rest, "/");
	if (*rest && ret->len > start)
		buf_char(ret, '/');
	buf_str(ret, *rest || ret->len > start ? rest : ".");
	return buf_check(ret) < 0 || ret->len - start >= PATH_MAX ? -ENAMETOOLONG : 0;
}
