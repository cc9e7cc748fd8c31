/*
 * Runs on a session. A run belongs to the stream it was started on and ends
 * with it; nothing is repeated.
 */
#include "common/session/priv.h"

struct session_run {
	struct waiter w;
	struct session *s;
	struct link *link;    /* referenced from start until the run is freed */
	struct run_spec spec; /* what is borrowed is ours once kept */
	char *script, *cwd;
	char **env;
	struct run_ops ops;
	void *arg;
	struct run *run; /* session->lock; NULL until started */
	int refs;        /* session->lock; the caller's and the stream's */
};

static void free_env(char **env)
{
	for (size_t i = 0; env && env[i]; i++)
		free(env[i]);
	free(env);
}

static void unref(struct session_run *r)
{
	bool last;

	pthread_mutex_lock(&r->s->lock);
	last = --r->refs == 0;
	pthread_mutex_unlock(&r->s->lock);
	if (!last)
		return;
	run_unref(r->run);
	if (r->link)
		session_unref_link(r->s, r->link);
	free(r->script);
	free(r->cwd);
	free_env(r->env);
	free(r);
}

static void run_fail(struct waiter *w, int rc, const struct err *err)
{
	struct session_run *r = (struct session_run *)w;
	struct run_end end = { .state = RUN_LOST, .rc = rc };

	if (err)
		end.err = *err;
	r->ops.ended(r->arg, &end);
	unref(r);
}

static void run_keep(struct waiter *w)
{
	struct session_run *r = (struct session_run *)w;
	size_t n = 0;

	if (r->script)
		return;
	r->script = xmalloc(r->spec.n + 1);
	memcpy(r->script, r->spec.script, r->spec.n);
	r->spec.script = r->script;
	r->spec.cwd = r->cwd = xstrdup(r->spec.cwd);
	while (r->spec.env && r->spec.env[n])
		n++;
	r->env = xcalloc(n + 1, sizeof(*r->env));
	for (size_t i = 0; i < n; i++)
		r->env[i] = xstrdup(r->spec.env[i]);
	r->spec.env = (const char *const *)r->env;
}

/*
 * An event may come before remote_run has returned to run_go on another thread, and its user may
 * answer it with a call on the run. Short: remote_run never blocks.
 */
static void settle(struct session_run *r)
{
	scoped_lock(&r->s->lock);
	while (!r->run)
		pthread_cond_wait(&r->s->wake, &r->s->lock);
}

static void on_started(void *arg, int pid)
{
	struct session_run *r = arg;

	settle(r);
	if (r->ops.started)
		r->ops.started(r->arg, pid);
}

static void on_output(void *arg, int stream, const void *bytes, size_t n)
{
	struct session_run *r = arg;

	settle(r);
	r->ops.output(r->arg, stream, bytes, n);
}

static void on_input(void *arg, size_t n)
{
	struct session_run *r = arg;

	settle(r);
	if (r->ops.input)
		r->ops.input(r->arg, n);
}

static void on_ended(void *arg, const struct run_end *end)
{
	struct session_run *r = arg;
	struct run_end told = *end;
	int dead = remote_dead(r->link->remote);

	if (end->state == RUN_LOST && dead) {
		session_lose(r->s, r->link, dead);
		told.rc = session_lost_rc(r->s, &told.err);
	}
	r->ops.ended(r->arg, &told);
	unref(r);
}

static const struct run_ops stream_ops = { on_started, on_output, on_input, on_ended };

static void run_go(struct waiter *w, struct link *l)
{
	struct session_run *r = (struct session_run *)w;
	struct run *run = NULL;

	pthread_mutex_lock(&r->s->lock);
	l->refs++;
	r->link = l;
	r->refs++; /* it may end before remote_run has returned */
	pthread_mutex_unlock(&r->s->lock);
	remote_run(l->remote, &r->spec, &stream_ops, r, &run);
	pthread_mutex_lock(&r->s->lock);
	r->run = run;
	pthread_cond_broadcast(&r->s->wake);
	pthread_mutex_unlock(&r->s->lock);
	unref(r);
}

void session_run(struct session *s, const struct run_spec *spec, int64_t start_deadline_ms,
	const struct run_ops *ops, void *arg, struct session_run **ret)
{
	struct session_run *r = xcalloc(1, sizeof(*r));

	r->w = (struct waiter){
		.deadline_ms = start_deadline_ms, .keep = run_keep, .go = run_go, .fail = run_fail
	};
	r->s = s;
	r->spec = *spec;
	r->ops = *ops;
	r->arg = arg;
	r->refs = 2;
	*ret = r;
	session_submit(s, &r->w);
}

static struct run *started(struct session_run *r)
{
	scoped_lock(&r->s->lock);
	return r->run;
}

int session_run_input(struct session_run *r, const void *bytes, size_t n)
{
	struct run *run = started(r);

	return run ? run_input(run, bytes, n) : -EAGAIN;
}

int session_run_eof(struct session_run *r)
{
	struct run *run = started(r);

	return run ? run_eof(run) : -EAGAIN;
}

int session_run_more(struct session_run *r, int stream, size_t n)
{
	struct run *run = started(r);

	return run ? run_more(run, stream, n) : -EAGAIN;
}

int session_run_kill(struct session_run *r, const char *sig)
{
	struct run *run = started(r);

	return run ? run_kill(run, sig) : -EAGAIN;
}

void session_run_unref(struct session_run *r)
{
	if (r)
		unref(r);
}
