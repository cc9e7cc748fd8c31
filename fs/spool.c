#include "fs/spool.h"

#include <fcntl.h>

#define HOLE                                                                                       \
	(64 * 1024u) /* a multiple of a file system's block: a hole in a part of one frees nothing */

void spool_init(struct spool *s)
{
	*s = (struct spool){ .fd = -1 };
	buf_init(&s->mem, SPOOL_MEMORY_MAX + SPOOL_SLACK);
}

void spool_fini(struct spool *s)
{
	buf_fini(&s->mem);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static int open_file(void)
{
	const char *dir = getenv("TMPDIR");
	auto_free char *name = NULL;
	int fd;

	if (!dir || !*dir)
		dir = "/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	name = xprintf("%s/sbxfs-XXXXXX", dir);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(name);
	return fd;
}

/* How many were written; rc is set when that is not all. */
static size_t write_some(struct spool *s, const char *bytes, size_t n, uint64_t offset)
{
	size_t at = 0;

	s->rc = 0;
	while (at < n && s->rc == 0) {
		ssize_t got = pwrite(s->fd, bytes + at, n - at, (off_t)(offset + at));

		if (got > 0)
			at += (size_t)got;
		else if (got == 0 || errno != EINTR)
			s->rc = got == 0 ? -EIO : -errno;
	}
	return at;
}

int spool_flush(struct spool *s)
{
	size_t n;
	int fd;

	if (s->fd < 0 ? s->mem.len <= SPOOL_MEMORY_MAX : s->mem.len == 0)
		return s->rc = 0;
	if (s->fd < 0) {
		fd = open_file();
		if (fd < 0)
			return s->rc = fd;
		s->fd = fd;
	}
	n = write_some(s, s->mem.data, s->mem.len, s->mem_at);
	buf_drop(&s->mem, n);
	s->mem_at += n;
	if (s->mem.len == 0)
		buf_fini(&s->mem);
	return s->rc;
}

int spool_add(struct spool *s, const void *bytes, size_t n)
{
	bool straight = s->fd >= 0 && s->mem.len == 0;
	size_t put = straight ? write_some(s, bytes, n, s->len) : 0;

	if (s->mem.len + n - put > SPOOL_MEMORY_MAX + SPOOL_SLACK)
		return -ENOBUFS;
	if (straight)
		s->mem_at = s->len + put;
	buf_add(&s->mem, (const char *)bytes + put, n - put);
	s->len += n;
	if (!straight)
		spool_flush(s);
	return 0;
}

static ssize_t read_file(const struct spool *s, uint64_t offset, char *ret, size_t n)
{
	ssize_t got;

	do
		got = pread(s->fd, ret, n, (off_t)offset);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got == 0 ? -EIO : got;
}

ssize_t spool_read(struct spool *s, uint64_t offset, void *ret, size_t n)
{
	size_t at = 0;

	if (offset < s->start)
		return -ENODATA;
	if (offset >= s->len)
		return 0;
	if (n > s->len - offset)
		n = s->len - offset;
	while (at < n && offset + at < s->mem_at) {
		size_t left = s->mem_at - offset - at;
		ssize_t got =
			read_file(s, offset + at, (char *)ret + at, n - at < left ? n - at : left);

		if (got < 0)
			return at > 0 ? (ssize_t)at : got;
		at += (size_t)got;
	}
	if (at < n)
		memcpy((char *)ret + at, s->mem.data + (offset + at - s->mem_at), n - at);
	return (ssize_t)n;
}

/* From where the last hole ended: both ends are rounded down. */
static bool punch(const struct spool *s, uint64_t upto)
{
	uint64_t from = s->start / HOLE * HOLE;

	upto = upto / HOLE * HOLE;
	return upto <= from || fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				       (off_t)from, (off_t)(upto - from)) == 0;
}

uint64_t spool_forget(struct spool *s, uint64_t upto)
{
	uint64_t old = s->start;

	if (upto > s->len)
		upto = s->len;
	if (upto <= old || (s->fd >= 0 && !punch(s, upto < s->mem_at ? upto : s->mem_at)))
		return 0;
	if (upto > s->mem_at) {
		buf_drop(&s->mem, upto - s->mem_at);
		s->mem_at = upto;
	}
	s->start = upto;
	return upto - old;
}

void spool_forget_all(struct spool *s)
{
	spool_fini(s);
	s->start = s->mem_at = s->len;
	s->rc = 0;
}
