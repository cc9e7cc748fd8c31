/*
 * Names, paths and link targets of a sandbox. The input is texts with a NUL behind each: first a link's target,
 * then names, of which the legal ones are the folders from fs/ down to where the link stands.
 *
 * Asserted: nothing leads out. Whatever a link is shown as stays inside fs/ at each step, also when every folder on its
 * way is a link itself; a cleaned path has neither "." nor ".." and is its own cleaned form; a path of legal names
 * is the same clean; what a copy takes for a path is one of legal names.
 */
#include "common/base/path.h"
#include "common/remote/pack/pack.h"
#include "fs/link.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#define PATH_BYTES (4 * PATH_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_up(const char *part, size_t n)
{
	return n == 2 && part[0] == '.' && part[1] == '.';
}

static size_t depth_of(const char *dir)
{
	size_t depth = 0;

	for (; *dir; dir++)
		depth += *dir == '/' && dir[1];
	return depth;
}

/* Relative, and up only in front and no further than fs/: behind a name, which may be a link, up leads anywhere. */
static void check_inside(const char *dir, const char *shown)
{
	size_t left = depth_of(dir);
	bool named = false;

	assert(*shown && *shown != '/' && strlen(shown) < PATH_MAX);
	while (*shown) {
		size_t n = strcspn(shown, "/");

		if (is_up(shown, n)) {
			assert(!named && left > 0);
			left--;
		} else if (n && !(n == 1 && *shown == '.')) {
			named = true;
		}
		shown += n;
		shown += *shown == '/';
	}
}

/* To the same place as in the sandbox, where "/" is the sandbox's own. */
static void check_same(const char *dir, const char *target, const char *shown)
{
	auto_buf there = BUF_INIT(PATH_BYTES), here = BUF_INIT(PATH_BYTES);

	path_clean(&there, dir, target);
	path_clean(&here, dir, shown);
	assert(strcmp(buf_text(&there), buf_text(&here)) == 0);
}

static void try_link(const char *dir, const char *target)
{
	auto_buf shown = BUF_INIT(PATH_MAX);
	int rc = link_contain(dir, target, &shown);

	assert(rc == 0 || rc == -EIO || rc == -ENAMETOOLONG);
	assert(rc != -EIO || !*target);
	if (rc < 0)
		return;
	check_inside(dir, buf_text(&shown));
	check_same(dir, target, buf_text(&shown));
}

static void try_clean(const char *base, const char *path)
{
	auto_buf once = BUF_INIT(PATH_BYTES), twice = BUF_INIT(PATH_BYTES);
	const char *at;

	path_clean(&once, base, path);
	at = buf_text(&once);
	assert(*at == '/');
	while (*at) {
		size_t n = strcspn(++at, "/");

		assert(!(n == 1 && *at == '.') && !is_up(at, n));
		assert(n || once.len == 1);
		at += n;
	}
	path_clean(&twice, "/elsewhere", buf_text(&once));
	assert(strcmp(buf_text(&once), buf_text(&twice)) == 0);
}

static void check_name(const char *name)
{
	assert(*name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
	assert(strlen(name) <= NAME_BYTES_MAX);
	assert(strcmp(path_base(name), name) == 0);
	assert(pack_name_ok(name, strlen(name)));
}

static void try_pack_path(const char *path)
{
	auto_buf clean = BUF_INIT(PATH_BYTES);

	if (!pack_path_ok(path, strlen(path)))
		return;
	path_clean(&clean, "/", path);
	assert(strcmp(buf_text(&clean) + 1, path) == 0);
}

/* Goes down into name. */
static void enter(struct buf *dir, const char *name)
{
	auto_free char *was = xstrdup(buf_text(dir));
	auto_buf clean = BUF_INIT(PATH_BYTES);

	if (!path_name_ok(name, strlen(name)))
		return;
	check_name(name);
	if (dir->len + strlen(name) + 1 > PATH_MAX)
		return;
	buf_reset(dir);
	path_join(dir, was, name);
	path_clean(&clean, "/", buf_text(dir));
	assert(strcmp(buf_text(&clean), buf_text(dir)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *all = NULL;
	auto_buf dir = BUF_INIT(PATH_BYTES);
	const char *target, *end;

	if (!size || size > PATH_BYTES / 2)
		return 0;
	all = xmalloc(size + 1);
	memcpy(all, data, size);
	all[size] = '\0';
	target = all;
	end = all + size;
	buf_char(&dir, '/');
	try_link("/", target);
	for (const char *name = target + strlen(target) + 1; name < end; name += strlen(name) + 1) {
		enter(&dir, name);
		try_pack_path(name);
		try_clean(buf_text(&dir), name);
		try_link(buf_text(&dir), name);
	}
	try_link(buf_text(&dir), target);
	try_clean(buf_text(&dir), target);
	try_pack_path(target);
	return 0;
}
