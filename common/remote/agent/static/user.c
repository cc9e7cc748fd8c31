#include "common/remote/agent/static/user.h"

#include "common/base/io.h"
#include "common/base/wire.h"

#include <grp.h>

#define FILE_MAX (4 * 1024 * 1024)
#define COLUMNS  7

/* Cuts the line at *at into columns at its ':'; how many. *at is behind it. */
static int columns_of(char **at, char **ret)
{
	char *line = *at;
	char *lf = strchr(line, '\n');
	int n = 0;

	*at = lf ? lf + 1 : line + strlen(line);
	if (lf)
		*lf = '\0';
	while (line && n < COLUMNS) {
		ret[n++] = line;
		line = strchr(line, ':');
		if (line)
			*line++ = '\0';
	}
	return n;
}

static int id_of(const char *text, uint32_t *ret)
{
	uint64_t v;

	if (parse_u64(text, UINT32_MAX - 1, &v) < 0)
		return -EINVAL;
	*ret = (uint32_t)v;
	return 0;
}

static void copy(char *to, size_t n, const char *from)
{
	size_t len = strnlen(from, n - 1);

	memcpy(to, from, len);
	to[len] = '\0';
}

static int passwd_find(const char *who, struct user *ret)
{
	auto_buf file = BUF_INIT(FILE_MAX);
	char *c[COLUMNS], *at;
	uint32_t number = 0;
	bool numbered = id_of(who, &number) == 0;

	if (io_read_file("/etc/passwd", &file) < 0 || !file.len)
		return -ENOENT;
	for (at = file.data; *at;) {
		if (columns_of(&at, c) < COLUMNS || id_of(c[2], &ret->uid) < 0 ||
			id_of(c[3], &ret->gid) < 0)
			continue;
		if (numbered ? ret->uid != number : strcmp(c[0], who) != 0)
			continue;
		copy(ret->name, sizeof(ret->name), c[0]);
		copy(ret->home, sizeof(ret->home), *c[5] ? c[5] : "/");
		return 0;
	}
	return -ENOENT;
}

/* Is name one of "a,b,c"? */
static bool among(const char *list, const char *name)
{
	size_t n = strlen(name);

	while (*list) {
		size_t len = strcspn(list, ",");

		if (len == n && memcmp(list, name, n) == 0)
			return true;
		list += len + (list[len] == ',');
	}
	return false;
}

static void add_groups(struct user *u)
{
	auto_buf file = BUF_INIT(FILE_MAX);
	char *c[COLUMNS], *at;
	gid_t gid;

	if (io_read_file("/etc/group", &file) < 0 || !file.len)
		return;
	for (at = file.data; *at && u->group_count < USER_GROUPS;) {
		if (columns_of(&at, c) >= 4 && id_of(c[2], &gid) == 0 && gid != u->gid &&
			among(c[3], u->name))
			u->groups[u->group_count++] = gid;
	}
}

int user_find(const char *who, struct user *ret)
{
	*ret = (struct user){ .home = "/" };
	if (passwd_find(who, ret) < 0) {
		*ret = (struct user){ .home = "/" };
		if (id_of(who, &ret->uid) < 0)
			return -ENOENT;
		ret->gid = ret->uid;
	}
	ret->groups[ret->group_count++] = ret->gid;
	if (*ret->name)
		add_groups(ret);
	return 0;
}

int user_become(const struct user *u)
{
	/* Who is it already and may not change groups need not. */
	if (setgroups((size_t)u->group_count, u->groups) < 0 &&
		(u->uid != geteuid() || u->gid != getegid()))
		return -errno;
	if (setgid(u->gid) < 0 || setuid(u->uid) < 0)
		return -errno;
	return 0;
}
