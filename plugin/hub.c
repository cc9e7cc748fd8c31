#include "plugin/hub.h"

#include "common/base/lock.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENTS 64

static void on_wake(void *arg, uint32_t events)
{
	struct hub *h = arg;
	uint64_t count;

	if (read(h->wake.fd, &count, sizeof(count)) < 0)
		return;
}

int hub_open(struct hub *h)
{
	*h = (struct hub){ .epoll = epoll_create1(EPOLL_CLOEXEC),
		.wake = { .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .ready = on_wake } };
	h->wake.arg = h;
	h->end = &h->first;
	lock_init(&h->lock);
	if (h->epoll < 0 || h->wake.fd < 0)
		return -errno;
	return hub_want(h, &h->wake, EPOLLIN);
}

void hub_close(struct hub *h)
{
	if (h->wake.fd >= 0)
		close(h->wake.fd);
	if (h->epoll >= 0)
		close(h->epoll);
	pthread_mutex_destroy(&h->lock);
}

int hub_want(struct hub *h, struct hub_watch *w, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = w };

	if (w->fd < 0 || (w->polled && events == w->events))
		return 0;
	if (epoll_ctl(h->epoll, w->polled ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, w->fd, &e) < 0)
		return -errno;
	w->polled = true;
	w->events = events;
	return 0;
}

void hub_forget(struct hub *h, struct hub_watch *w)
{
	if (w->polled)
		epoll_ctl(h->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	w->polled = false;
}

void hub_drop(struct hub *h, struct hub_watch *w)
{
	hub_forget(h, w);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

static bool put(struct hub *h, struct hub_work *w)
{
	scoped_lock(&h->lock);
	if (w->waits)
		return false;
	w->waits = true;
	w->next = NULL;
	*h->end = w;
	h->end = &w->next;
	return true;
}

void hub_poke(struct hub *h, struct hub_work *w)
{
	uint64_t one = 1;
	ssize_t n = put(h, w) ? write(h->wake.fd, &one, sizeof(one)) : 0;

	(void)n; /* full means: awake */
}

static struct hub_work *take(struct hub *h)
{
	struct hub_work *w;

	scoped_lock(&h->lock);
	w = h->first;
	if (!w)
		return NULL;
	h->first = w->next;
	if (!h->first)
		h->end = &h->first;
	w->waits = false;
	return w;
}

void hub_turn(struct hub *h, int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(h->epoll, events, EVENTS, timeout_ms);
	struct hub_work *w;

	for (int i = 0; i < n; i++) {
		struct hub_watch *watch = events[i].data.ptr;

		/* Dropped by one that came before it in this turn? */
		if (watch->polled)
			watch->ready(watch->arg, events[i].events);
	}
	while ((w = take(h)))
		w->run(w);
}
