#include "plugin/guard.h"

#include "common/base/clock.h"
#include "plugin/cli.h"
#include "plugin/interrupt.h"
#include "plugin/offer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define POLL_MS 1000

struct child {
	pid_t pid;
	int ended; /* pidfd; -1: it has, and did not fit */
	int to;    /* its signals */
};

struct guard {
	const struct guard_work *w;
	struct child children[GUARD_WAYS_MAX];
	size_t count;
	struct offer offer;
	struct child *worker; /* NULL: none yet */
	int signals;          /* interrupt_fd's */
	int signal;
	int64_t give_up_ms;
};

/* --- in the child ------------------------------------------------------------------ */

static bool may_begin(struct guard *g, size_t way)
{
	if (!g->w->fits)
		return true;
	offer_let_go();
	return g->w->fits(g->w->arg, way) && offer_take(&g->offer, (unsigned char)way);
}

static void child(struct guard *g, size_t way, int signals, pid_t parent)
{
	int status = EXIT_FAILED;

	close(g->signals);
	close(g->offer.ours);
	/* nobody would be left to interrupt it */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent && may_begin(g, way))
		status = g->w->work(g->w->arg, way, signals);
	fflush(stdout);
	_exit(status);
}

/* --- in the parent ------------------------------------------------------------------- */

static int start(struct guard *g)
{
	struct child *c = &g->children[g->count];
	pid_t parent = getpid();
	int fds[2], rc;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	c->pid = fork();
	if (c->pid == 0) {
		close(fds[1]);
		child(g, g->count, fds[0], parent);
	}
	rc = c->pid < 0 ? -errno : 0;
	close(fds[0]);
	c->to = fds[1];
	c->ended = rc ? -1 : pidfd_open(c->pid, 0);
	if (c->ended < 0) {
		rc = rc ? rc : -errno;
		close(c->to);
		if (c->pid > 0)
			kill(c->pid, SIGKILL);
		return rc;
	}
	g->count++;
	return 0;
}

static void close_child(struct child *c)
{
	close(c->ended);
	close(c->to);
	c->ended = -1;
}

/* One that hangs in a stopped daemon cannot be reaped now; whoever inherits it will. */
static void end_child(struct child *c)
{
	if (c->ended < 0)
		return;
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, WNOHANG);
	close_child(c);
}

static void look_for_worker(struct guard *g)
{
	int taker = offer_taker(&g->offer);

	if (taker >= 0 && (size_t)taker < g->count)
		g->worker = &g->children[taker];
}

/* Returns after what happened first, at the latest after ms. */
static void search_turn(struct guard *g, int ms)
{
	struct pollfd fds[GUARD_WAYS_MAX + 2] = { { g->signals, POLLIN, 0 },
		{ g->offer.ours, POLLIN, 0 } };

	for (size_t i = 0; i < g->count; i++)
		fds[2 + i] = (struct pollfd){ g->children[i].ended, POLLIN, 0 };
	if (poll(fds, 2 + g->count, ms) <= 0)
		return;
	/* who takes the offer says so before it ends */
	look_for_worker(g);
	for (size_t i = 0; i < g->count; i++)
		if (fds[2 + i].revents && g->worker != &g->children[i])
			end_child(&g->children[i]);
	if (fds[0].revents && !g->worker)
		g->signal = interrupt_read(g->signals);
}

static bool any_left(const struct guard *g)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->children[i].ended >= 0)
			return true;
	return false;
}

static int earlier(int64_t a, int64_t b)
{
	return deadline_left(a < b ? a : b);
}

/* Until one works. -ENOENT: none will; -EINTR: none will, for a signal. */
static int search(struct guard *g)
{
	size_t ways = g->w->ways < GUARD_WAYS_MAX ? g->w->ways : GUARD_WAYS_MAX;
	int64_t end_ms = deadline_after(GUARD_WAIT_MS), next_ms = end_ms;
	int rc;

	while (!g->worker) {
		bool left = any_left(g);

		if (g->count < ways && !g->signal && (!left || deadline_passed(next_ms))) {
			rc = start(g);
			if (rc < 0)
				return offer_withdraw(&g->offer) ? rc : -EIO;
			next_ms = deadline_after(GUARD_NEXT_MS);
		} else if ((!left || g->signal || deadline_passed(end_ms)) &&
			   offer_withdraw(&g->offer)) {
			return g->signal ? -EINTR : -ENOENT;
		}
		search_turn(g, g->count < ways ? earlier(next_ms, end_ms) : deadline_left(end_ms));
	}
	return 0;
}

static void interrupted(struct guard *g, int sig)
{
	if (!sig)
		return;
	interrupt_send(g->worker->to, sig);
	if (g->signal && !g->give_up_ms)
		g->give_up_ms = deadline_after(GUARD_GIVE_UP_MS);
	g->signal = sig;
}

static int status_of(struct child *c)
{
	int status;

	close_child(c); /* its number may be another's from now on */
	if (waitpid(c->pid, &status, 0) < 0)
		return EXIT_FAILED;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int watch(struct guard *g)
{
	struct pollfd fds[] = { { g->worker->ended, POLLIN, 0 }, { g->signals, POLLIN, 0 } };

	while (!g->give_up_ms || !deadline_passed(g->give_up_ms)) {
		if (poll(fds, 2, POLL_MS) <= 0)
			continue;
		if (fds[0].revents)
			return status_of(g->worker);
		interrupted(g, interrupt_read(g->signals));
	}
	say("error: the mount does not answer; given up after the second interrupt");
	return 128 + g->signal;
}

static int find_worker(struct guard *g)
{
	int rc;

	if (g->w->fits)
		return search(g);
	rc = start(g);
	if (!rc)
		g->worker = &g->children[0];
	return rc;
}

/* A signal that came before there was work is the end, as if nobody had held it back. */
static int no_work(const struct guard *g, int rc, const sigset_t *mask)
{
	sigprocmask(SIG_SETMASK, mask, NULL);
	if (rc != -EINTR)
		return rc;
	raise(g->signal);
	return 128 + g->signal;
}

static int choose(struct guard *g, const sigset_t *mask)
{
	int status = find_worker(g);
	int early = g->signal;

	if (status < 0) {
		status = no_work(g, status, mask);
	} else {
		g->signal = 0;
		interrupted(g, early);
		status = watch(g);
	}
	for (size_t i = 0; i < g->count; i++)
		end_child(&g->children[i]);
	return status;
}

int guard_run(const struct guard_work *w)
{
	struct guard g = { .w = w, .offer = { -1, -1 } };
	sigset_t mask;
	int rc;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	rc = w->fits ? offer_open(&g.offer) : 0;
	if (rc < 0)
		return rc;
	g.signals = interrupt_fd();
	rc = g.signals < 0 ? g.signals : choose(&g, &mask);
	offer_close(&g.offer);
	if (g.signals >= 0)
		close(g.signals);
	return rc;
}
