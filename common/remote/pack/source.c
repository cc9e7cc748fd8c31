/*
 * The walk, and what the sink says meanwhile.
 */
#include "common/remote/pack/walk.h"

#include "common/remote/pack/exclude.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#define WANTS_MAX (256 * 1024 * 1024)

/* --- what the sink says ----------------------------------------------------------------- */

static int take_resume(struct source *s, struct reader *r)
{
	s->resume.entry = reader_u64(r);
	s->resume.offset = reader_u64(r);
	s->resume.hash = reader_u64(r);
	s->resume.told = true;
	return reader_end(r);
}

static int take_stop(struct source *s, struct reader *r)
{
	s->stop = reader_u64(r) + 1;
	return reader_end(r);
}

static int take_want(struct source *s, const struct pack_frame *f)
{
	wire_u32(&s->wants, (uint32_t)f->n);
	buf_add(&s->wants, f->data, f->n);
	return buf_check(&s->wants);
}

static int take_frame(struct source *s, const struct pack_frame *f)
{
	struct reader r = reader_of(f->data, f->n);

	switch (f->type) {
	case PACK_READY:
		s->ready = true;
		return 0;
	case PACK_RESUME:
		return take_resume(s, &r);
	case PACK_STOP:
		return take_stop(s, &r);
	case PACK_WANT:
		return take_want(s, f);
	case PACK_WANTED:
		s->wanted_all = true;
		return 0;
	case PACK_DONE:
		s->sink_done = true;
		return pack_count_take(f->data, f->n, &s->sink_count);
	case PACK_SURE:
	case PACK_FAIL:
	case PACK_NOTE:
		return 0;
	}
	return -EBADMSG;
}

int source_attend(struct source *s, bool wait)
{
	const struct pack_watch *w = s->side->watch;
	struct pack_frame f;
	int rc;

	while ((rc = pack_pipe_next(s->pipe, wait, &f)) > 0) {
		rc = take_frame(s, &f);
		if (w && rc == 0)
			w->sink_says(w->arg, f.type, f.data, f.n);
		pack_pipe_release(s->pipe, &f);
		if (rc < 0)
			return -EBADMSG;
		wait = false;
	}
	return rc;
}

/* --- what is said ------------------------------------------------------------------------- */

uint8_t *source_room(struct source *s, size_t max)
{
	uint8_t *room = NULL;

	while (!room) {
		if (source_attend(s, false) < 0 || pack_pipe_room(s->pipe, max, &room) < 0)
			return NULL;
	}
	return room;
}

static bool is_entry(uint8_t type)
{
	return type && strchr("DUFELPHIM", type);
}

void source_commit(struct source *s, uint8_t type, const uint8_t *payload, size_t n)
{
	const struct pack_watch *w = s->side->watch;

	if (w && type)
		w->source_says(w->arg, type, payload, n);
	pack_pipe_commit(s->pipe, type, n);
	s->count.entries += is_entry(type);
}

int source_say(struct source *s, uint8_t type, const void *bytes, size_t n)
{
	uint8_t *room = source_room(s, n);

	if (!room)
		return pack_pipe_dead(s->pipe) ? pack_pipe_dead(s->pipe) : -EBADMSG;
	if (n)
		memcpy(room, bytes, n);
	source_commit(s, type, room, n);
	return 0;
}

int source_tell(struct source *s, uint8_t type, int code, const char *text)
{
	auto_buf b = BUF_INIT(PACK_FRAME_MAX);
	struct pack_trouble t = {
		.code = (uint32_t)-code, .root = s->root, .path = buf_text(&s->path), .text = text
	};

	if (type == PACK_FAIL)
		s->count.failures++;
	pack_trouble_put(&b, &t);
	return source_say(s, type, b.data, b.len);
}

static int say_meta(struct source *s, uint8_t type, const char *name, const struct stat *st,
	const void *more, size_t n)
{
	struct pack_meta m;
	uint8_t *room = source_room(s, PACK_META_BYTES + PACK_NAME_MAX + n);
	size_t at;

	if (!room)
		return -EPIPE;
	pack_meta_of(st, type, name, &m);
	at = pack_meta_put(&m, room);
	if (n)
		memcpy(room + at, more, n);
	source_commit(s, type, room, at + n);
	return 0;
}

/* --- the walk ------------------------------------------------------------------------------ */

/* The path gets longer by a name; returns what buf_trim is to be given afterwards. */
static size_t push(struct source *s, const char *name)
{
	size_t was = s->path.len;

	if (was)
		buf_char(&s->path, '/');
	buf_str(&s->path, name);
	return was;
}

/* Where is name among what is there already? -1: it is; 0: somewhere in it we go on; 1: behind. */
static int skip(struct source *s, const char *name, bool is_dir, int depth)
{
	bool last = (size_t)depth + 1 == s->after.count;
	int order;

	if (!s->skipping || (size_t)depth >= s->after.count)
		return 1;
	order = strcmp(name, s->after.at[depth]);
	if (order < 0)
		return -1;
	if (order > 0 || last)
		s->skipping = false;
	if (order > 0)
		return 1;
	if (last)
		return is_dir && !s->job->after_left ? 1 : -1;
	return is_dir ? 0 : 1;
}

/* What is skipped may have names that come later. */
static void remember(struct source *s, int dir, const char *name, const struct stat *st)
{
	struct pack_names names = { 0 };
	int fd;

	if (S_ISREG(st->st_mode) && st->st_nlink > 1)
		links_find(&s->links, st, s->root, buf_text(&s->path));
	if (!S_ISDIR(st->st_mode))
		return;
	fd = s->sys->open(s->sys, dir, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return;
	s->sys->list(s->sys, fd, &names);
	for (size_t i = 0; i < names.count; i++) {
		size_t was = push(s, names.at[i].name);
		struct stat sub;

		if (s->sys->stat(s->sys, fd, names.at[i].name, false, &sub) == 0)
			remember(s, fd, names.at[i].name, &sub);
		buf_trim(&s->path, was);
	}
	pack_names_fini(&names);
	s->sys->close(s->sys, fd);
}

static bool is_excluded(struct source *s, bool is_dir)
{
	return s->job->excludes.count && s->path.len &&
	       pack_excluded(&s->job->excludes, buf_text(&s->path), is_dir);
}

static int send_names(struct source *s, int fd, int depth, bool *whole)
{
	struct pack_names names = { 0 };
	int rc = s->sys->list(s->sys, fd, &names);

	if (rc < 0) {
		*whole = false;
		rc = source_tell(s, PACK_FAIL, rc, "cannot be read to its end");
	}
	for (size_t i = 0; i < names.count && rc == 0; i++)
		rc = source_entry(s, fd, names.at[i].name, names.at[i].type, depth);
	pack_names_fini(&names);
	return rc;
}

static int send_dir(struct source *s, int dir, const char *name, int depth)
{
	int fd = s->sys->open(s->sys, dir, name, O_RDONLY | O_DIRECTORY, 0);
	bool whole = true;
	struct stat st;
	int rc;

	if (fd < 0)
		return source_tell(s, PACK_FAIL, fd, "");
	if (depth >= PACK_DEPTH_MAX) {
		s->sys->close(s->sys, fd);
		return source_tell(s, PACK_FAIL, -ELOOP, "too many folders in folders");
	}
	rc = s->sys->fstat(s->sys, fd, &st);
	if (rc == 0)
		rc = say_meta(s, PACK_ENTER, depth < 0 ? "" : name, &st, NULL, 0);
	if (rc == 0)
		rc = send_names(s, fd, depth + 1, &whole);
	s->sys->close(s->sys, fd);
	if (rc == 0)
		rc = source_say(s, PACK_LEAVE, &(uint8_t){ whole }, 1);
	return rc;
}

static int send_link(
	struct source *s, int dir, const char *name, const char *as, const struct stat *st)
{
	char target[PACK_TARGET_MAX];
	ssize_t n = s->sys->readlink(s->sys, dir, name, target, sizeof(target));

	if (n < 0 || (size_t)n == sizeof(target))
		return source_tell(s, PACK_FAIL, n < 0 ? (int)n : -ENAMETOOLONG, "");
	return say_meta(s, PACK_LINK, as, st, target, (size_t)n);
}

static int send_regular(struct source *s, int dir, const char *name, const char *as, bool *other)
{
	int fd = s->sys->open(s->sys, dir, name, O_RDONLY, 0);
	struct stat st;
	int rc;

	if (fd < 0) {
		*other = fd == -ELOOP || fd == -ENXIO || fd == -ENOENT;
		return *other ? 0 : source_tell(s, PACK_FAIL, fd, "");
	}
	rc = s->sys->fstat(s->sys, fd, &st);
	*other = rc == 0 && !S_ISREG(st.st_mode);
	if (!*other)
		rc = rc < 0 ? source_tell(s, PACK_FAIL, rc, "") : source_file(s, fd, as, &st);
	s->sys->close(s->sys, fd);
	return rc;
}

static int send_as(struct source *s, int dir, const char *name, const struct stat *st, int depth)
{
	const char *as = depth < 0 ? "" : name;
	bool other = false;
	int rc;

	switch (st->st_mode & S_IFMT) {
	case S_IFDIR:
		return send_dir(s, dir, name, depth);
	case S_IFLNK:
		return send_link(s, dir, name, as, st);
	case S_IFIFO:
		return say_meta(s, PACK_FIFO, as, st, NULL, 0);
	case S_IFREG:
		if (s->listing)
			return say_meta(s, PACK_ITEM, as, st, NULL, 0);
		rc = send_regular(s, dir, name, as, &other);
		if (rc == 0 && other)
			rc = source_tell(
				s, PACK_FAIL, -ESTALE, "went, or became another kind of file");
		return rc;
	}
	return source_tell(s, PACK_NOTE, 0,
		S_ISSOCK(st->st_mode) ? "left out: a socket" : "left out: a device");
}

static int tell_total(struct source *s)
{
	auto_buf b = BUF_INIT(64);
	struct pack_count c;

	if (!total_known(s->total, &c))
		return 0;
	pack_count_put(&b, &c);
	return source_say(s, PACK_TOTAL, b.data, b.len);
}

int source_entry(struct source *s, int dir, const char *name, unsigned char type, int depth)
{
	size_t was = push(s, name);
	struct stat st;
	bool other = true;
	int rc = tell_total(s), where;

	if (rc == 0 && type == DT_REG && !s->listing && !s->skipping && !is_excluded(s, false))
		rc = send_regular(s, dir, name, name, &other);
	if (rc == 0 && other) {
		rc = s->sys->stat(s->sys, dir, name, false, &st);
		where = rc < 0 ? 1 : skip(s, name, S_ISDIR(st.st_mode), depth);
		if (rc == -ENOENT)
			rc = 0; /* it went while we came */
		else if (rc < 0)
			rc = source_tell(s, PACK_FAIL, rc, "");
		else if (is_excluded(s, S_ISDIR(st.st_mode)))
			rc = 0;
		else if (where < 0)
			remember(s, dir, name, &st);
		else
			rc = send_as(s, dir, name, &st, depth);
	}
	buf_trim(&s->path, was);
	return rc;
}

/* --- the SRCs --------------------------------------------------------------------------------- */

static int send_root(struct source *s, const char *path)
{
	uint8_t number[4] = { 0, 0, (uint8_t)(s->root >> 8), (uint8_t)s->root };
	bool follow = s->job->flags & PACK_JOB_FOLLOW || path[strlen(path) - 1] == '/';
	struct stat st;
	int rc = s->sys->stat(s->sys, -1, path, follow, &st);

	if (rc < 0)
		return source_tell(s, PACK_FAIL, rc, "");
	if (s->skipping) {
		if (s->root < s->job->after_root || (!s->after.count && s->job->after_left) ||
			!S_ISDIR(st.st_mode)) {
			s->skipping = s->root < s->job->after_root;
			remember(s, -1, path, &st);
			return 0;
		}
		s->skipping = s->after.count > 0;
	}
	rc = source_say(s, PACK_ROOT, number, sizeof(number));
	return rc < 0 ? rc : send_as(s, -1, path, &st, -1);
}

/* PATH as it is meant: from home when it is not absolute; "" is home itself. */
char *source_path(const struct source *s, uint32_t root)
{
	const char *path = s->job->paths.at[root];

	if (*path == '/' || !s->side->home)
		return xstrdup(*path ? path : ".");
	return pack_join(s->side->home, *path ? path : ".");
}

int source_root(struct source *s, uint32_t root)
{
	auto_free char *path = source_path(s, root);

	s->root = root;
	buf_reset(&s->path);
	return send_root(s, path);
}

int source_roots(struct source *s)
{
	int rc = 0;

	for (uint32_t root = 0; root < s->job->paths.count && rc == 0; root++)
		rc = source_root(s, root);
	return rc;
}

static int send_descriptor(struct source *s)
{
	struct stat st = { .st_mode = S_IFREG | 0644 };
	static const uint8_t number[4];
	int rc = source_say(s, PACK_ROOT, number, sizeof(number));

	clock_gettime(CLOCK_REALTIME, &st.st_mtim);
	return rc < 0 ? rc : source_file(s, s->job->fd, "", &st);
}

static void split(struct source *s)
{
	const char *at = s->job->after;

	while (at && *at) {
		size_t n = strcspn(at, "/");

		pack_list_add(&s->after, at, n);
		at += n + (at[n] == '/');
	}
}

static int send_all(struct source *s)
{
	int rc = 0;

	if (s->job->fd >= 0)
		return send_descriptor(s);
	s->listing = s->job->flags & PACK_JOB_SYNC;
	if (s->listing) {
		rc = source_roots(s);
		if (rc == 0)
			rc = source_say(s, PACK_LISTED, NULL, 0);
		s->listing = false;
		return rc < 0 ? rc : source_wants(s);
	}
	s->skipping = s->job->again;
	return source_roots(s);
}

static int finish(struct source *s)
{
	auto_buf b = BUF_INIT(64);
	int rc;

	pack_count_put(&b, &s->count);
	rc = source_say(s, PACK_DONE, b.data, b.len);
	pack_pipe_flush(s->pipe);
	while (rc == 0 && !s->sink_done)
		rc = source_attend(s, true);
	if (rc == 0 && (s->sink_count.entries != s->count.entries ||
			       s->sink_count.bytes != s->count.bytes))
		rc = -EBADMSG;
	return rc;
}

static void start_total(struct source *s)
{
	struct pack_list paths = { 0 };

	if (!(s->job->flags & PACK_JOB_TOTALS) || s->job->flags & PACK_JOB_SYNC || s->job->fd >= 0)
		return;
	for (uint32_t i = 0; i < s->job->paths.count; i++) {
		auto_free char *path = source_path(s, i);

		pack_list_add(&paths, path, strlen(path));
	}
	s->total = total_open(s->sys, &paths, &s->job->excludes);
}

int pack_source(const struct pack_side *side)
{
	struct source s = { .side = side,
		.pipe = side->pipe,
		.sys = side->sys,
		.job = side->job,
		.path = BUF_INIT(PACK_PATH_MAX),
		.wants = BUF_INIT(WANTS_MAX) };
	int rc = 0;

	split(&s);
	start_total(&s);
	while (rc == 0 && !s.ready && !s.sink_done)
		rc = source_attend(&s, true);
	if (rc == 0 && !s.sink_done)
		rc = send_all(&s);
	if (rc == 0 && !s.sink_done)
		rc = finish(&s);
	total_close(s.total);
	links_fini(&s.links);
	for (size_t i = 0; i < s.after.count; i++)
		free(s.after.at[i]);
	free(s.after.at);
	buf_fini(&s.path);
	buf_fini(&s.wants);
	return pack_pipe_dead(side->pipe) && rc == -EPIPE ? pack_pipe_dead(side->pipe) : rc;
}
