#include "tests/lib/wspeer.h"

#include "common/kube/upgrade.h"

#include <arpa/inet.h>
#include <assert.h>
#include <sys/socket.h>

#define CONNS_MAX 512

struct run {
	struct peer *peer;
	int fd;
	pthread_t thread;
};

struct peer {
	int fd;
	peer_script *script;
	void *arg;
	struct kube_target target;
	pthread_t thread;
	struct run runs[CONNS_MAX];
	size_t count;
};

static bool put(int fd, const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n > 0) {
		ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		at += sent;
		n -= sent;
	}
	return true;
}

static bool get(int fd, void *bytes, size_t n)
{
	return n == 0 || recv(fd, bytes, n, MSG_WAITALL) == (ssize_t)n;
}

void peer_reply(struct peer_conn *c, const char *text)
{
	put(c->fd, text, strlen(text));
}

void peer_upgrade(struct peer_conn *c, const char *protocol)
{
	const char *at = strstr(c->request, "Sec-WebSocket-Key: ");
	auto_free char *key = NULL, *text = NULL;
	char accept[29];

	assert(at);
	key = xstrndup(at + 19, 24);
	upgrade_accept(key, accept);
	text = xprintf(
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
		accept, protocol);
	peer_reply(c, text);
}

bool peer_send(struct peer_conn *c, unsigned first, const void *bytes, size_t n)
{
	auto_buf b = BUF_INIT(64 << 20);

	buf_char(&b, first);
	buf_char(&b, n <= 125 ? n : n <= 65535 ? 126 : 127);
	for (int i = n <= 125 ? -1 : n <= 65535 ? 1 : 7; i >= 0; i--)
		buf_char(&b, (uint64_t)n >> 8 * i & 255);
	buf_add(&b, bytes, n);
	return put(c->fd, b.data, b.len);
}

bool peer_channel(struct peer_conn *c, int channel, const void *bytes, size_t n)
{
	auto_buf b = BUF_INIT(64 << 20);

	buf_char(&b, channel);
	buf_add(&b, bytes, n);
	return peer_send(c, 0x82, b.data, b.len);
}

int peer_recv(struct peer_conn *c, struct buf *ret)
{
	uint8_t head[2], wide[8] = { 0 }, key[4];
	size_t n, extra;

	if (!get(c->fd, head, 2))
		return -1;
	assert((head[0] & 0xf0) == 0x80 && head[1] & 0x80);
	n = head[1] & 0x7f;
	extra = n == 126 ? 2 : n == 127 ? 8 : 0;
	if (!get(c->fd, wide, extra) || !get(c->fd, key, 4))
		return -1;
	if (extra)
		n = 0;
	for (size_t i = 0; i < extra; i++)
		n = n << 8 | wide[i];
	assert(n <= 32 * 1024 + 1);
	buf_reset(ret);
	if (!get(c->fd, buf_room(ret, n), n))
		return -1;
	for (size_t i = 0; i < n; i++)
		ret->data[ret->len + i] ^= key[i % 4];
	buf_grew(ret, n);
	return head[0] & 0x0f;
}

int peer_recv_data(struct peer_conn *c, struct buf *ret)
{
	int op;

	do
		op = peer_recv(c, ret);
	while (op == 9 || (op == 2 && ret->len == 0));
	return op;
}

static void *run(void *arg)
{
	struct run *r = arg;
	struct peer_conn *c = xcalloc(1, sizeof *c);
	size_t n = 0;

	c->fd = r->fd;
	c->arg = r->peer->arg;
	while (n + 1 < sizeof c->request && !strstr(c->request, "\r\n\r\n") &&
		recv(c->fd, c->request + n, 1, 0) == 1)
		n++;
	if (n > 0)
		r->peer->script(c);
	free(c);
	close(r->fd);
	return NULL;
}

static void *accept_all(void *arg)
{
	struct peer *p = arg;
	int fd;

	while ((fd = accept(p->fd, NULL, NULL)) >= 0) {
		struct run *r = &p->runs[p->count++];

		assert(p->count < CONNS_MAX);
		*r = (struct run){ .peer = p, .fd = fd };
		pthread_create(&r->thread, NULL, run, r);
	}
	return NULL;
}

struct peer *peer_open(peer_script *script, void *arg)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct peer *p = xcalloc(1, sizeof *p);
	socklen_t len = sizeof at;
	int rc;

	p->script = script;
	p->arg = arg;
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	rc = bind(p->fd, (struct sockaddr *)&at, sizeof at);
	assert(rc == 0);
	rc = listen(p->fd, 64);
	assert(rc == 0);
	getsockname(p->fd, (struct sockaddr *)&at, &len);
	p->target.context = p->target.ns = xstrdup("peer");
	p->target.host = xstrdup("127.0.0.1");
	p->target.port = ntohs(at.sin_port);
	p->target.server = xprintf("http://127.0.0.1:%d", p->target.port);
	pthread_create(&p->thread, NULL, accept_all, p);
	return p;
}

void peer_close(struct peer *p)
{
	shutdown(p->fd, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	for (size_t i = 0; i < p->count; i++)
		pthread_join(p->runs[i].thread, NULL);
	close(p->fd);
	free(p->target.ns);
	free(p->target.host);
	free(p->target.server);
	free(p);
}

struct kube_target *peer_target(struct peer *p)
{
	return &p->target;
}
