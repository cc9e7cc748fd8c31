/*
 * Where a copy goes: as cp, an existing folder is gone into, else DST is the new name.
 */
#include "common/remote/pack/tree.h"

#include <fcntl.h>
#include <string.h>

static int fail(char *text, size_t n, int rc, const char *why)
{
	pack_copy(text, n, why);
	return rc;
}

static int open_anchor(struct sink *s, const char *path)
{
	int fd = s->sys->open(s->sys, -1, path, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return fd;
	s->anchor = dir_new(s, NULL, 0, "", fd);
	return 0;
}

static int make_parents(struct sink *s, char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int rc;

		*slash = '\0';
		rc = s->sys->mkdir(s->sys, -1, path, 0777 & ~s->sys->mask);
		*slash = '/';
		if (rc < 0 && rc != -EEXIST)
			return rc;
	}
	return 0;
}

/* dst is no folder yet: it gets this name. */
static int start_new(struct sink *s, char *dst, char *text, size_t n)
{
	size_t len = strlen(dst);
	char *slash;
	int rc = 0;

	if (s->job->paths.count > 1)
		return fail(text, n, -ENOENT, "there is no such folder to put several into");
	while (len > 1 && dst[len - 1] == '/')
		dst[--len] = '\0', s->must_be_dir = true;
	if (s->job->flags & PACK_JOB_PARENTS)
		rc = make_parents(s, dst);
	if (rc < 0)
		return fail(text, n, rc, "the folders that lead there cannot be made");
	slash = strrchr(dst, '/');
	s->name = xstrdup(slash ? slash + 1 : dst);
	if (!pack_name_ok(s->name, strlen(s->name)))
		return fail(text, n, -EINVAL, "the name is not one that a file can have");
	if (slash)
		slash[slash == dst] = '\0';
	rc = open_anchor(s, slash ? dst : ".");
	return rc < 0 ? fail(text, n, rc, "the folder that it is to be in cannot be opened") : 0;
}

static int start_existing(struct sink *s, char *dst, const struct stat *st, char *text, size_t n)
{
	auto_free char *real = NULL;

	if (s->job->paths.count > 1 || dst[strlen(dst) - 1] == '/')
		return fail(text, n, -ENOTDIR, "it is no folder");
	if (!S_ISREG(st->st_mode)) {
		s->through = s->sys->open(s->sys, -1, dst, O_WRONLY, 0);
		if (s->through < 0)
			return fail(text, n, s->through, "it cannot be opened for writing");
		return open_anchor(s, "/");
	}
	real = s->sys->real(s->sys, dst);
	return start_new(s, real ? real : dst, text, n);
}

int sink_start(struct sink *s, char *text, size_t n)
{
	const char *path = *s->job->dst ? s->job->dst : ".";
	const char *home = s->side->home;
	auto_free char *dst = *path == '/' || !home ? xstrdup(path) : pack_join(home, path);
	struct stat st;
	int rc;

	*text = '\0';
	s->through = -1;
	if (s->job->fd >= 0) {
		s->through = s->job->fd;
		return open_anchor(s, "/");
	}
	rc = s->sys->stat(s->sys, -1, dst, true, &st);
	if (rc == 0 && S_ISDIR(st.st_mode)) {
		if (s->job->flags & PACK_JOB_SYNC)
			s->name = xstrdup(".");
		rc = open_anchor(s, dst);
		return rc < 0 ? fail(text, n, rc, "it cannot be opened") : 0;
	}
	if (rc == 0)
		return start_existing(s, dst, &st, text, n);
	if (rc != -ENOENT)
		return rc;
	if (s->sys->stat(s->sys, -1, dst, false, &st) == 0)
		return fail(text, n, -ENOENT, "it is a link that leads nowhere");
	return start_new(s, dst, text, n);
}
