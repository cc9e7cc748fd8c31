#include "plugin/offer.h"

#include "common/base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define STANDARD 3

struct message {
	char byte; /* one must go with them */
	struct iovec iov;
	struct msghdr head;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(STANDARD * sizeof(int))];
	} control;
};

static void message_init(struct message *m)
{
	*m = (struct message){ .byte = 0 };
	m->iov = (struct iovec){ &m->byte, 1 };
	m->head = (struct msghdr){ .msg_iov = &m->iov,
		.msg_iovlen = 1,
		.msg_control = m->control.bytes,
		.msg_controllen = sizeof(m->control.bytes) };
}

static int send_standard(int to)
{
	static const int fds[STANDARD] = { 0, 1, 2 };
	struct message m;
	struct cmsghdr *c;

	message_init(&m);
	c = CMSG_FIRSTHDR(&m.head);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	return sendmsg(to, &m.head, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* false: the offer is gone. */
static bool receive(int from, int ret[static STANDARD])
{
	struct message m;
	const struct cmsghdr *c;

	message_init(&m);
	if (recvmsg(from, &m.head, MSG_DONTWAIT) != 1)
		return false;
	c = CMSG_FIRSTHDR(&m.head);
	if (!c || c->cmsg_len != CMSG_LEN(STANDARD * sizeof(*ret)))
		return false;
	memcpy(ret, CMSG_DATA(c), STANDARD * sizeof(*ret));
	return true;
}

int offer_open(struct offer *o)
{
	int fds[2], rc;

	*o = (struct offer){ -1, -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	*o = (struct offer){ fds[0], fds[1] };
	rc = send_standard(o->ours);
	if (rc < 0)
		offer_close(o);
	return rc;
}

void offer_close(struct offer *o)
{
	if (o->ours >= 0)
		close(o->ours);
	if (o->theirs >= 0)
		close(o->theirs);
	*o = (struct offer){ -1, -1 };
}

void offer_let_go(void)
{
	for (int fd = 0; fd < STANDARD; fd++)
		close(fd);
}

/* What came has the lowest free numbers, none above its own; so from above none is in another's way. */
bool offer_take(struct offer *o, unsigned char number)
{
	int fds[STANDARD];

	if (!receive(o->theirs, fds))
		return false;
	for (int fd = STANDARD - 1; fd >= 0; fd--) {
		if (fds[fd] == fd)
			continue;
		dup2(fds[fd], fd);
		close(fds[fd]);
	}
	return send(o->theirs, &number, 1, MSG_NOSIGNAL) == 1;
}

bool offer_withdraw(struct offer *o)
{
	int fds[STANDARD];

	if (!receive(o->theirs, fds))
		return false;
	for (int i = 0; i < STANDARD; i++)
		close(fds[i]);
	return true;
}

int offer_taker(struct offer *o)
{
	unsigned char number;

	return recv(o->ours, &number, 1, MSG_DONTWAIT) == 1 ? number : -1;
}
