/*
 * Files of a sink. A name is never a half file: what is there already is replaced by rename, a new
 * small file is written in one call, a large one gets its name when it is whole.
 */
#include "common/remote/pack/tree.h"

#include "common/base/io.h"
#include "common/remote/pack/hash64.h"

#include <fcntl.h>
#include <string.h>

#define PART_BYTES (sizeof(PART_NAME) - 1 + 16) /* of a part's name behind the file's */

struct pack_set sink_set_of(const struct sink *s, const struct pack_meta *m)
{
	bool owner = s->job->flags & PACK_JOB_OWNER;

	return (struct pack_set){ .uid = owner ? (int64_t)m->uid : -1,
		.gid = owner ? (int64_t)m->gid : -1,
		.mode = m->mode & (s->job->flags & PACK_JOB_SETID ? 07777 : 01777),
		.mtime = m->mtime };
}

/* Set-id bits go with a change of owner, and by writing: so a mode that open has made is set again only for those. */
static void mode_is_made(struct pack_set *set)
{
	if (set->uid < 0 && !(set->mode & 06000))
		set->mode = -1;
}

/*
 * The name of what is not whole yet. Whoever copies the same file again (by size and time) finds it; two that
 * are at it at once have each other's. Whole seconds: the next time another agent may be asked, which knows
 * no more. What is gone on with is compared by its hash first.
 */
static void part_name(const char *name, const struct pack_meta *m, char *ret)
{
	uint64_t id[2] = { m->size, (uint64_t)m->mtime.tv_sec };
	uint64_t hash = hash64(name, strlen(name), hash64(id, sizeof(id), 0));
	size_t at;

	ret[0] = '.';
	pack_copy(ret + 1, PACK_NAME_MAX - PART_BYTES, name);
	at = strlen(ret);
	memcpy(ret + at, PART_NAME, sizeof(PART_NAME) - 1);
	at += sizeof(PART_NAME) - 1;
	for (int i = 0; i < 16; i++)
		ret[at++] = "0123456789abcdef"[hash >> (60 - 4 * i) & 15];
	ret[at] = '\0';
}

/* Whose file is replaced keeps it, when we may. */
static void keep_owner(struct sink *s, int dir, const char *name, int fd, uint16_t mode)
{
	struct pack_set set = {
		.mode = mode & 01777, .mtime = { .tv_nsec = UTIME_OMIT }, .if_allowed = true
	};
	struct stat was, now;

	if (s->job->flags & PACK_JOB_OWNER || s->sys->stat(s->sys, dir, name, false, &was) < 0 ||
		!S_ISREG(was.st_mode) || s->sys->fstat(s->sys, fd, &now) < 0)
		return;
	if (was.st_uid == now.st_uid && was.st_gid == now.st_gid)
		return;
	set.uid = was.st_uid;
	set.gid = was.st_gid;
	s->sys->fset(s->sys, fd, &set);
}

/* A file to write: new under its name, or under *part when something is there. */
static int create(struct sink *s, int dir, const char *name, const struct pack_meta *m, char *part)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL;
	int fd = s->sys->open(s->sys, dir, name, flags, m->mode & 0777);
	struct stat st;

	*part = '\0';
	if (fd != -EEXIST)
		return fd;
	if (s->sys->stat(s->sys, dir, name, false, &st) == 0 && S_ISDIR(st.st_mode))
		return -EISDIR;
	part_name(name, m, part);
	fd = s->sys->open(s->sys, dir, part, flags, m->mode & 0777);
	if (fd == -EEXIST && s->sys->unlink(s->sys, dir, part, false) == 0)
		fd = s->sys->open(s->sys, dir, part, flags, m->mode & 0777);
	return fd;
}

static int write_small(struct sink *s, struct task *t)
{
	struct pack_set set = sink_set_of(s, &t->meta);
	char part[PACK_NAME_MAX + 1];
	int fd, rc, closed;

	if (t->dir->fd < 0)
		return 0; /* told of the folder */
	fd = create(s, t->dir->fd, t->name, &t->meta, part);
	if (fd < 0)
		return fd;
	mode_is_made(&set);
	if (*part)
		keep_owner(s, t->dir->fd, t->name, fd, t->meta.mode);
	rc = t->n ? s->sys->write(s->sys, fd, t->content, t->n, 0) : 0;
	if (rc == 0)
		rc = s->sys->fset(s->sys, fd, &set);
	closed = s->sys->close(s->sys, fd);
	rc = rc < 0 ? rc : closed;
	if (rc == 0 && *part)
		rc = s->sys->rename(s->sys, t->dir->fd, part, t->name);
	if (rc < 0)
		s->sys->unlink(s->sys, t->dir->fd, *part ? part : t->name, false);
	return rc;
}

void sink_small(struct sink *s, struct task *t)
{
	int rc = write_small(s, t);

	if (rc < 0)
		sink_tell(s, PACK_FAIL, t->dir, t->name, rc, "");
	pack_pipe_release(s->pipe, &t->frame);
	dir_unref(t->dir);
	sink_slot_done(s, t->slot);
	free(t);
}

int sink_place(struct sink *s, struct dir *dir, const char *name,
	int (*make)(struct sink *s, int dir, const char *name, const void *arg), const void *arg)
{
	const struct pack_meta any = { .name = name };
	char part[PACK_NAME_MAX + 1];
	struct stat st;
	int rc = make(s, dir->fd, name, arg);

	if (rc != -EEXIST)
		return rc;
	if (s->sys->stat(s->sys, dir->fd, name, false, &st) == 0 && S_ISDIR(st.st_mode))
		return -EISDIR;
	part_name(name, &any, part);
	s->sys->unlink(s->sys, dir->fd, part, false);
	rc = make(s, dir->fd, part, arg);
	if (rc == 0)
		rc = s->sys->rename(s->sys, dir->fd, part, name);
	/* two names of one file: rename does nothing */
	if (rc < 0 || s->sys->stat(s->sys, dir->fd, part, false, &st) == 0)
		s->sys->unlink(s->sys, dir->fd, part, false);
	return rc;
}

/* --- large ones ----------------------------------------------------------------------------- */

static void large_fail(struct sink *s, int rc, const char *text)
{
	struct large *l = &s->large;
	uint8_t entry[8];

	if (l->failed)
		return;
	l->failed = true;
	sink_tell(s, PACK_FAIL, l->dir, l->name, rc, text);
	for (int i = 0; i < 8; i++)
		entry[i] = (uint8_t)(l->entry >> (56 - 8 * i));
	sink_say(s, PACK_STOP, entry, sizeof(entry));
}

static int say_resume(struct sink *s, uint64_t hash)
{
	const uint64_t all[3] = { s->large.entry, s->large.had, hash };
	uint8_t bytes[24];

	for (int i = 0; i < 24; i++)
		bytes[i] = (uint8_t)(all[i / 8] >> (56 - 8 * (i % 8)));
	return sink_say(s, PACK_RESUME, bytes, sizeof(bytes));
}

/* What is left of an earlier time: a file of ours alone, of no more than this one will have. */
static int open_part(struct sink *s, struct large *l)
{
	int dir = l->dir->fd;
	int fd = s->sys->open(s->sys, dir, l->part, O_RDWR | O_CREAT | O_EXCL, 0600);
	struct stat st;

	if (fd != -EEXIST)
		return fd;
	fd = s->sys->open(s->sys, dir, l->part, O_RDWR, 0);
	if (fd >= 0 && s->sys->fstat(s->sys, fd, &st) == 0 && S_ISREG(st.st_mode) &&
		st.st_nlink == 1 && st.st_uid == s->sys->uid(s->sys) &&
		(uint64_t)st.st_size <= l->meta.size) {
		l->had = (uint64_t)st.st_size;
		return fd;
	}
	if (fd >= 0)
		s->sys->close(s->sys, fd);
	s->sys->unlink(s->sys, dir, l->part, false);
	return s->sys->open(s->sys, dir, l->part, O_RDWR | O_CREAT | O_EXCL, 0600);
}

int sink_begin(struct sink *s, struct dir *dir, const char *name, const struct pack_meta *m)
{
	struct large *l = &s->large;
	struct stat st;
	uint64_t hash;

	*l = (struct large){
		.open = true, .fd = -1, .dir = dir_ref(dir), .meta = *m, .entry = s->count.entries
	};
	l->meta.name = l->name;
	pack_copy(l->name, sizeof(l->name), name);
	if (s->through >= 0) {
		l->fd = s->through;
		return 0;
	}
	if (dir->fd < 0) {
		l->failed = true;
		return 0;
	}
	part_name(name, m, l->part);
	if (s->sys->stat(s->sys, dir->fd, name, false, &st) == 0 && S_ISDIR(st.st_mode))
		l->fd = -EISDIR;
	else
		l->fd = open_part(s, l);
	if (l->fd < 0) {
		large_fail(s, l->fd, "");
		return 0;
	}
	if (l->had && pack_hash_file(s->sys, l->fd, l->had, &hash) == 0)
		return say_resume(s, hash);
	return 0;
}

/* What an earlier time has left where the file has a hole goes. */
static int clear(struct sink *s, uint64_t until)
{
	struct large *l = &s->large;
	uint64_t end = until < l->had ? until : l->had;

	return l->at < end ? s->sys->zero(s->sys, l->fd, l->at, end) : 0;
}

/* Its holes, where a descriptor takes bytes in order only. That may go on for long, and be given up meanwhile. */
static int put_hole(struct sink *s, uint64_t until)
{
	static uint8_t none[64 * 1024]; /* not const: that would be so many bytes of the program */
	struct large *l = &s->large;
	int rc = 0;

	while (rc == 0 && l->at < until) {
		size_t n = until - l->at < sizeof(none) ? (size_t)(until - l->at) : sizeof(none);

		rc = pack_pipe_dead(s->pipe);
		if (rc == 0)
			rc = io_put_all(l->fd, none, n);
		l->at += n;
	}
	return rc;
}

int sink_data(struct sink *s, uint64_t at, const uint8_t *bytes, size_t n)
{
	struct large *l = &s->large;
	int rc = 0;

	if (!l->open || at < l->at || at > INT64_MAX - n)
		return -EBADMSG;
	s->count.bytes += n;
	if (l->failed)
		return 0;
	if (s->through >= 0) {
		rc = put_hole(s, at);
		if (rc == 0)
			rc = io_put_all(l->fd, bytes, n);
	} else {
		rc = clear(s, at);
		if (rc == 0)
			rc = s->sys->write(s->sys, l->fd, bytes, n, at);
	}
	l->at = at + n;
	if (rc < 0)
		large_fail(s, rc, "");
	return 0;
}

int sink_jump(struct sink *s, uint64_t at)
{
	struct large *l = &s->large;

	if (!l->open || at < l->at || at > l->had)
		return -EBADMSG;
	l->at = at;
	return 0;
}

static int large_whole(struct sink *s, uint64_t size)
{
	struct large *l = &s->large;
	struct pack_set set = sink_set_of(s, &l->meta);
	int rc = clear(s, size);

	if (rc == 0 && (l->at != size || l->had > size))
		rc = s->sys->truncate(s->sys, l->fd, size);
	keep_owner(s, l->dir->fd, l->name, l->fd, l->meta.mode);
	return rc < 0 ? rc : s->sys->fset(s->sys, l->fd, &set);
}

static void large_forget(struct sink *s)
{
	struct large *l = &s->large;

	if (l->fd >= 0 && s->through < 0)
		s->sys->close(s->sys, l->fd);
	dir_unref(l->dir);
	*l = (struct large){ .fd = -1 };
}

int sink_end_file(struct sink *s, uint64_t size, bool ok)
{
	struct large *l = &s->large;
	int rc = 0, closed;

	if (!l->open || size < l->at || size > INT64_MAX)
		return -EBADMSG;
	if (s->through >= 0 && ok && !l->failed)
		rc = put_hole(s, size);
	if (s->through >= 0 || l->fd < 0) {
		if (rc < 0)
			large_fail(s, rc, "");
		large_forget(s);
		return 0;
	}
	if (!l->failed && ok)
		rc = large_whole(s, size);
	closed = s->sys->close(s->sys, take_fd(l->fd));
	rc = rc < 0 ? rc : closed;
	if (rc == 0 && ok && !l->failed)
		rc = s->sys->rename(s->sys, l->dir->fd, l->part, l->name);
	if (rc < 0)
		large_fail(s, rc, "");
	if (l->failed || !ok)
		s->sys->unlink(s->sys, l->dir->fd, l->part, false);
	large_forget(s);
	return 0;
}

void sink_large_drop(struct sink *s)
{
	struct large *l = &s->large;

	if (!l->open)
		return;
	if (l->fd >= 0 && s->through < 0 && !l->failed) {
		/* behind a shorter beginning stands what an earlier time had: that is as good */
		uint64_t n = l->at > l->had ? l->at : l->had;

		if (n < RESUME_MIN || s->sys->truncate(s->sys, l->fd, n) < 0)
			s->sys->unlink(s->sys, l->dir->fd, l->part, false);
	}
	large_forget(s);
}
