/*
 * What changes a file is sent without waiting, in its order, which agent.sh keeps, and told when it is
 * closed.
 */
#include "plugin/farpriv.h"

#include "common/base/clock.h"

#include <fcntl.h>
#include <string.h>

#define AHEAD_MAX (4 * 1024 * 1024) /* bytes that are written ahead */

static uint32_t open_flags(int flags)
{
	uint32_t all = (flags & O_ACCMODE) == O_RDONLY   ? OPEN_READ
		       : (flags & O_ACCMODE) == O_WRONLY ? OPEN_WRITE
							 : OPEN_READ | OPEN_WRITE;

	return all | (flags & O_CREAT ? OPEN_CREATE : 0) | (flags & O_EXCL ? OPEN_EXCL : 0) |
	       (flags & O_TRUNC ? OPEN_TRUNC : 0);
}

static int far_open(struct pack_sys *s, int dir, const char *name, int flags, unsigned mode)
{
	struct far_agent *f = far_of(s);
	char *path = far_path(f, dir, name);
	const struct remote_request rq = {
		.op = OP_OPEN, .path = path, .flags = open_flags(flags), .mode = mode
	};
	struct remote_reply reply = { 0 };
	struct stat st;
	int rc, fd;

	if (flags & O_DIRECTORY)
		return far_open_dir(f, path, far_cut_slashes(path) || dir < 0);
	fd = (flags & O_ACCMODE) == O_RDONLY ? far_ahead_open(f, dir, name) : -EAGAIN;
	if (fd >= 0) {
		free(path);
		return fd;
	}
	far_touched(f, flags & O_CREAT ? dir : -1);
	/* a link is not followed below DST */
	rc = dir >= 0 && !(flags & O_EXCL) ? s->stat(s, dir, name, false, &st) : -ENOENT;
	if (rc == 0 && S_ISLNK(st.st_mode)) {
		free(path);
		return -ELOOP;
	}
	rc = far_call(f, &rq, &reply);
	fd = rc < 0 ? rc : far_number(f, xstrdup(path));
	free(path);
	if (fd >= 0) {
		f->files[fd].handle = reply.handle;
		far_stat_of(&reply.attr, &f->files[fd].st);
	}
	remote_reply_fini(&reply);
	return fd;
}

struct ahead {
	struct far_agent *agent;
	struct far_file *file;
	size_t n;
};

static void answered(void *arg, struct remote_reply *reply)
{
	struct ahead *a = arg;
	struct far_agent *f = a->agent;
	scoped_lock(&f->lock);

	if (reply->rc < 0 && !a->file->rc)
		a->file->rc = reply->rc;
	a->file->ahead--;
	f->ahead_bytes -= a->n;
	pthread_cond_broadcast(&f->wake);
	free(a);
}

/* Sent; how it ends is told by close. */
static int send_ahead(struct far_agent *f, int fd, const struct remote_request *rq)
{
	struct ahead *a = xcalloc(1, sizeof(*a));

	*a = (struct ahead){ f, &f->files[fd], rq->n };
	pthread_mutex_lock(&f->lock);
	while (f->ahead_bytes && f->ahead_bytes + rq->n > AHEAD_MAX)
		pthread_cond_wait(&f->wake, &f->lock);
	f->ahead_bytes += rq->n;
	f->files[fd].ahead++;
	pthread_mutex_unlock(&f->lock);
	session_send(f->session, rq, deadline_after(FAR_CALL_MS), answered, a);
	return 0;
}

static int far_close(struct pack_sys *s, int fd)
{
	struct far_agent *f = far_of(s);
	struct far_file *file = &f->files[fd];
	const struct remote_request rq = { .op = OP_CLOSE, .handle = file->handle };
	int rc;

	if (file->dir)
		far_ahead_end(f, file);
	else if (!file->held)
		send_ahead(f, fd, &rq);
	pthread_mutex_lock(&f->lock);
	while (file->ahead)
		pthread_cond_wait(&f->wake, &f->lock);
	rc = file->rc;
	pthread_mutex_unlock(&f->lock);
	remote_reply_fini(&file->list);
	remote_reply_fini(&file->content);
	free(file->path);
	pthread_mutex_lock(&f->lock);
	*file = (struct far_file){ 0 };
	pthread_mutex_unlock(&f->lock);
	return rc;
}

static ssize_t read_there(struct far_agent *f, int fd, void *to, size_t n, uint64_t offset)
{
	const struct remote_request rq = { .op = OP_READ,
		.handle = f->files[fd].handle,
		.offset = offset,
		.size = n < f->far.max ? n : f->far.max };
	struct remote_reply reply = { 0 };
	int rc = far_call(f, &rq, &reply);
	size_t got = rc < 0 ? 0 : reply.n < n ? reply.n : n;

	if (got)
		memcpy(to, reply.data, got);
	remote_reply_fini(&reply);
	return rc < 0 ? rc : (ssize_t)got;
}

static int far_write(struct pack_sys *s, int fd, const void *bytes, size_t n, uint64_t offset)
{
	struct far_agent *f = far_of(s);
	const char *from = bytes;

	while (n) {
		size_t part = n < f->far.max ? n : f->far.max;
		const struct remote_request rq = { .op = OP_WRITE,
			.handle = f->files[fd].handle,
			.offset = offset,
			.data = from,
			.n = part };

		send_ahead(f, fd, &rq);
		from += part;
		offset += part;
		n -= part;
	}
	return f->files[fd].rc;
}

static ssize_t far_read(struct pack_sys *s, int fd, void *to, size_t n, uint64_t offset)
{
	struct far_agent *f = far_of(s);

	return f->files[fd].held ? far_ahead_read(&f->files[fd], to, n, offset)
				 : read_there(f, fd, to, n, offset);
}

static int far_data(struct pack_sys *s, int fd, uint64_t from, uint64_t *ret_at, uint64_t *ret_end)
{
	if (from >= (uint64_t)far_of(s)->files[fd].st.st_size)
		return -ENXIO;
	*ret_at = from;
	*ret_end = UINT64_MAX;
	return 0;
}

static int far_truncate(struct pack_sys *s, int fd, uint64_t size)
{
	struct far_agent *f = far_of(s);
	const struct remote_request rq = { .op = OP_FSET,
		.handle = f->files[fd].handle,
		.sets = SET_SIZE,
		.size = size,
		SET_NO_OWNER,
		SET_NO_TIMES };

	return send_ahead(f, fd, &rq);
}

static int far_zero(struct pack_sys *s, int fd, uint64_t from, uint64_t to)
{
	static const char none[4096];
	int rc = 0;

	while (rc == 0 && from < to) {
		size_t n = to - from < sizeof(none) ? (size_t)(to - from) : sizeof(none);

		rc = far_write(s, fd, none, n, from);
		from += n;
	}
	return rc;
}

static int far_fstat(struct pack_sys *s, int fd, struct stat *ret)
{
	struct far_agent *f = far_of(s);

	if (f->files[fd].dir && f->files[fd].stale)
		return far_stat_path(f, f->files[fd].path, ret);
	*ret = f->files[fd].st;
	return 0;
}

/* Of a file: behind what was written to it. */
static int far_fset(struct pack_sys *s, int fd, const struct pack_set *set)
{
	struct far_agent *f = far_of(s);
	struct remote_request rq = far_set_of(set);

	if (f->files[fd].dir) {
		rq.path = f->files[fd].path;
		return far_simple(f, &rq);
	}
	rq.op = OP_FSET;
	rq.handle = f->files[fd].handle;
	return set->if_allowed ? far_simple(f, &rq) : send_ahead(f, fd, &rq);
}

void far_files(struct pack_sys *ret)
{
	ret->open = far_open;
	ret->close = far_close;
	ret->read = far_read;
	ret->write = far_write;
	ret->data = far_data;
	ret->truncate = far_truncate;
	ret->zero = far_zero;
	ret->fstat = far_fstat;
	ret->fset = far_fset;
}
