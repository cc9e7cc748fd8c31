#include "plugin/hangup.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/log.h"

#include <signal.h>

#define OPEN_MS  10000
#define CLOSE_MS 1000 /* for one that is being opened still, when it is needed */

struct hangup {
	struct net *net;
	const struct kube_target *target;
	char *ns, *pod, *container;
	char pid[16];
	pthread_t thread;
	struct exec *exec; /* the thread's until it is joined */
	volatile bool stop;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool opened; /* lock */
};

/* A line says that there is nothing to do. */
static const char script[] = "read -r l && exit; kill -HUP \"$1\"";

static void *open_it(void *arg)
{
	struct hangup *h = arg;
	const char *argv[] = { "sh", "-c", script, "sbx", h->pid, NULL };
	struct exec_spec spec = {
		.ns = h->ns,
		.pod = h->pod,
		.container = h->container,
		.argv = argv,
		.stop = &h->stop,
	};
	struct err err = { 0 };
	int rc = exec_open(h->net, h->target, &spec, deadline_after(OPEN_MS), &h->exec, &err);

	if (rc < 0)
		trace(EXEC, "the exec that hangs up: %s", err_text(&err, rc));
	pthread_mutex_lock(&h->lock);
	h->opened = true;
	pthread_cond_broadcast(&h->changed);
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

static void free_it(struct hangup *h)
{
	pthread_mutex_destroy(&h->lock);
	pthread_cond_destroy(&h->changed);
	free(h->ns);
	free(h->pod);
	free(h->container);
	free(h);
}

struct hangup *hangup_open(
	struct net *net, const struct kube_target *target, const struct exec_spec *where, int pid)
{
	struct hangup *h = xcalloc(1, sizeof(*h));

	h->net = net;
	h->target = target;
	h->ns = xstrdup(where->ns);
	h->pod = xstrdup(where->pod);
	h->container = xstrdup(where->container);
	snprintf(h->pid, sizeof(h->pid), "%d", pid);
	pthread_mutex_init(&h->lock, NULL);
	clock_cond_init(&h->changed);
	if (pthread_create(&h->thread, NULL, open_it, h) != 0) {
		free_it(h);
		return NULL;
	}
	return h;
}

static void wait_opened(struct hangup *h, int64_t deadline_ms)
{
	struct timespec until = deadline_timespec(deadline_ms);

	scoped_lock(&h->lock);
	while (!h->opened && pthread_cond_timedwait(&h->changed, &h->lock, &until) != ETIMEDOUT)
		continue;
}

void hangup_close(struct hangup *h, bool now)
{
	if (!h)
		return;
	if (now)
		wait_opened(h, deadline_after(CLOSE_MS));
	h->stop = true;
	pthread_join(h->thread, NULL);
	if (h->exec && !now)
		io_write_all(exec_fd(h->exec), "\n", 1, deadline_after(CLOSE_MS));
	exec_close(h->exec);
	free_it(h);
}
