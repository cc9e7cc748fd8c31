#include "common/remote/pack/tree.h"

#include <fcntl.h>
#include <string.h>

#define SURE_EACH 128

/* --- where ----------------------------------------------------------------------------- */

int sink_where(struct sink *s, const struct pack_meta *m, struct dir **ret, char *name)
{
	const char *as;

	if (s->large.open)
		return -EBADMSG;
	if (s->depth) {
		if (!m->name_n || s->rooted)
			return -EBADMSG;
		*ret = s->stack[s->depth - 1];
		memcpy(name, m->name, m->name_n);
		name[m->name_n] = '\0';
		return 0;
	}
	if (!s->rooted || m->name_n)
		return -EBADMSG;
	s->rooted = false;
	as = s->name ? s->name : s->job->paths.at[s->root];
	/* sync of a file into a folder */
	if (m->kind != PACK_ENTER && strcmp(as, ".") == 0 && s->job->flags & PACK_JOB_SYNC)
		as = s->job->paths.at[s->root];
	*ret = s->anchor;
	pack_copy(name, PACK_NAME_MAX + 1, as);
	return 0;
}

/* Only a folder can be "the folder itself". */
static int check_leaf(struct sink *s, const char *name)
{
	if (strcmp(name, ".") == 0)
		return -EISDIR;
	return s->must_be_dir && !s->depth ? -ENOTDIR : 0;
}

/* --- folders ------------------------------------------------------------------------------ */

/* A new one has its mode at once, but for us to write in: a copy that is broken off may not come to its end. */
static int open_dir(
	struct sink *s, struct dir *in, const char *name, unsigned mode, bool *was_there)
{
	int rc = 0;

	*was_there = strcmp(name, ".") == 0;
	if (in->fd < 0)
		return -ENOENT;
	if (!*was_there)
		rc = s->sys->mkdir(s->sys, in->fd, name, (mode & 0777) | 0700);
	*was_there = *was_there || rc == -EEXIST;
	if (rc < 0 && rc != -EEXIST)
		return rc;
	return s->sys->open(s->sys, in->fd, name, O_RDONLY | O_DIRECTORY, 0);
}

int sink_enter(struct sink *s, struct dir *in, const char *name, const struct pack_meta *m)
{
	auto_buf path = BUF_INIT(PACK_PATH_MAX);
	bool was_there = false;
	struct dir *d;
	int fd;

	if (s->depth > PACK_DEPTH_MAX)
		return -EBADMSG;
	fd = s->through >= 0 ? -EISDIR : open_dir(s, in, name, m->mode, &was_there);
	if (fd < 0 && (in->fd >= 0 || s->through >= 0))
		sink_tell(s, PACK_FAIL, in, name, fd,
			fd == -ENOTDIR || fd == -ELOOP ? "what is there is no folder" : "");
	if (s->depth) {
		buf_str(&path, in->path);
		if (path.len)
			buf_char(&path, '/');
		buf_str(&path, name);
	}
	d = dir_new(s, in, s->root, buf_text(&path), fd < 0 ? -1 : fd);
	d->meta = *m;
	d->meta.name = "";
	d->was_there = was_there;
	s->stack[s->depth++] = d;
	return 0;
}

static int leave(struct sink *s, const struct pack_frame *f)
{
	struct dir *d;

	if (!s->depth || s->large.open || f->n != 1)
		return -EBADMSG;
	d = s->stack[--s->depth];
	d->set = true;
	d->slot = sink_slot(s);
	dir_unref(d);
	return 0;
}

/* --- entries --------------------------------------------------------------------------------- */

/* One that is done by the time that this returns. */
static void note_entry(struct sink *s, struct dir *dir, const char *name, int rc)
{
	if (rc < 0)
		sink_tell(s, PACK_FAIL, dir, name, rc, "");
	sink_slot_done(s, sink_slot(s));
}

static int take_enter(struct sink *s, struct reader *r)
{
	char name[PACK_NAME_MAX + 1];
	struct pack_meta m;
	struct dir *dir;
	int rc = pack_meta_take(r, PACK_ENTER, &m);

	if (rc == 0)
		rc = reader_end(r);
	if (rc == 0)
		rc = sink_where(s, &m, &dir, name);
	if (rc == 0)
		rc = sink_enter(s, dir, name, &m);
	if (rc == 0)
		sink_slot_done(s, sink_slot(s));
	return rc;
}

static int take_file(struct sink *s, const struct pack_frame *f, struct reader *r, bool *kept)
{
	struct task *t = xcalloc(1, sizeof(*t));
	int rc = pack_meta_take(r, PACK_FILE, &t->meta);

	if (rc == 0 && (r->left != t->meta.size || r->left > PACK_SMALL))
		rc = -EBADMSG;
	if (rc == 0)
		rc = sink_where(s, &t->meta, &t->dir, t->name);
	if (rc < 0) {
		free(t);
		return rc;
	}
	s->count.bytes += r->left;
	rc = s->through >= 0 ? 0 : check_leaf(s, t->name);
	if (rc < 0 || s->through >= 0) {
		if (rc == 0) {
			rc = sink_begin(s, t->dir, t->name, &t->meta);
			s->count.bytes -= r->left;
			if (rc == 0)
				rc = sink_data(s, 0, r->at, r->left);
			if (rc == 0)
				rc = sink_end_file(s, r->left, true);
		}
		note_entry(s, t->dir, t->name, rc);
		free(t);
		return 0;
	}
	t->frame = *f;
	t->content = r->at;
	t->n = r->left;
	dir_ref(t->dir);
	t->slot = sink_slot(s);
	*kept = true;
	sink_submit(s, t);
	return 0;
}

static int take_begin(struct sink *s, struct reader *r)
{
	char name[PACK_NAME_MAX + 1];
	struct pack_meta m;
	struct dir *dir;
	int rc = pack_meta_take(r, PACK_BEGIN, &m);

	if (rc == 0)
		rc = reader_end(r);
	if (rc == 0)
		rc = sink_where(s, &m, &dir, name);
	if (rc < 0)
		return rc;
	rc = s->through >= 0 ? 0 : check_leaf(s, name);
	if (rc == 0)
		return sink_begin(s, dir, name, &m);
	sink_tell(s, PACK_FAIL, dir, name, rc, "");
	s->large = (struct large){ .open = true, .fd = -1, .failed = true, .dir = dir_ref(dir) };
	return 0;
}

struct make {
	struct sink *sink;
	const struct pack_meta *meta;
	const char *target; /* of a link */
	struct dir *from;   /* of a hard link */
	const char *old;
};

static int set_made(struct sink *s, int dir, const char *name, const struct pack_meta *m, bool link)
{
	struct pack_set set = sink_set_of(s, m);

	if (link)
		set.mode = -1;
	return link && !s->sys->links_set ? 0 : s->sys->set(s->sys, dir, name, &set);
}

static int make_link(struct sink *s, int dir, const char *name, const void *arg)
{
	const struct make *k = arg;
	int rc = s->sys->symlink(s->sys, k->target, dir, name);

	return rc < 0 ? rc : set_made(s, dir, name, k->meta, true);
}

static int make_fifo(struct sink *s, int dir, const char *name, const void *arg)
{
	const struct make *k = arg;
	int rc = s->sys->fifo(s->sys, dir, name, k->meta->mode & 0777);

	return rc < 0 ? rc : set_made(s, dir, name, k->meta, false);
}

static int make_hard(struct sink *s, int dir, const char *name, const void *arg)
{
	const struct make *k = arg;

	return s->sys->link(s->sys, k->from->fd, k->old, dir, name);
}

typedef int making(struct sink *s, int dir, const char *name, const void *arg);

static int make(struct sink *s, const struct make *k, making *how)
{
	char name[PACK_NAME_MAX + 1];
	struct dir *dir;
	int rc = sink_where(s, k->meta, &dir, name);

	if (rc < 0)
		return rc;
	rc = check_leaf(s, name);
	if (rc == 0 && dir->fd >= 0)
		rc = s->through >= 0 ? -EINVAL : sink_place(s, dir, name, how, k);
	note_entry(s, dir, name, rc);
	return 0;
}

static int take_link(struct sink *s, struct reader *r)
{
	char target[PACK_TARGET_MAX + 1];
	struct pack_meta m;
	const struct make k = { .meta = &m, .target = target };
	int rc = pack_meta_take(r, PACK_LINK, &m);

	if (rc < 0 || !r->left || r->left >= PACK_TARGET_MAX || memchr(r->at, '\0', r->left))
		return -EBADMSG;
	memcpy(target, r->at, r->left);
	target[r->left] = '\0';
	return make(s, &k, make_link);
}

static int take_fifo(struct sink *s, struct reader *r)
{
	struct pack_meta m;
	const struct make k = { .meta = &m };

	if (pack_meta_take(r, PACK_FIFO, &m) < 0 || reader_end(r) < 0)
		return -EBADMSG;
	return make(s, &k, make_fifo);
}

/* The folder that a path below a SRC ends in, no link followed; its last name is *name. */
static int find_dir(struct sink *s, uint32_t root, char *path, struct dir **ret, char **name)
{
	const char *as = s->name ? s->name : s->job->paths.at[root];
	struct dir *at = dir_ref(s->anchor);
	char *part = path;

	*name = (char *)as;
	for (bool first = true; *part; first = false) {
		char *slash = strchr(part, '/');
		int fd = at->fd;

		if (!first || strcmp(as, "."))
			fd = s->sys->open(s->sys, at->fd, *name, O_RDONLY | O_DIRECTORY, 0);
		else
			fd = s->sys->open(s->sys, at->fd, ".", O_RDONLY | O_DIRECTORY, 0);
		dir_unref(at);
		if (fd < 0)
			return fd;
		at = dir_new(s, NULL, root, "", fd);
		if (slash)
			*slash = '\0';
		*name = part;
		part = slash ? slash + 1 : part + strlen(part);
	}
	*ret = at;
	return 0;
}

static int take_hard(struct sink *s, struct reader *r)
{
	auto_free char *path = NULL;
	struct pack_meta m;
	struct make k = { .meta = &m };
	char *old;
	uint32_t root;
	int rc = pack_meta_take(r, PACK_HARD, &m);

	root = reader_u32(r);
	if (rc < 0 || r->bad || root >= s->job->paths.count ||
		!pack_path_ok((const char *)r->at, r->left))
		return -EBADMSG;
	path = xstrndup((const char *)r->at, r->left);
	sink_settle(s); /* it may be a worker's still */
	rc = find_dir(s, root, path, &k.from, &old);
	if (rc < 0) {
		char name[PACK_NAME_MAX + 1];
		struct dir *dir;

		if (sink_where(s, &m, &dir, name) < 0)
			return -EBADMSG;
		note_entry(s, dir, name, rc);
		return 0;
	}
	k.old = old;
	rc = make(s, &k, make_hard);
	dir_unref(k.from);
	return rc;
}

/* What was compared was a file. Of a link that came in between, what it leads to is not ours to change. */
static int set_same(struct sink *s, int dir, const char *name, const struct pack_meta *m)
{
	const struct pack_set set = sink_set_of(s, m);
	struct stat st;
	int rc = s->sys->stat(s->sys, dir, name, false, &st);

	if (rc == 0 && !S_ISREG(st.st_mode))
		rc = -ESTALE;
	return rc < 0 ? rc : s->sys->set(s->sys, dir, name, &set);
}

/* By content it is the same: what is there is made to look so, too. Only who compares contents is told so. */
static int take_same(struct sink *s, struct reader *r)
{
	char name[PACK_NAME_MAX + 1];
	struct pack_meta m;
	struct dir *dir;

	if (!(s->job->flags & PACK_JOB_CHECKSUM) || pack_meta_take(r, PACK_SAME, &m) < 0 ||
		reader_end(r) < 0 || sink_where(s, &m, &dir, name) < 0)
		return -EBADMSG;
	note_entry(s, dir, name, dir->fd < 0 ? 0 : set_same(s, dir->fd, name, &m));
	return 0;
}

static int take_root(struct sink *s, struct reader *r)
{
	s->root = reader_u32(r);
	if (reader_end(r) < 0 || s->depth || s->large.open || s->root >= s->job->paths.count)
		return -EBADMSG;
	s->rooted = true;
	return 0;
}

static int take_end(struct sink *s, struct reader *r)
{
	uint64_t size = reader_u64(r);
	bool ok = reader_u8(r);
	int rc = reader_end(r);

	if (rc == 0)
		rc = sink_end_file(s, size, ok);
	if (rc == 0)
		sink_slot_done(s, sink_slot(s));
	return rc;
}

static int take_data(struct sink *s, struct reader *r)
{
	uint64_t at = reader_u64(r);

	return r->bad ? -EBADMSG : sink_data(s, at, r->at, r->left);
}

static int take_jump(struct sink *s, struct reader *r)
{
	uint64_t at = reader_u64(r);

	return reader_end(r) < 0 ? -EBADMSG : sink_jump(s, at);
}

static int take_done(struct sink *s, const struct pack_frame *f)
{
	struct pack_count said;

	if (pack_count_take(f->data, f->n, &said) < 0 || s->depth || s->large.open)
		return -EBADMSG;
	if (said.entries != s->count.entries || said.bytes != s->count.bytes)
		return -EBADMSG;
	s->source_done = true;
	return 0;
}

static int take_frame(struct sink *s, const struct pack_frame *f, bool *kept)
{
	struct reader r = reader_of(f->data, f->n);

	switch (f->type) {
	case PACK_ROOT:
		return take_root(s, &r);
	case PACK_ENTER:
		return take_enter(s, &r);
	case PACK_LEAVE:
		return leave(s, f);
	case PACK_FILE:
		return take_file(s, f, &r, kept);
	case PACK_BEGIN:
		return take_begin(s, &r);
	case PACK_DATA_AT:
		return take_data(s, &r);
	case PACK_JUMP:
		return take_jump(s, &r);
	case PACK_END:
		return take_end(s, &r);
	case PACK_LINK:
		return take_link(s, &r);
	case PACK_FIFO:
		return take_fifo(s, &r);
	case PACK_HARD:
		return take_hard(s, &r);
	case PACK_SAME:
		return take_same(s, &r);
	case PACK_DONE:
		return take_done(s, f);
	case PACK_FAIL:
	case PACK_NOTE:
	case PACK_TOTAL:
		return 0;
	}
	return -EBADMSG;
}

/* --- all of it ----------------------------------------------------------------------------- */

static bool is_entry(uint8_t type)
{
	return strchr("DUFELPHM", type) != NULL;
}

static int tell_sure(struct sink *s, uint64_t each)
{
	uint8_t bytes[8];
	uint64_t sure;

	{
		scoped_lock(&s->lock);
		sure = s->sure;
	}
	if (sure < s->sure_told + each)
		return 0;
	s->sure_told = sure;
	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(sure >> (56 - 8 * i));
	return sink_say(s, PACK_SURE, bytes, sizeof(bytes));
}

static int take_next(struct sink *s)
{
	const struct pack_watch *w = s->side->watch;
	struct pack_frame f;
	bool kept = false;
	uint8_t type;
	int rc = pack_pipe_next(s->pipe, false, &f);

	if (rc == 0) {
		sink_stir(s); /* all that came is at work */
		rc = tell_sure(s, 1);
		if (rc == 0)
			rc = pack_pipe_next(s->pipe, true, &f);
	}
	if (rc <= 0)
		return rc;
	type = f.type;
	if (w)
		w->source_says(w->arg, f.type, f.data, f.n);
	rc = take_frame(s, &f, &kept);
	if (!kept)
		pack_pipe_release(s->pipe, &f);
	s->count.entries += is_entry(type);
	return rc < 0 ? rc : tell_sure(s, SURE_EACH);
}

static int finish(struct sink *s)
{
	auto_buf b = BUF_INIT(64);
	int rc;

	sink_settle(s);
	pack_count_put(&b, &s->count);
	rc = sink_say(s, PACK_DONE, b.data, b.len);
	return rc < 0 ? rc : pack_pipe_drain(s->pipe);
}

static int refuse(struct sink *s, int rc, const char *text)
{
	auto_buf b = BUF_INIT(PACK_FRAME_MAX);
	struct pack_trouble t = {
		.code = (uint32_t)-rc, .root = UINT32_MAX, .path = "", .text = text
	};

	s->count.failures++;
	pack_trouble_put(&b, &t);
	sink_say(s, PACK_FAIL, b.data, b.len);
	return finish(s);
}

static void sink_fini(struct sink *s)
{
	sink_large_drop(s);
	while (s->depth)
		dir_unref(s->stack[--s->depth]);
	sink_workers_end(s);
	dir_unref(s->anchor);
	free(s->name);
	if (s->through >= 0 && s->job->fd < 0)
		s->sys->close(s->sys, s->through);
}

int pack_sink(const struct pack_side *side)
{
	auto_free struct sink *s = xcalloc(1, sizeof(*s));
	char text[200];
	int rc;

	*s = (struct sink){ .side = side,
		.pipe = side->pipe,
		.sys = side->sys,
		.job = side->job,
		.large = { .fd = -1 },
		.through = -1 };
	sink_workers_start(s);
	rc = sink_start(s, text, sizeof(text));
	if (rc < 0) {
		rc = refuse(s, rc, text);
	} else {
		rc = sink_say(s, PACK_READY, NULL, 0);
		pack_pipe_flush(s->pipe);
		if (rc == 0 && s->job->flags & PACK_JOB_SYNC)
			rc = sink_sync(s);
		while (rc == 0 && !s->source_done)
			rc = take_next(s);
		if (rc == 0)
			rc = finish(s);
	}
	sink_fini(s);
	return rc;
}
