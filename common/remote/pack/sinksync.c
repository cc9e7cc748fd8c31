/*
 * A sync: the source's listing beside what is here.
 */
#include "common/remote/pack/tree.h"

#include "common/remote/pack/exclude.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

enum { HOW_FILE, HOW_TREE, HOW_UNLESS };

#define SEEN 255 /* in the type of a name: the source has it, too */

/* A folder that both have. */
struct level {
	struct dir *dir;
	struct pack_names have; /* when something may be deleted */
	struct pack_meta meta;
};

struct compare {
	struct sink *sink;
	struct level at[PACK_DEPTH_MAX + 1];
	int depth;
	int passed; /* folders in folders of the listing that are wanted as a whole, or lost */
	bool rooted, listed;
};

static bool is_dry(const struct sink *s)
{
	return s->job->flags & PACK_JOB_DRY;
}

static void step(struct sink *s, const struct dir *dir, const char *name, const char *what)
{
	if (s->job->flags & (PACK_JOB_DRY | PACK_JOB_TELL))
		sink_tell(s, PACK_NOTE, dir, name, 0, what);
}

static void path_in(struct buf *b, const struct sink *s, const struct dir *dir, const char *name)
{
	buf_str(b, dir->path);
	if (dir == s->anchor)
		return;
	if (*dir->path)
		buf_char(b, '/');
	buf_str(b, name);
}

static int want(struct sink *s, const struct dir *dir, const char *name, uint8_t how, uint64_t hash)
{
	auto_buf b = BUF_INIT(PACK_FRAME_MAX);

	if (is_dry(s))
		return 0;
	wire_u8(&b, how);
	wire_u64(&b, hash);
	wire_u32(&b, s->root);
	path_in(&b, s, dir, name);
	return sink_say(s, PACK_WANT, b.data, b.len);
}

/* --- what goes -------------------------------------------------------------------------- */

static int remove_tree(struct sink *s, int dir, const char *name, struct buf *path, int depth);

static int remove_in(struct sink *s, int fd, struct buf *path, int depth, bool *left)
{
	struct pack_names names = { 0 };
	int rc = s->sys->list(s->sys, fd, &names);

	for (size_t i = 0; i < names.count && rc == 0; i++) {
		size_t was = path->len;

		buf_char(path, '/');
		buf_str(path, names.at[i].name);
		rc = remove_tree(s, fd, names.at[i].name, path, depth + 1);
		*left = *left || rc == 1;
		rc = rc == 1 ? 0 : rc;
		buf_trim(path, was);
	}
	pack_names_fini(&names);
	return rc;
}

/* 1: something in it is not to be touched, so it stays. */
static int remove_tree(struct sink *s, int dir, const char *name, struct buf *path, int depth)
{
	struct stat st;
	bool left = false;
	int fd, rc = s->sys->stat(s->sys, dir, name, false, &st);

	if (rc < 0)
		return rc;
	if (pack_excluded(&s->job->excludes, buf_text(path), S_ISDIR(st.st_mode)))
		return 1;
	if (!S_ISDIR(st.st_mode))
		return s->sys->unlink(s->sys, dir, name, false);
	if (depth > PACK_DEPTH_MAX)
		return -ELOOP;
	fd = s->sys->open(s->sys, dir, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	rc = remove_in(s, fd, path, depth, &left);
	s->sys->close(s->sys, fd);
	if (rc == 0 && !left)
		rc = s->sys->unlink(s->sys, dir, name, true);
	return rc < 0 ? rc : left;
}

static int drop(struct sink *s, struct dir *dir, const char *name)
{
	auto_buf path = BUF_INIT(PACK_PATH_MAX);
	int rc;

	path_in(&path, s, dir, name);
	if (is_dry(s)) {
		struct stat st;

		rc = s->sys->stat(s->sys, dir->fd, name, false, &st);
		if (rc == 0 &&
			!pack_excluded(&s->job->excludes, buf_text(&path), S_ISDIR(st.st_mode)))
			step(s, dir, name, "delete");
		return 0;
	}
	rc = remove_tree(s, dir->fd, name, &path, 0);
	if (rc < 0)
		sink_tell(s, PACK_FAIL, dir, name, rc, "cannot be deleted");
	else if (rc == 0)
		step(s, dir, name, "delete");
	return rc;
}

/* What is beside a file that is being copied belongs to that. */
static bool is_part(const char *name)
{
	return name[0] == '.' && strstr(name, PART_NAME);
}

static void drop_unseen(struct sink *s, struct level *l)
{
	for (size_t i = 0; i < l->have.count; i++) {
		if (l->have.at[i].type != SEEN && !is_part(l->have.at[i].name))
			drop(s, l->dir, l->have.at[i].name);
	}
}

static int by_name(const void *key, const void *at)
{
	return strcmp(key, ((const struct pack_name *)at)->name);
}

static void mark(struct compare *c, const char *name)
{
	struct level *l = c->depth ? &c->at[c->depth - 1] : NULL;
	struct pack_name *n = !l || !l->have.count ? NULL
						   : bsearch(name, l->have.at, l->have.count,
							     sizeof(*l->have.at), by_name);

	if (n)
		n->type = SEEN;
}

/* --- what is compared ---------------------------------------------------------------------- */

/* A side without a fraction may have lost it to a tool or a file system that keeps seconds. */
static bool same_time(const struct stat *st, const struct pack_meta *m)
{
	const struct timespec here = st->st_mtim, there = m->mtime;

	return here.tv_sec == there.tv_sec &&
	       (here.tv_nsec == there.tv_nsec || !here.tv_nsec || !there.tv_nsec);
}

static bool same_mode(const struct sink *s, const struct stat *st, const struct pack_meta *m)
{
	const struct pack_set set = sink_set_of(s, m);

	if (set.uid >= 0 && (st->st_uid != m->uid || st->st_gid != m->gid))
		return false;
	return (st->st_mode & 07777) == (mode_t)set.mode;
}

static void set_meta(struct sink *s, struct dir *dir, const char *name, const struct pack_meta *m)
{
	const struct pack_set set = sink_set_of(s, m);
	int rc = is_dry(s) ? 0 : s->sys->set(s->sys, dir->fd, name, &set);

	step(s, dir, name, "mode");
	if (rc < 0)
		sink_tell(s, PACK_FAIL, dir, name, rc, "its mode and times cannot be set");
}

/* A folder is where something else is to be; or the other way round. false: it stays, which was said. */
static bool make_way(struct sink *s, struct dir *dir, const char *name, bool is_dir)
{
	int rc;

	if (is_dir && !(s->job->flags & PACK_JOB_DELETE)) {
		sink_tell(s, PACK_FAIL, dir, name, -EISDIR,
			"a folder is there (--delete replaces it)");
		return false;
	}
	rc = is_dry(s) ? 0 : drop(s, dir, name);
	if (rc > 0)
		sink_tell(s, PACK_FAIL, dir, name, -ENOTEMPTY, "what is excluded is in the way");
	return rc == 0;
}

static int compare_item(
	struct sink *s, struct dir *dir, const char *name, const struct pack_meta *m)
{
	bool by_content = s->job->flags & PACK_JOB_CHECKSUM;
	uint64_t hash = 0;
	struct stat st;
	int fd, rc = s->sys->stat(s->sys, dir->fd, name, false, &st);

	if (rc < 0) {
		step(s, dir, name, "new");
		return want(s, dir, name, HOW_FILE, 0);
	}
	if (S_ISDIR(st.st_mode) && !make_way(s, dir, name, true))
		return 0;
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size == m->size && !by_content &&
		same_time(&st, m)) {
		if (!same_mode(s, &st, m))
			set_meta(s, dir, name, m);
		return 0;
	}
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != m->size || !by_content) {
		step(s, dir, name, "update");
		return want(s, dir, name, HOW_FILE, 0);
	}
	fd = s->sys->open(s->sys, dir->fd, name, O_RDONLY, 0);
	rc = fd < 0 ? fd : pack_hash_file(s->sys, fd, m->size, &hash);
	if (fd >= 0)
		s->sys->close(s->sys, fd);
	return want(s, dir, name, rc < 0 ? HOW_FILE : HOW_UNLESS, hash);
}

static int make_link(struct sink *s, int dir, const char *name, const void *arg)
{
	return s->sys->symlink(s->sys, arg, dir, name);
}

static int make_fifo(struct sink *s, int dir, const char *name, const void *arg)
{
	const struct pack_meta *m = arg;

	return s->sys->fifo(s->sys, dir, name, m->mode & 0777);
}

static bool is_same_link(struct sink *s, struct dir *dir, const char *name, const char *target)
{
	char now[PACK_TARGET_MAX];
	ssize_t n = s->sys->readlink(s->sys, dir->fd, name, now, sizeof(now));

	return n >= 0 && (size_t)n == strlen(target) && memcmp(now, target, (size_t)n) == 0;
}

static int compare_other(struct sink *s, struct dir *dir, const char *name,
	const struct pack_meta *m, const char *target)
{
	struct stat st;
	bool there = s->sys->stat(s->sys, dir->fd, name, false, &st) == 0;
	int rc = 0;

	if (target ? is_same_link(s, dir, name, target) : there && S_ISFIFO(st.st_mode))
		return 0;
	if (there && S_ISDIR(st.st_mode) && !make_way(s, dir, name, true))
		return 0;
	step(s, dir, name, there ? "update" : "new");
	if (!is_dry(s))
		rc = target ? sink_place(s, dir, name, make_link, target)
			    : sink_place(s, dir, name, make_fifo, m);
	if (rc < 0)
		sink_tell(s, PACK_FAIL, dir, name, rc, "");
	return 0;
}

/* --- the listing ------------------------------------------------------------------------------- */

/* Where the entry is here. */
static int place_of(struct compare *c, const struct pack_meta *m, struct dir **dir, char *name)
{
	struct sink *s = c->sink;
	int rc;

	if (!c->depth) {
		s->rooted = c->rooted;
		c->rooted = false;
		rc = sink_where(s, m, dir, name);
	} else if (!m->name_n) {
		rc = -EBADMSG;
	} else {
		*dir = c->at[c->depth - 1].dir;
		memcpy(name, m->name, m->name_n);
		name[m->name_n] = '\0';
		rc = 0;
	}
	if (rc == 0)
		mark(c, name);
	return rc;
}

static int go_in(struct compare *c, struct dir *dir, const char *name, const struct pack_meta *m)
{
	struct sink *s = c->sink;
	struct level *l = &c->at[c->depth];
	auto_buf path = BUF_INIT(PACK_PATH_MAX);
	int fd, rc = 0;

	if (c->depth > PACK_DEPTH_MAX)
		return -EBADMSG;
	fd = s->sys->open(s->sys, dir->fd, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0) {
		sink_tell(s, PACK_FAIL, dir, name, fd, "");
		c->passed = 1;
		return 0;
	}
	path_in(&path, s, dir, name);
	*l = (struct level){ .dir = dir_new(s, NULL, s->root, buf_text(&path), fd), .meta = *m };
	l->meta.name = "";
	if (s->job->flags & PACK_JOB_DELETE)
		rc = s->sys->list(s->sys, fd, &l->have);
	if (rc < 0)
		sink_tell(s, PACK_FAIL, dir, name, rc, "what is too much in it cannot be seen");
	c->depth++;
	return 0;
}

static int compare_dir(struct compare *c, const struct pack_meta *m)
{
	struct sink *s = c->sink;
	char name[PACK_NAME_MAX + 1];
	struct stat st;
	struct dir *dir;
	int rc;

	if (c->passed) {
		c->passed++;
		return 0;
	}
	rc = place_of(c, m, &dir, name);
	if (rc < 0)
		return rc;
	rc = s->sys->stat(s->sys, dir->fd, name, false, &st);
	if (rc == 0 && S_ISDIR(st.st_mode))
		return go_in(c, dir, name, m);
	c->passed = 1;
	step(s, dir, name, rc < 0 ? "new" : "update");
	if (rc == 0 && !make_way(s, dir, name, false))
		return 0;
	return want(s, dir, name, HOW_TREE, 0);
}

static void level_end(struct level *l)
{
	pack_names_fini(&l->have);
	dir_unref(take_ptr(l->dir));
}

static int compare_left(struct compare *c, const struct pack_frame *f)
{
	struct sink *s = c->sink;
	struct level *l;
	struct stat st;

	if (f->n != 1)
		return -EBADMSG;
	if (c->passed) {
		c->passed--;
		return 0;
	}
	if (!c->depth)
		return -EBADMSG;
	l = &c->at[--c->depth];
	if (f->data[0])
		drop_unseen(s, l);
	if (s->sys->fstat(s->sys, l->dir->fd, &st) == 0 && !is_dry(s) &&
		(!same_time(&st, &l->meta) || !same_mode(s, &st, &l->meta))) {
		const struct pack_set set = sink_set_of(s, &l->meta);
		int rc = s->sys->fset(s->sys, l->dir->fd, &set);

		if (rc < 0)
			sink_tell(s, PACK_FAIL, l->dir, "", rc, "its mode and times cannot be set");
	}
	level_end(l);
	return 0;
}

static int compare_leaf(struct compare *c, const struct pack_frame *f, struct reader *r)
{
	char name[PACK_NAME_MAX + 1], target[PACK_TARGET_MAX + 1];
	struct pack_meta m;
	struct dir *dir;

	if (pack_meta_take(r, f->type, &m) < 0 || r->left >= PACK_TARGET_MAX ||
		(f->type == PACK_LINK ? !r->left || memchr(r->at, '\0', r->left) : r->left > 0))
		return -EBADMSG;
	if (c->passed)
		return 0;
	memcpy(target, r->at, r->left);
	target[r->left] = '\0';
	if (place_of(c, &m, &dir, name) < 0)
		return -EBADMSG;
	if (f->type == PACK_ITEM)
		return compare_item(c->sink, dir, name, &m);
	return compare_other(c->sink, dir, name, &m, f->type == PACK_LINK ? target : NULL);
}

static int take_root(struct compare *c, struct reader *r)
{
	c->sink->root = reader_u32(r);
	if (reader_end(r) < 0 || c->depth || c->passed ||
		c->sink->root >= c->sink->job->paths.count)
		return -EBADMSG;
	c->rooted = true;
	return 0;
}

static int take_frame(struct compare *c, const struct pack_frame *f)
{
	struct reader r = reader_of(f->data, f->n);
	struct pack_meta m;

	switch (f->type) {
	case PACK_ROOT:
		return take_root(c, &r);
	case PACK_ENTER:
		return pack_meta_take(&r, PACK_ENTER, &m) < 0 || reader_end(&r) < 0
			       ? -EBADMSG
			       : compare_dir(c, &m);
	case PACK_LEAVE:
		return compare_left(c, f);
	case PACK_ITEM:
	case PACK_LINK:
	case PACK_FIFO:
		return compare_leaf(c, f, &r);
	case PACK_LISTED:
		c->listed = true;
		return c->depth || c->passed || f->n ? -EBADMSG : 0;
	case PACK_FAIL:
	case PACK_NOTE:
	case PACK_TOTAL:
		return 0;
	}
	return -EBADMSG;
}

static int take_next(struct compare *c)
{
	const struct pack_watch *w = c->sink->side->watch;
	struct pack_frame f;
	int rc = pack_pipe_next(c->sink->pipe, false, &f);

	if (rc == 0) {
		pack_pipe_flush(c->sink->pipe);
		rc = pack_pipe_next(c->sink->pipe, true, &f);
	}
	if (rc <= 0)
		return rc;
	if (w)
		w->source_says(w->arg, f.type, f.data, f.n);
	rc = take_frame(c, &f);
	pack_pipe_release(c->sink->pipe, &f);
	return rc;
}

int sink_sync(struct sink *s)
{
	auto_free struct compare *c = xcalloc(1, sizeof(*c));
	int rc = 0;

	c->sink = s;
	while (rc == 0 && !c->listed)
		rc = take_next(c);
	while (c->depth)
		level_end(&c->at[--c->depth]);
	if (rc == 0)
		rc = sink_say(s, PACK_WANTED, NULL, 0);
	pack_pipe_flush(s->pipe);
	return rc;
}
