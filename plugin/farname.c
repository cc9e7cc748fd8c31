#include "plugin/farpriv.h"

#include <dirent.h>
#include <string.h>

#define LINKS_MAX 40

int far_stat_path(struct far_agent *f, const char *path, struct stat *ret)
{
	const struct remote_request rq = { .op = OP_STAT, .path = path };
	struct remote_reply reply = { 0 };
	int rc = far_call(f, &rq, &reply);

	if (rc == 0)
		far_stat_of(&reply.attr, ret);
	remote_reply_fini(&reply);
	return rc;
}

static ssize_t far_readlink(struct pack_sys *s, int dir, const char *name, char *to, size_t n)
{
	struct far_agent *f = far_of(s);
	auto_free char *path = far_path(f, dir, name);
	const struct remote_request rq = { .op = OP_READLINK, .path = path };
	struct remote_reply reply = { 0 };
	int rc = far_call(f, &rq, &reply);
	size_t len = rc == 0 ? strnlen(reply.data, reply.n) : 0;

	len = len < n ? len : n;
	if (rc == 0)
		memcpy(to, reply.data, len);
	remote_reply_fini(&reply);
	return rc < 0 ? rc : (ssize_t)len;
}

/* What path leads to in the end; *path changes. */
static int follow(struct far_agent *f, char **path, struct stat *ret)
{
	char target[PACK_TARGET_MAX + 1];

	for (int i = 0; i < LINKS_MAX; i++) {
		int rc = far_stat_path(f, *path, ret);
		ssize_t n;
		char *slash, *next;

		if (rc < 0 || !S_ISLNK(ret->st_mode))
			return rc;
		n = far_readlink(&f->sys, -1, *path, target, sizeof(target) - 1);
		if (n < 0)
			return (int)n;
		target[n] = '\0';
		slash = strrchr(*path, '/');
		*slash = '\0';
		next = *target == '/' ? xstrdup(target) : pack_join(*path, target);
		free(*path);
		*path = next;
	}
	return -ELOOP;
}

bool far_cut_slashes(char *path)
{
	size_t n = strlen(path);
	bool cut = false;

	while (n > 1 && path[n - 1] == '/') {
		path[--n] = '\0';
		cut = true;
	}
	return cut;
}

static int list_once(struct far_agent *f, int dir)
{
	const struct remote_request rq = { .op = OP_LIST, .path = f->files[dir].path };
	int rc = far_call(f, &rq, &f->files[dir].list);

	if (rc < 0) {
		remote_reply_fini(&f->files[dir].list);
		return rc;
	}
	f->files[dir].entries = f->files[dir].list.entries;
	far_sort(&f->files[dir]);
	return 0;
}

static int far_list(struct pack_sys *s, int dir, struct pack_names *ret)
{
	struct far_agent *f = far_of(s);
	struct far_file *d = &f->files[dir];
	int rc;

	far_ahead_end(f, d);
	remote_reply_fini(&d->list);
	d->list = (struct remote_reply){ 0 };
	d->entries = NULL;
	d->stale = false;
	rc = list_once(f, dir);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < d->list.entry_count; i++)
		pack_names_add(ret, d->list.entries[i].name, IFTODT(d->list.entries[i].attr.mode));
	pack_names_sort(ret);
	return 0;
}

static int far_stat(struct pack_sys *s, int dir, const char *name, bool follows, struct stat *ret)
{
	struct far_agent *f = far_of(s);
	auto_free char *path = far_path(f, dir, name);
	const struct entry *e =
		dir >= 0 && !f->files[dir].stale ? far_listed(&f->files[dir], name) : NULL;

	if (e) {
		far_stat_of(&e->attr, ret);
		return 0;
	}
	follows = far_cut_slashes(path) || follows;
	return follows ? follow(f, &path, ret) : far_stat_path(f, path, ret);
}

int far_open_dir(struct far_agent *f, char *path, bool follows)
{
	struct stat st;
	int rc = follows ? follow(f, &path, &st) : far_stat_path(f, path, &st);

	if (rc == 0 && !S_ISDIR(st.st_mode))
		rc = S_ISLNK(st.st_mode) ? -ELOOP : -ENOTDIR;
	if (rc < 0) {
		free(path);
		return rc;
	}
	rc = far_number(f, path);
	if (rc >= 0) {
		f->files[rc].dir = true;
		f->files[rc].st = st;
	}
	return rc;
}

/* --- what is made, and goes ------------------------------------------------------------ */

static int change(struct far_agent *f, int dir, const char *name, struct remote_request rq)
{
	auto_free char *path = far_path(f, dir, name);

	far_touched(f, dir);
	rq.path = path;
	return far_simple(f, &rq);
}

static char *far_real(struct pack_sys *s, const char *path)
{
	char *real = xstrdup(path);
	struct stat st;

	if (follow(far_of(s), &real, &st) == 0)
		return real;
	free(real);
	return NULL;
}

static int far_mkdir(struct pack_sys *s, int dir, const char *name, unsigned mode)
{
	return change(
		far_of(s), dir, name, (struct remote_request){ .op = OP_MKDIR, .mode = mode });
}

static int far_symlink(struct pack_sys *s, const char *target, int dir, const char *name)
{
	return change(
		far_of(s), dir, name, (struct remote_request){ .op = OP_SYMLINK, .path2 = target });
}

static int far_fifo(struct pack_sys *s, int dir, const char *name, unsigned mode)
{
	return change(far_of(s), dir, name,
		(struct remote_request){ .op = OP_MKNOD, .mode = S_IFIFO | mode });
}

static int far_link(struct pack_sys *s, int from, const char *old, int dir, const char *name)
{
	struct far_agent *f = far_of(s);
	auto_free char *to = far_path(f, dir, name);

	far_touched(f, dir);
	return change(f, from, old, (struct remote_request){ .op = OP_LINK, .path2 = to });
}

static int far_rename(struct pack_sys *s, int dir, const char *old, const char *name)
{
	struct far_agent *f = far_of(s);
	auto_free char *to = far_path(f, dir, name);

	return change(f, dir, old, (struct remote_request){ .op = OP_RENAME, .path2 = to });
}

static int far_unlink(struct pack_sys *s, int dir, const char *name, bool is_dir)
{
	return change(far_of(s), dir, name,
		(struct remote_request){ .op = is_dir ? OP_RMDIR : OP_UNLINK });
}

static int far_set(struct pack_sys *s, int dir, const char *name, const struct pack_set *set)
{
	return change(far_of(s), dir, name, far_set_of(set));
}

void far_names(struct pack_sys *ret)
{
	ret->stat = far_stat;
	ret->list = far_list;
	ret->readlink = far_readlink;
	ret->real = far_real;
	ret->mkdir = far_mkdir;
	ret->symlink = far_symlink;
	ret->fifo = far_fifo;
	ret->link = far_link;
	ret->rename = far_rename;
	ret->unlink = far_unlink;
	ret->set = far_set;
}
