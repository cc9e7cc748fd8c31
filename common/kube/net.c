#include "common/kube/net.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kube/stream.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define EVENTS_MAX 64
#define TICK_MS    1000

struct list {
	struct stream **at; /* each with a reference */
	size_t n, cap;
};

struct net {
	int epoll_fd;
	int wake_fd; /* an eventfd, in epoll with a NULL pointer */
	pthread_t thread;

	/* The thread's own. */
	struct list streams;
	int64_t tick_ms; /* when the next tick is due */
	bool more;       /* some stream was cut short for the others' sake */
	bool over;       /* some stream is gone */

	pthread_mutex_t lock; /* the two below */
	struct list posted;
	bool stop;
};

static void list_add(struct list *l, struct stream *s)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 8;
		l->at = xrealloc(l->at, l->cap * sizeof *l->at);
	}
	l->at[l->n++] = s;
}

static void list_fini(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		stream_unref(l->at[i]);
	free(l->at);
}

static bool list_has(const struct list *l, const struct stream *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i] == s)
			return true;
	return false;
}

static void wake(struct net *n)
{
	uint64_t one = 1;

	/* Only full counters refuse, and those wake too. */
	if (write(n->wake_fd, &one, sizeof one) < 0)
		trace(EXEC, "net: wake: %s", strerror(errno));
}

void net_post(struct net *n, struct stream *s)
{
	{
		scoped_lock(&n->lock);
		list_add(&n->posted, stream_ref(s));
	}
	wake(n);
}

/* Forgets what is over and finds the next tick: one walk. */
static void sweep(struct net *n)
{
	size_t kept = 0;

	n->tick_ms = clock_now_ms() + TICK_MS;
	for (size_t i = 0; i < n->streams.n; i++) {
		struct stream *s = n->streams.at[i];

		if (stream_is_gone(s)) {
			stream_unref(s);
			continue;
		}
		if (stream_due_ms(s) < n->tick_ms)
			n->tick_ms = stream_due_ms(s);
		n->streams.at[kept++] = s;
	}
	n->streams.n = kept;
	n->over = false;
}

static void tick(struct net *n)
{
	if (clock_now_ms() < n->tick_ms)
		return;
	for (size_t i = 0; i < n->streams.n; i++)
		stream_tick(n->streams.at[i]);
	sweep(n);
}

/* After its turn. Only what it did is looked at: there may be hundreds of others. */
static void mind(struct net *n, struct stream *s)
{
	if (!stream_is_gone(s) && stream_due_ms(s) < n->tick_ms)
		n->tick_ms = stream_due_ms(s);
	n->over = n->over || stream_is_gone(s);
	n->more = n->more || stream_has_more(s);
}

/* Serves what was posted. False: stop. */
static bool serve_posted(struct net *n)
{
	struct list posted;
	bool stop;

	{
		scoped_lock(&n->lock);
		posted = n->posted;
		n->posted = (struct list){ 0 };
		stop = n->stop;
	}
	for (size_t i = 0; i < posted.n; i++) {
		struct stream *s = posted.at[i];

		if (!list_has(&n->streams, s) && !stream_is_gone(s))
			list_add(&n->streams, stream_ref(s));
		stream_serve(s, n->epoll_fd);
		mind(n, s);
	}
	list_fini(&posted);
	return !stop;
}

static bool woken(struct net *n)
{
	uint64_t count;

	if (read(n->wake_fd, &count, sizeof count) < 0)
		trace(EXEC, "net: woken: %s", strerror(errno));
	return serve_posted(n);
}

static int wait_ms(const struct net *n)
{
	if (n->more)
		return 0;
	return n->streams.n ? deadline_left(n->tick_ms) : 60 * 1000;
}

static void go_on(struct net *n)
{
	n->more = false;
	for (size_t i = 0; i < n->streams.n; i++) {
		struct stream *s = n->streams.at[i];

		if (stream_has_more(s))
			stream_ready(s, STREAM_NET);
		mind(n, s);
	}
}

static void *run(void *arg)
{
	struct epoll_event events[EVENTS_MAX];
	struct net *n = arg;
	bool go = true;

	pthread_setname_np(pthread_self(), "sbx-net");
	while (go) {
		int count = epoll_wait(n->epoll_fd, events, EVENTS_MAX, wait_ms(n));

		for (int i = 0; i < count; i++) {
			const struct stream_watch *w = events[i].data.ptr;

			if (!w) {
				go = woken(n);
				continue;
			}
			stream_ready(w->stream, w->side);
			mind(n, w->stream);
		}
		if (n->more)
			go_on(n);
		tick(n);
		if (n->over)
			sweep(n);
	}
	for (size_t i = 0; i < n->streams.n; i++)
		stream_stop(n->streams.at[i]);
	return NULL;
}

/* A thread of ours takes no signals: they are the program's. */
static int start(struct net *n)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&n->thread, NULL, run, n);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -rc;
}

static void free_net(struct net *n)
{
	list_fini(&n->streams);
	list_fini(&n->posted);
	if (n->wake_fd >= 0)
		close(n->wake_fd);
	if (n->epoll_fd >= 0)
		close(n->epoll_fd);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

int net_open(struct net **ret)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct net *n = xcalloc(1, sizeof *n);
	int rc = 0;

	pthread_mutex_init(&n->lock, NULL);
	n->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	n->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (n->epoll_fd < 0 || n->wake_fd < 0 ||
		epoll_ctl(n->epoll_fd, EPOLL_CTL_ADD, n->wake_fd, &event) < 0)
		rc = -errno;
	if (rc == 0)
		rc = start(n);
	if (rc < 0) {
		free_net(n);
		return rc;
	}
	*ret = n;
	return 0;
}

void net_close(struct net *n)
{
	if (!n)
		return;
	{
		scoped_lock(&n->lock);
		n->stop = true;
	}
	wake(n);
	pthread_join(n->thread, NULL);
	free_net(n);
}
