#include "common/remote/outq.h"

#include "common/base/clock.h"

#include <sys/socket.h>

void outq_init(struct outq *q, int fd, size_t max_bytes)
{
	*q = (struct outq){ .fd = fd, .bytes = BUF_INIT(max_bytes) };
}

void outq_fini(struct outq *q)
{
	if (!q)
		return;
	buf_fini(&q->bytes);
	q->at = 0;
}

size_t outq_left(const struct outq *q)
{
	return q->bytes.len - q->at;
}

static ssize_t send_some(int fd, const char *bytes, size_t n)
{
	ssize_t put;

	do
		put = send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (put < 0 && errno == EINTR);
	if (put < 0)
		return errno == EAGAIN ? 0 : -EPIPE;
	return put;
}

int outq_put(struct outq *q, const void *bytes, size_t n)
{
	ssize_t put = outq_left(q) ? 0 : send_some(q->fd, bytes, n);

	if (put < 0)
		return (int)put;
	if ((size_t)put < n)
		buf_add(&q->bytes, (const char *)bytes + put, n - (size_t)put);
	return buf_check(&q->bytes);
}

/* Moving the rest to the front only when it is the smaller half keeps the cost linear. */
static void forget_sent(struct outq *q)
{
	if (q->at == q->bytes.len)
		buf_fini(&q->bytes);
	else if (q->at > q->bytes.len / 2)
		buf_drop(&q->bytes, q->at);
	else
		return;
	q->at = 0;
}

int outq_drain(struct outq *q)
{
	ssize_t put;

	if (!outq_left(q))
		return 0;
	put = send_some(q->fd, q->bytes.data + q->at, outq_left(q));
	if (put < 0)
		return (int)put;
	if (put)
		q->taken_ms = clock_now_ms();
	q->at += (size_t)put;
	forget_sent(q);
	return 0;
}
