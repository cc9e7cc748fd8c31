#include "plugin/local/forward.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "plugin/local/shimfolder.h"
#include "plugin/local/streampriv.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>

#define CONNECT_S 5 /* it is the Pod's own loopback: only a full queue takes time */

static void queue(struct stream *s, uint8_t channel, const void *bytes, size_t n)
{
	struct piece *p = piece_new();

	p->bytes[STREAM_PRE] = channel;
	memcpy(p->bytes + STREAM_PRE + 1, bytes, n);
	p->len = n + 1;
	stream_queue_output(s, p);
}

static int connect_to(const struct sockaddr *a, socklen_t n)
{
	struct timeval most = { .tv_sec = CONNECT_S };
	auto_close int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, a, n) < 0)
		return -errno;
	return take_fd(fd);
}

struct errand {
	int ns; /* descriptor of the network */
	uint16_t port;
	int fd; /* the connection, or -errno */
};

/* A thread's own: its network is changed for good. */
static void *connect_there(void *arg)
{
	struct errand *e = arg;
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		.sin_port = htons(e->port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(e->port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };

	e->fd = setns(e->ns, CLONE_NEWNET) < 0 ? -errno
					       : connect_to((struct sockaddr *)&v4, sizeof(v4));
	if (e->fd == -ECONNREFUSED)
		e->fd = connect_to((struct sockaddr *)&v6, sizeof(v6));
	if (e->fd == -EADDRNOTAVAIL || e->fd == -EAFNOSUPPORT)
		e->fd = -ECONNREFUSED; /* no ::1 there, and the other was refused */
	return NULL;
}

static int connect_inside(const struct stream *s)
{
	struct errand e = { .ns = -1, .port = s->o.port };
	auto_free char *path = NULL;
	auto_close int ns = -1;
	pthread_t thread;
	pid_t shim;
	int rc = shimfolder_pid(s->o.pod_dir, &shim);

	if (rc < 0)
		return rc;
	path = xprintf("/proc/%d/ns/net", (int)shim);
	e.ns = ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return -errno;
	rc = pthread_create(&thread, NULL, connect_there, &e);
	if (rc)
		return -rc;
	pthread_join(thread, NULL);
	return e.fd;
}

int forward_begin(struct stream *s)
{
	const uint8_t number[2] = { (uint8_t)s->o.port, (uint8_t)(s->o.port >> 8) };
	int fd = connect_inside(s);

	queue(s, FORWARD_DATA, number, sizeof(number));
	queue(s, FORWARD_ERROR, number, sizeof(number));
	if (fd < 0) {
		auto_free char *text = xprintf("error forwarding port %u to pod: connect: %s",
			s->o.port, fd == -ECONNREFUSED ? "connection refused" : strerror(-fd));

		queue(s, FORWARD_ERROR, text, strlen(text));
		return fd;
	}
	io_nonblock(fd);
	s->out.fd = fd;
	s->in.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return s->in.fd < 0 ? -errno : 0;
}
