#include "common/remote/outq.h"

#include "common/base/clock.h"

#include <sys/socket.h>

/* Memory of a queue that was emptied is kept up to this. */
#define KEEP_BYTES (64 * 1024)

void outq_init(struct outq *q, int fd, size_t max_bytes)
{
	*q = (struct outq){ .fd = fd,
		.rest = BUF_INIT(max_bytes),
		.queued = BUF_INIT(max_bytes),
		.going = BUF_INIT(max_bytes) };
}

void outq_fini(struct outq *q)
{
	if (!q)
		return;
	buf_fini(&q->rest);
	buf_fini(&q->queued);
	buf_fini(&q->going);
	q->at = 0;
}

static size_t rest(const struct outq *q)
{
	return q->rest.len - q->at;
}

size_t outq_left(const struct outq *q)
{
	return rest(q) + q->queued.len + (q->sending == q->going.data ? q->going.len : 0);
}

bool outq_stuck(const struct outq *q)
{
	return rest(q) > 0;
}

bool outq_waits(const struct outq *q)
{
	return q->queued.len > 0;
}

void outq_put(struct outq *q, const void *bytes, size_t n)
{
	buf_add(&q->queued, bytes, n);
}

static void forget(struct buf *b)
{
	if (b->cap > KEEP_BYTES)
		buf_fini(b);
	else
		buf_reset(b);
}

bool outq_take(struct outq *q, bool room)
{
	struct buf empty;

	if (q->sending || (rest(q) && !room))
		return false;
	if (rest(q)) {
		q->sending = q->rest.data + q->at;
		q->sending_n = rest(q);
		return true;
	}
	if (!q->queued.len)
		return false;
	empty = q->going;
	q->going = q->queued;
	q->queued = empty;
	q->sending = q->going.data;
	q->sending_n = q->going.len;
	return true;
}

bool outq_take_these(struct outq *q, const void *bytes, size_t n)
{
	if (q->sending || rest(q) || q->queued.len)
		return false;
	q->sending = bytes;
	q->sending_n = n;
	return true;
}

ssize_t outq_send(const struct outq *q)
{
	ssize_t put;

	if (q->duct)
		return duct_put(q->duct, q->sending, q->sending_n);
	do
		put = send(q->fd, q->sending, q->sending_n, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (put < 0 && errno == EINTR);
	if (put < 0)
		return errno == EAGAIN ? 0 : -EPIPE;
	return put;
}

/* Moving the rest to the front only when it is the smaller half keeps the cost linear. */
static void forget_sent(struct outq *q)
{
	if (q->at == q->rest.len)
		forget(&q->rest);
	else if (q->at > q->rest.len / 2)
		buf_drop(&q->rest, q->at);
	else
		return;
	q->at = 0;
}

static void took_of_rest(struct outq *q, size_t put)
{
	if (put)
		q->taken_ms = clock_now_ms();
	q->at += put;
	forget_sent(q);
}

int outq_took(struct outq *q, size_t put)
{
	if (rest(q))
		took_of_rest(q, put);
	else if (put < q->sending_n)
		buf_add(&q->rest, q->sending + put, q->sending_n - put);
	q->sending = NULL;
	forget(&q->going);
	return buf_check(&q->rest) < 0 ? -EMSGSIZE : buf_check(&q->queued);
}
