#include "plugin/crew.h"

#include "common/base/buf.h"
#include "plugin/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#define POLL_MS 1000

struct worker {
	struct state *state;
	size_t index;
	int signals[2]; /* a pipe */
	pthread_t thread;
	bool running, done; /* done: state->lock */
};

struct state {
	const struct crew *crew;
	struct worker *workers; /* one a piece */
	size_t begun, running;
	int bell; /* eventfd: one is done */
	int signal;
	pthread_mutex_t lock;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	struct state *s = w->state;
	uint64_t one = 1;
	ssize_t ignored;

	s->crew->work(s->crew->arg, w->index, w->signals[0]);
	pthread_mutex_lock(&s->lock);
	w->done = true;
	/* in here, as the last one's descriptor goes when all are done */
	ignored = write(s->bell, &one, sizeof(one));
	(void)ignored;
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static int begin(struct state *s)
{
	struct worker *w = &s->workers[s->begun];

	*w = (struct worker){ .state = s, .index = s->begun };
	if (pipe2(w->signals, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	if (pthread_create(&w->thread, NULL, work, w)) {
		close(w->signals[0]);
		close(w->signals[1]);
		return -EAGAIN;
	}
	w->running = true;
	s->begun++;
	s->running++;
	return 0;
}

static bool is_done(struct state *s, const struct worker *w)
{
	scoped_lock(&s->lock);
	return w->done;
}

static void reap(struct state *s)
{
	for (size_t i = 0; i < s->begun; i++) {
		struct worker *w = &s->workers[i];

		if (!w->running || !is_done(s, w))
			continue;
		pthread_join(w->thread, NULL);
		close(w->signals[0]);
		close(w->signals[1]);
		w->running = false;
		s->running--;
	}
}

static void hand_on(struct state *s, int sig)
{
	for (size_t i = 0; i < s->begun; i++)
		if (s->workers[i].running)
			interrupt_send(s->workers[i].signals[1], sig);
	s->signal = sig;
}

static void turn(struct state *s)
{
	struct pollfd fds[] = { { s->bell, POLLIN, 0 }, { s->crew->signals, POLLIN, 0 } };
	uint64_t count;
	int sig;

	if (poll(fds, 2, POLL_MS) <= 0)
		return;
	if (fds[0].revents && read(s->bell, &count, sizeof(count)) > 0)
		reap(s);
	if (fds[1].revents && (sig = interrupt_read(s->crew->signals)))
		hand_on(s, sig);
}

static bool may_begin(const struct state *s)
{
	return s->begun < s->crew->count && s->running < s->crew->parallel && !s->signal;
}

static void run(struct state *s)
{
	bool stuck;

	do {
		stuck = false;
		while (!stuck && may_begin(s))
			stuck = begin(s) < 0; /* no room for another now */
		if (s->running)
			turn(s);
		else if (stuck)
			return;
	} while (s->running || may_begin(s));
}

size_t crew_run(const struct crew *c)
{
	struct state s = { .crew = c, .lock = PTHREAD_MUTEX_INITIALIZER };

	s.workers = xcalloc(c->count, sizeof(*s.workers));
	s.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	run(&s);
	pthread_mutex_destroy(&s.lock);
	close(s.bell);
	free(s.workers);
	return s.begun;
}
