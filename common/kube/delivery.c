#include "common/kube/delivery.h"

#include <sys/socket.h>

void delivery_init(struct delivery *d, int fd, size_t max_bytes)
{
	*d = (struct delivery){ .fd = fd, .on = true };
	buf_init(&d->backlog, max_bytes);
	pthread_mutex_init(&d->lock, NULL);
}

void delivery_fini(struct delivery *d)
{
	buf_fini(&d->backlog);
	pthread_mutex_destroy(&d->lock);
}

size_t delivery_left(const struct delivery *d)
{
	return d->backlog.len - d->taken;
}

void delivery_stop(struct delivery *d)
{
	d->on = false;
	d->taken = 0;
	buf_fini(&d->backlog);
}

/* Bytes that the pair took; all of them when nobody reads any more. */
static size_t send_some(struct delivery *d, const void *bytes, size_t n)
{
	ssize_t sent;

	do
		sent = send(d->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return (size_t)sent;
	if (errno == EAGAIN)
		return 0;
	delivery_stop(d);
	return n;
}

static bool hand_over(struct delivery *d, const void *bytes, size_t n)
{
	scoped_lock(&d->lock);
	if (d->tapped && n > 0)
		d->user.bytes(d->user.arg, bytes, n);
	return d->tapped;
}

void delivery_room(struct delivery *d)
{
	scoped_lock(&d->lock);
	if (d->tapped)
		d->user.room(d->user.arg);
}

/* The front is cut off when it is the larger half, so that each byte is moved once. */
static void cut(struct delivery *d, bool always)
{
	if (!always && d->taken <= d->backlog.len / 2)
		return;
	buf_drop(&d->backlog, d->taken);
	d->taken = 0;
}

int delivery_put(struct delivery *d, const uint8_t *bytes, size_t n)
{
	size_t sent = 0;

	if (!d->on || hand_over(d, bytes, n))
		return 0;
	if (delivery_left(d) == 0 && n > 0)
		sent = send_some(d, bytes, n);
	if (!d->on)
		return 0;
	if (d->backlog.len + n - sent > d->backlog.max)
		cut(d, true);
	buf_add(&d->backlog, bytes + sent, n - sent);
	if (!d->backlog.bad)
		return 0;
	delivery_stop(d);
	return -ENOBUFS;
}

void delivery_go_on(struct delivery *d)
{
	while (d->on && delivery_left(d) > 0) {
		size_t n = send_some(d, d->backlog.data + d->taken, delivery_left(d));

		if (n == 0)
			break;
		if (d->on)
			d->taken += n;
	}
	cut(d, false);
	if (d->backlog.len == 0)
		buf_fini(&d->backlog);
}

void delivery_tap(struct delivery *d, const struct duct_user *user)
{
	scoped_lock(&d->lock);
	d->user = *user;
	d->tapped = true;
}

void delivery_untap(struct delivery *d)
{
	scoped_lock(&d->lock);
	d->tapped = false;
}
