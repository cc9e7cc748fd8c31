/*
 * One regular file of a source: whole, or in pieces with its holes left out.
 */
#include "common/remote/pack/walk.h"

#include <poll.h>
#include <string.h>

#define LOOK_MS 200 /* so often: is anybody there still? */

static void put64(uint8_t *to, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)(v >> (56 - 8 * i));
}

/*
 * Who writes there may take his time; when nobody wants it any more, that is over. No room is reserved meanwhile:
 * in it stand the beats, too, without which the sink takes this side for dead.
 */
static int await_bytes(struct source *s, int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	int rc;

	do
		rc = pack_pipe_dead(s->pipe);
	while (rc == 0 && poll(&p, 1, LOOK_MS) == 0);
	return rc;
}

/* What is there of a descriptor of this process, which cannot be read at an offset. */
static ssize_t read_on(int fd, void *to, size_t n)
{
	ssize_t got;

	do
		got = read(fd, to, n);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

/* Less than n: its end. */
static ssize_t fill(struct source *s, int fd, uint8_t *to, size_t n, uint64_t at)
{
	size_t got = 0;

	while (got < n) {
		ssize_t more = s->sys->read(s->sys, fd, to + got, n - got, at + got);

		if (more < 0)
			return more;
		if (more == 0)
			break;
		got += (size_t)more;
	}
	return (ssize_t)got;
}

static int send_hard(struct source *s, const struct linked *l, const struct pack_meta *m)
{
	auto_buf b = BUF_INIT(PACK_FRAME_MAX);
	uint8_t head[PACK_META_BYTES + PACK_NAME_MAX];

	buf_add(&b, head, pack_meta_put(m, head));
	wire_u32(&b, l->root);
	buf_str(&b, l->path);
	return source_say(s, PACK_HARD, b.data, b.len);
}

/* 1: it is not small. */
static int send_small(struct source *s, int fd, struct pack_meta *m)
{
	size_t head = PACK_META_BYTES + m->name_n;
	uint8_t *room = source_room(s, head + PACK_SMALL + 1);
	size_t want = m->size && m->size < PACK_SMALL ? (size_t)m->size : PACK_SMALL;
	ssize_t n;

	if (!room)
		return -EPIPE;
	/* one byte more than it has: less than that is its end, in one call */
	n = s->sys->read(s->sys, fd, room + head, want + 1, 0);
	if (n >= 0 && ((size_t)n > want || !m->size || (uint64_t)n < m->size)) {
		ssize_t more =
			fill(s, fd, room + head + n, PACK_SMALL + 1 - (size_t)n, (uint64_t)n);

		n = more < 0 ? more : n + more;
	}
	if (n < 0 || n > PACK_SMALL) {
		source_commit(s, 0, room, 0);
		return n < 0 ? source_tell(s, PACK_FAIL, (int)n, "") : 1;
	}
	m->kind = PACK_FILE;
	m->size = (uint64_t)n;
	pack_meta_put(m, room);
	s->count.bytes += (uint64_t)n;
	source_commit(s, PACK_FILE, room, head + (size_t)n);
	return 0;
}

/* The sink has the first part of it: if it is the same, that is not sent again. */
static int jump(struct source *s, int fd, uint64_t *at)
{
	uint8_t where[8];
	uint64_t hash;

	s->resume.told = false;
	if (s->resume.entry != s->count.entries || s->resume.offset <= *at)
		return 0;
	if (pack_hash_file(s->sys, fd, s->resume.offset, &hash) < 0 || hash != s->resume.hash)
		return 0;
	*at = s->resume.offset;
	put64(where, *at);
	return source_say(s, PACK_JUMP, where, sizeof(where));
}

static int send_end(struct source *s, uint64_t size, bool ok)
{
	uint8_t end[9];

	put64(end, size);
	end[8] = ok;
	return source_say(s, PACK_END, end, sizeof(end));
}

/* From at to the next hole, or the end: more is false then. */
static int send_piece(struct source *s, int fd, uint64_t *at, uint64_t until, bool *more)
{
	size_t want = until - *at < PACK_DATA ? (size_t)(until - *at) : PACK_DATA;
	bool stream = s->job->fd >= 0;
	int rc = stream ? await_bytes(s, fd) : 0;
	uint8_t *room = rc < 0 ? NULL : source_room(s, 8 + PACK_DATA);
	ssize_t n;

	if (!room)
		return -EPIPE;
	put64(room, *at);
	n = stream ? read_on(fd, room + 8, want) : fill(s, fd, room + 8, want, *at);
	if (n <= 0) {
		source_commit(s, 0, room, 0);
		*more = false;
		return n < 0 && source_tell(s, PACK_FAIL, (int)n, "") < 0 ? -EPIPE : (int)n;
	}
	*at += (uint64_t)n;
	*more = stream || (size_t)n == want;
	s->count.bytes += (uint64_t)n;
	source_commit(s, PACK_DATA_AT, room, 8 + (size_t)n);
	return 0;
}

static int next_data(struct source *s, int fd, bool sparse, uint64_t *at, uint64_t *until)
{
	if (!sparse) {
		*until = UINT64_MAX;
		return 0;
	}
	return *at < *until ? 0 : s->sys->data(s->sys, fd, *at, at, until);
}

static int send_pieces(struct source *s, int fd, const struct stat *st, uint64_t *ret_size)
{
	bool sparse = (uint64_t)st->st_blocks * 512 < (uint64_t)st->st_size && s->job->fd < 0;
	uint64_t at = 0, until = 0;
	bool more = true;
	int rc = 0;

	while (more && rc == 0 && s->stop != s->count.entries + 1) {
		if (s->resume.told)
			rc = jump(s, fd, &at);
		if (until < at)
			until = at;
		if (rc == 0)
			rc = next_data(s, fd, sparse, &at, &until);
		if (rc == 0)
			rc = send_piece(s, fd, &at, until, &more);
	}
	/* a hole at its end has no data behind it */
	*ret_size = sparse && at < (uint64_t)st->st_size ? (uint64_t)st->st_size : at;
	return rc == -ENXIO ? 0 : rc;
}

static int send_large(struct source *s, int fd, struct pack_meta *m, const struct stat *st)
{
	uint8_t head[PACK_META_BYTES + PACK_NAME_MAX];
	struct stat now;
	uint64_t size = 0;
	int rc;

	m->kind = PACK_BEGIN;
	m->size = (uint64_t)st->st_size;
	rc = source_say(s, PACK_BEGIN, head, pack_meta_put(m, head));
	if (rc == 0)
		rc = send_pieces(s, fd, st, &size);
	if (pack_pipe_dead(s->pipe))
		return pack_pipe_dead(s->pipe);
	if (rc == 0 && s->job->fd < 0 && s->sys->fstat(s->sys, fd, &now) == 0 &&
		(now.st_size != st->st_size || now.st_mtim.tv_sec != st->st_mtim.tv_sec ||
			now.st_mtim.tv_nsec != st->st_mtim.tv_nsec))
		source_tell(s, PACK_NOTE, 0, "changed while it was copied");
	return send_end(s, size, rc == 0 && s->stop != s->count.entries + 1);
}

int source_file(struct source *s, int fd, const char *name, const struct stat *st)
{
	const struct linked *other = NULL;
	struct pack_meta m;
	int rc = 1;

	pack_meta_of(st, PACK_HARD, name, &m);
	if (st->st_nlink > 1 && !(s->job->flags & PACK_JOB_SYNC))
		other = links_find(&s->links, st, s->root, buf_text(&s->path));
	if (other)
		return send_hard(s, other, &m);
	if (s->job->fd < 0 && st->st_size <= PACK_SMALL &&
		(st->st_size <= 4096 || (uint64_t)st->st_blocks * 512 >= (uint64_t)st->st_size))
		rc = send_small(s, fd, &m);
	return rc == 1 ? send_large(s, fd, &m, st) : rc;
}
