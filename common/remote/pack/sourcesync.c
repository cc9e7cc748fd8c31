/*
 * What the sink of a sync has asked for, one after the other. It asks in the order of the walk, so the
 * folders that lead to one are mostly those that are open already.
 */
#include "common/remote/pack/walk.h"

#include "common/remote/pack/exclude.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

enum { HOW_FILE, HOW_TREE, HOW_UNLESS };

struct want {
	uint8_t how;
	uint64_t hash;
	uint32_t root;
	char *path;
};

/* The folders that have been entered. */
struct trail {
	struct source *source;
	int fd[PACK_DEPTH_MAX + 1];
	size_t end[PACK_DEPTH_MAX + 1]; /* of its path in source->path */
	int depth;
	uint32_t root;
};

static int leave_to(struct trail *t, int depth)
{
	struct source *s = t->source;
	int rc = 0;

	while (t->depth > depth) {
		s->sys->close(s->sys, t->fd[--t->depth]);
		buf_trim(&s->path, t->depth ? t->end[t->depth - 1] : 0);
		if (rc == 0)
			rc = source_say(s, PACK_LEAVE, &(uint8_t){ 1 }, 1);
	}
	return rc;
}

static int enter(struct trail *t, int dir, const char *name, const char *as)
{
	struct source *s = t->source;
	uint8_t head[PACK_META_BYTES + PACK_NAME_MAX];
	struct pack_meta m;
	struct stat st;
	int fd, rc;

	if (t->depth == PACK_DEPTH_MAX)
		return -ELOOP;
	fd = s->sys->open(s->sys, dir, name, O_RDONLY | O_DIRECTORY, 0);
	rc = fd < 0 ? fd : s->sys->fstat(s->sys, fd, &st);
	if (rc < 0) {
		if (fd >= 0)
			s->sys->close(s->sys, fd);
		return rc;
	}
	if (s->path.len && *as)
		buf_char(&s->path, '/');
	buf_str(&s->path, as);
	t->fd[t->depth] = fd;
	t->end[t->depth++] = s->path.len;
	pack_meta_of(&st, PACK_ENTER, as, &m);
	if (source_say(s, PACK_ENTER, head, pack_meta_put(&m, head)) < 0)
		return -EPIPE;
	return 0;
}

/* Of the folders in the trail, those that lead to path: how many, and what is left of it. */
static int common(const struct trail *t, const char *path, const char **rest)
{
	const struct source *s = t->source;
	int depth = t->depth ? 1 : 0;

	*rest = path;
	while (depth < t->depth) {
		size_t n = t->end[depth];

		if (strncmp(path, buf_text(&s->path), n) || path[n] != '/')
			break;
		*rest = path + n + 1;
		depth++;
	}
	return depth;
}

static int enter_root(struct trail *t, uint32_t root)
{
	struct source *s = t->source;
	uint8_t number[4] = { 0, 0, (uint8_t)(root >> 8), (uint8_t)root };
	auto_free char *path = source_path(s, root);
	int rc = leave_to(t, 0);

	s->root = t->root = root;
	buf_reset(&s->path);
	if (rc == 0)
		rc = source_say(s, PACK_ROOT, number, sizeof(number));
	return rc < 0 ? rc : enter(t, -1, path, "");
}

/* Enters what leads to the last name of path, which is *ret. */
static int follow(struct trail *t, const char *path, char *ret)
{
	struct source *s = t->source;
	const char *rest;
	int rc = leave_to(t, common(t, path, &rest));

	while (rc == 0) {
		const char *slash = strchr(rest, '/');

		pack_copy(ret, PACK_NAME_MAX + 1, rest);
		if (!slash)
			return 0;
		ret[slash - rest] = '\0';
		rc = enter(t, t->fd[t->depth - 1], ret, ret);
		if (rc == 0 && pack_excluded(&s->job->excludes, buf_text(&s->path), true))
			rc = -ENOENT;
		rest = slash + 1;
	}
	return rc;
}

/* 1: its content is that already, it was said so. */
static int unless_same(struct trail *t, const struct want *w, const char *name)
{
	struct source *s = t->source;
	uint8_t head[PACK_META_BYTES + PACK_NAME_MAX];
	int fd = s->sys->open(s->sys, t->fd[t->depth - 1], name, O_RDONLY, 0);
	struct pack_meta m;
	struct stat st;
	uint64_t hash;
	int rc;

	if (fd < 0)
		return 0;
	rc = s->sys->fstat(s->sys, fd, &st);
	if (rc == 0 && S_ISREG(st.st_mode))
		rc = pack_hash_file(s->sys, fd, (uint64_t)st.st_size, &hash);
	s->sys->close(s->sys, fd);
	if (rc < 0 || !S_ISREG(st.st_mode) || hash != w->hash)
		return 0;
	pack_meta_of(&st, PACK_SAME, name, &m);
	rc = source_say(s, PACK_SAME, head, pack_meta_put(&m, head));
	return rc < 0 ? rc : 1;
}

static int serve(struct trail *t, const struct want *w)
{
	struct source *s = t->source;
	char name[PACK_NAME_MAX + 1];
	int rc = 0;

	if (!*w->path) {
		rc = leave_to(t, 0);
		return rc < 0 ? rc : source_root(s, w->root);
	}
	if (!t->depth || t->root != w->root)
		rc = enter_root(t, w->root);
	if (rc == 0)
		rc = follow(t, w->path, name);
	if (rc < 0)
		return pack_pipe_dead(s->pipe) ? rc : source_tell(s, PACK_FAIL, rc, "");
	if (w->how == HOW_UNLESS)
		rc = unless_same(t, w, name);
	return rc ? (rc > 0 ? 0 : rc)
		  : source_entry(s, t->fd[t->depth - 1], name, DT_UNKNOWN, t->depth);
}

/* The next of those that came; 0: none. */
static int next_want(struct source *s, struct want *ret)
{
	struct reader r = reader_of(s->wants.data + s->want_at, s->wants.len - s->want_at);
	uint32_t n = reader_u32(&r);

	if (s->want_at == s->wants.len)
		return 0;
	s->want_at += 4 + n;
	r.left = n;
	ret->how = reader_u8(&r);
	ret->hash = reader_u64(&r);
	ret->root = reader_u32(&r);
	if (r.bad || ret->how > HOW_UNLESS || ret->root >= s->job->paths.count ||
		!pack_path_ok((const char *)r.at, r.left))
		return -EBADMSG;
	ret->path = xstrndup((const char *)r.at, r.left);
	if (s->want_at > s->wants.len / 2) {
		buf_drop(&s->wants, s->want_at);
		s->want_at = 0;
	}
	return 1;
}

int source_wants(struct source *s)
{
	auto_free struct trail *t = xcalloc(1, sizeof(*t));
	struct want w;
	int rc = 0, left;

	t->source = s;
	s->count = (struct pack_count){ .failures = s->count.failures };
	while (rc == 0) {
		rc = next_want(s, &w);
		if (rc > 0) {
			rc = serve(t, &w);
			free(w.path);
		} else if (rc == 0 && s->wanted_all) {
			break;
		} else if (rc == 0) {
			pack_pipe_flush(s->pipe);
			rc = source_attend(s, true);
		}
	}
	left = leave_to(t, 0);
	return rc < 0 ? rc : left;
}
