#include "fs/spool.h"

#include <fcntl.h>

void spool_init(struct spool *s)
{
	*s = (struct spool){ .fd = -1 };
	buf_init(&s->mem, SPOOL_MEMORY_MAX);
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

static int write_at(int fd, const char *bytes, size_t n, uint64_t offset)
{
	ssize_t rc;

	for (size_t at = 0; at < n; at += (size_t)rc) {
		rc = pwrite(fd, bytes + at, n - at, (off_t)(offset + at));
		if (rc < 0 && errno == EINTR)
			rc = 0;
		else if (rc <= 0)
			return rc < 0 ? -errno : -EIO;
	}
	return 0;
}

static int spill(struct spool *s)
{
	auto_close int fd = open_file();
	int rc;

	if (fd < 0)
		return fd;
	rc = write_at(fd, buf_text(&s->mem), s->mem.len, 0);
	if (rc < 0)
		return rc;
	s->fd = take_fd(fd);
	buf_fini(&s->mem);
	return 0;
}

int spool_add(struct spool *s, const void *bytes, size_t n)
{
	int rc = 0;

	if (s->fd < 0 && s->mem.len + n <= SPOOL_MEMORY_MAX) {
		buf_add(&s->mem, bytes, n);
	} else {
		if (s->fd < 0)
			rc = spill(s);
		if (rc == 0)
			rc = write_at(s->fd, bytes, n, s->len);
	}
	if (rc == 0)
		s->len += n;
	return rc;
}

ssize_t spool_read(struct spool *s, uint64_t offset, void *ret, size_t n)
{
	ssize_t rc;

	if (offset < s->start)
		return -EIO;
	if (offset >= s->len)
		return 0;
	if (n > s->len - offset)
		n = s->len - offset;
	if (s->fd < 0) {
		memcpy(ret, s->mem.data + offset, n);
		return (ssize_t)n;
	}
	do
		rc = pread(s->fd, ret, n, (off_t)offset);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : rc == 0 ? -EIO : rc;
}

void spool_forget(struct spool *s, uint64_t upto)
{
	if (s->fd < 0 || upto <= s->start)
		return;
	if (upto > s->len)
		upto = s->len;
	if (fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)s->start,
		    (off_t)(upto - s->start)) == 0)
		s->start = upto;
}
