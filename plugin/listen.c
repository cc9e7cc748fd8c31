#include "plugin/listen.h"

#include "common/base/buf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 128

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int address_of(const char *text, uint16_t port, union address *ret)
{
	union address a = { 0 };

	if (inet_pton(AF_INET, text, &a.v4.sin_addr) == 1) {
		a.v4.sin_family = AF_INET;
		a.v4.sin_port = htons(port);
	} else if (inet_pton(AF_INET6, text, &a.v6.sin6_addr) == 1) {
		a.v6.sin6_family = AF_INET6;
		a.v6.sin6_port = htons(port);
	} else {
		return -EINVAL;
	}
	*ret = a;
	return 0;
}

/* *a then has the port that it is. */
static int listen_at(union address *a)
{
	bool v6 = a->any.sa_family == AF_INET6;
	socklen_t n = v6 ? sizeof(a->v6) : sizeof(a->v4);
	auto_close int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (v6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &a->any, n) < 0 || listen(fd, BACKLOG) < 0 || getsockname(fd, &a->any, &n) < 0)
		return -errno;
	return take_fd(fd);
}

static int no_listening(int rc, const char *address, uint16_t port, struct err *err)
{
	if (rc == -EADDRINUSE)
		return err_set(err, rc,
			"cannot listen on %s port %u: it is in use here; give another one, as in "
			"%u:%u, or :%u for any",
			address, port, port < 64536 ? port + 1000 : port - 1000, port, port);
	if (rc == -EACCES)
		return err_set(err, rc,
			"cannot listen on %s port %u: low ports are root's; give a higher one, as "
			"in %u:%u",
			address, port, port + 8000, port);
	return err_set(err, rc, "cannot listen on %.60s port %u: %s", address, port,
		rc == -EINVAL ? "that is no address; write a number, or localhost" : strerror(-rc));
}

static int add(struct listeners *ls, const char *text, const struct port *port, uint16_t here,
	struct err *err)
{
	struct listener *l;
	union address a;
	int rc = address_of(text, here, &a);
	int fd = rc < 0 ? rc : listen_at(&a);

	if (fd < 0)
		return no_listening(fd, text, here, err);
	ls->at = xrealloc(ls->at, (ls->count + 1) * sizeof(*ls->at));
	l = &ls->at[ls->count++];
	*l = (struct listener){ .watch = { .fd = fd }, .port = *port };
	l->port.here = ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
	snprintf(l->shown, sizeof(l->shown), a.any.sa_family == AF_INET ? "%s:%u" : "[%s]:%u", text,
		l->port.here);
	return 0;
}

/* ::1 under the same number; it need not be there. */
static int add_localhost(struct listeners *ls, const struct port *port, struct err *err)
{
	int rc = add(ls, "127.0.0.1", port, port->here, err);

	if (!rc)
		rc = add(ls, "::1", port, ls->at[ls->count - 1].port.here, NULL);
	return rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT || rc == -EADDRINUSE ? 0 : rc;
}

static int add_word(
	struct listeners *ls, const char *word, size_t n, const struct port *port, struct err *err)
{
	auto_free char *text = xstrndup(word, n);

	return strcmp(text, "localhost") ? add(ls, text, port, port->here, err)
					 : add_localhost(ls, port, err);
}

int listeners_open(struct listeners *ls, const char *addresses, const struct port *ports,
	size_t count, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i++) {
		for (const char *at = addresses; !rc && *at;) {
			size_t n = strcspn(at, ",");

			rc = add_word(ls, at, n, &ports[i], err);
			at += n + (at[n] == ',');
		}
	}
	return rc;
}

void listeners_fini(struct listeners *ls)
{
	for (size_t i = 0; i < ls->count; i++)
		if (ls->at[i].watch.fd >= 0)
			close(ls->at[i].watch.fd);
	free(ls->at);
	*ls = (struct listeners){ 0 };
}
