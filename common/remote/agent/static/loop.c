#include "common/remote/agent/static/loop.h"

#include <errno.h>
#include <unistd.h>

#define EVENTS 64

int loop_open(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int watch_set(int loop, struct watch *w, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = w };
	int op = !events ? EPOLL_CTL_DEL : w->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (w->fd < 0 || events == w->events)
		return 0;
	if (epoll_ctl(loop, op, w->fd, &e) < 0)
		return -errno;
	w->events = events;
	return 0;
}

void watch_close(int loop, struct watch *w)
{
	if (w->fd < 0)
		return;
	watch_set(loop, w, 0);
	close(w->fd);
	w->fd = -1;
}

void loop_turn(int loop, int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(loop, events, EVENTS, timeout_ms);

	for (int i = 0; i < n; i++) {
		struct watch *w = events[i].data.ptr;

		/* Closed by one that came before it in this turn. */
		if (w->fd >= 0 && w->events)
			w->ready(w->arg, events[i].events);
	}
}
