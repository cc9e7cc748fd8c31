#include "common/base/io.h"
#include "common/base/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* 0 when ready, -ETIMEDOUT. A descriptor in error counts as ready: the call tells. */
static int wait_for(int fd, short events, int64_t deadline_ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		int n = poll(&p, 1, deadline_left(deadline_ms));

		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

ssize_t io_read_some(int fd, void *bytes, size_t n, int64_t deadline_ms)
{
	for (;;) {
		int rc = wait_for(fd, POLLIN, deadline_ms);
		ssize_t got;

		if (rc < 0)
			return rc;
		got = read(fd, bytes, n);
		if (got >= 0)
			return got;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
}

int io_read_all(int fd, void *bytes, size_t n, int64_t deadline_ms)
{
	char *at = bytes;

	while (n) {
		ssize_t got = io_read_some(fd, at, n, deadline_ms);

		if (got < 0)
			return (int)got;
		if (got == 0)
			return -EPIPE;
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

static ssize_t write_once(int fd, const void *bytes, size_t n)
{
	ssize_t put = send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (put < 0 && errno == ENOTSOCK)
		put = write(fd, bytes, n);
	return put;
}

int io_write_all(int fd, const void *bytes, size_t n, int64_t deadline_ms)
{
	const char *at = bytes;

	while (n) {
		ssize_t put;
		int rc = wait_for(fd, POLLOUT, deadline_ms);

		if (rc < 0)
			return rc;
		put = write_once(fd, at, n);
		if (put < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (put > 0) {
			at += put;
			n -= (size_t)put;
		}
	}
	return 0;
}

int io_put_all(int fd, const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n) {
		ssize_t put = write(fd, at, n);
		struct pollfd ready = { fd, POLLOUT, 0 };

		if (put == 0)
			return -ENOSPC;
		if (put < 0 && errno == EAGAIN)
			poll(&ready, 1, -1);
		else if (put < 0 && errno != EINTR)
			return -errno;
		if (put > 0) {
			at += put;
			n -= (size_t)put;
		}
	}
	return 0;
}

int io_read_file(const char *path, struct buf *ret)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (;;) {
		char piece[16 * 1024];
		ssize_t n = read(fd, piece, sizeof(piece));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		buf_add(ret, piece, (size_t)n);
		if (buf_check(ret) < 0)
			return -EMSGSIZE;
	}
}

static int fill_and_sync(int fd, const void *bytes, size_t n, unsigned mode)
{
	int rc = io_put_all(fd, bytes, n);

	if (rc < 0)
		return rc;
	if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

int io_replace_file(const char *path, const void *bytes, size_t n, unsigned mode)
{
	auto_free char *temp = xprintf("%s.XXXXXX", path);
	auto_close int fd = mkostemp(temp, O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	rc = fill_and_sync(fd, bytes, n, mode);
	if (rc == 0 && rename(temp, path) < 0)
		rc = -errno;
	if (rc < 0)
		unlink(temp);
	return rc;
}

int io_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

int io_pair(int ret_fds[static 2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_fds) < 0)
		return -errno;
	return 0;
}
