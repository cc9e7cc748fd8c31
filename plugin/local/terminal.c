#include "plugin/local/terminal.h"
#include "common/base/clock.h"
#include "common/base/io.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define HAND_OVER_MS 5000

int terminal_open(struct terminal *t, const char *dir)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	static unsigned count;

	*t = (struct terminal){ .dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC),
		.listener = -1 };
	if (t->dir < 0)
		return -errno;
	snprintf(t->name, sizeof(t->name), "tty.%u",
		__atomic_add_fetch(&count, 1, __ATOMIC_RELAXED));
	snprintf(t->path, sizeof(t->path), "/proc/%d/fd/%d/%s", (int)getpid(), t->dir, t->name);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", t->path);
	unlinkat(t->dir, t->name, 0);
	t->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (t->listener < 0 ||
		bind(t->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(t->listener, 1) < 0) {
		int rc = -errno;

		terminal_close(t);
		return rc;
	}
	return 0;
}

static int receive(int from, int *ret_fd)
{
	char byte[256], control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { byte, sizeof(byte) };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *c;

	if (recvmsg(from, &m, MSG_CMSG_CLOEXEC) < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&m);
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -EBADMSG;
	memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
	return 0;
}

int terminal_take(struct terminal *t, int *ret_fd)
{
	struct pollfd p = { .fd = t->listener, .events = POLLIN };
	auto_close int from = -1;

	if (poll(&p, 1, HAND_OVER_MS) <= 0)
		return -ETIMEDOUT;
	from = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC);
	if (from < 0)
		return -errno;
	p.fd = from;
	if (poll(&p, 1, HAND_OVER_MS) <= 0)
		return -ETIMEDOUT;
	return receive(from, ret_fd);
}

void terminal_close(struct terminal *t)
{
	if (t->listener >= 0)
		close(t->listener);
	if (t->dir >= 0) {
		unlinkat(t->dir, t->name, 0);
		close(t->dir);
	}
	t->listener = t->dir = -1;
}

int terminal_resize(int fd, uint16_t columns, uint16_t rows)
{
	struct winsize size = { .ws_col = columns, .ws_row = rows };

	return ioctl(fd, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}
