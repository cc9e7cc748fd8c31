/*
 * Runs on a session. A run, a connection or the attachment to a kept run belongs to the
 * stream it was started on and ends with it; nothing is repeated.
 */
#include "common/session/priv.h"
#include "common/remote/codec.h"

/* What was asked of a run that waits for its stream. */
struct wishes {
	char signal[16]; /* KILL stays */
	bool eof, leave, timeout;
	int timeout_ms;
	unsigned cols, rows; /* 0: none */
};

struct session_run {
	struct waiter w;
	struct session *s;
	struct link *link;    /* referenced from start until the run is freed */
	struct run_spec spec; /* what is borrowed is ours once kept */
	char *script, *cwd, *user, *host;
	char **env;
	struct run_ops ops;
	void *arg;
	struct run *run;      /* session->lock; NULL until started */
	bool failed;          /* session->lock; it never will be */
	struct wishes wishes; /* session->lock */
	int refs;             /* session->lock; the caller's and the stream's */
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
	free(r->user);
	free(r->host);
	free_env(r->env);
	free(r);
}

static void run_fail(struct waiter *w, int rc, const struct err *err)
{
	struct session_run *r = (struct session_run *)w;
	struct run_end end = { .state = RUN_LOST, .rc = rc };

	if (err)
		end.err = *err;
	pthread_mutex_lock(&r->s->lock);
	r->failed = true;
	end.refused = r->s->closing;
	pthread_mutex_unlock(&r->s->lock);
	r->ops.ended(r->arg, &end);
	unref(r);
}

static void run_copy(struct waiter *w)
{
	struct session_run *r = (struct session_run *)w;
	size_t n = 0;

	if (r->script)
		return;
	r->script = xmalloc(r->spec.n + 1);
	if (r->spec.n)
		memcpy(r->script, r->spec.script, r->spec.n);
	r->spec.script = r->script;
	r->spec.cwd = r->cwd = xstrdup(r->spec.cwd);
	r->spec.user = r->user = xstrdup(r->spec.user);
	r->spec.host = r->host = xstrdup(r->spec.host);
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

static void on_started(void *arg, int pid, uint32_t kept_id)
{
	struct session_run *r = arg;

	settle(r);
	if (r->ops.started)
		r->ops.started(r->arg, pid, kept_id);
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

static void on_keep(void *arg, int rc, const struct err *err)
{
	struct session_run *r = arg;

	if (r->ops.keep)
		r->ops.keep(r->arg, rc, err);
}

static void on_ended(void *arg, const struct run_end *end)
{
	struct session_run *r = arg;
	struct run_end told = *end;
	int dead = remote_dead(r->link->remote);

	if (end->rc < 0 && dead) {
		session_lose(r->s, r->link, dead);
		told.rc = session_lost_rc(r->s, &told.err);
	}
	r->ops.ended(r->arg, &told);
	unref(r);
}

static const struct run_ops stream_ops = {
	.started = on_started,
	.output = on_output,
	.input = on_input,
	.keep = on_keep,
	.ended = on_ended,
};

/* What the last of them gave. */
static int grant(struct run *run, const struct wishes *w)
{
	int rc = 0;

	if (w->cols)
		rc = run_resize(run, w->cols, w->rows);
	if (w->timeout)
		rc = run_timeout(run, w->timeout_ms);
	if (w->eof)
		rc = run_eof(run);
	if (w->signal[0])
		rc = run_kill(run, w->signal);
	if (w->leave)
		rc = run_leave(run);
	return rc;
}

static bool any(const struct wishes *w)
{
	return w->cols || w->timeout || w->eof || w->signal[0] || w->leave;
}

/* Whoever finds the run there speaks to it behind all that was wished before. */
static void publish(struct session_run *r, struct run *run)
{
	pthread_mutex_lock(&r->s->lock);
	while (any(&r->wishes)) {
		struct wishes w = r->wishes;

		r->wishes = (struct wishes){ 0 };
		pthread_mutex_unlock(&r->s->lock);
		grant(run, &w);
		pthread_mutex_lock(&r->s->lock);
	}
	r->run = run;
	pthread_cond_broadcast(&r->s->wake);
	pthread_mutex_unlock(&r->s->lock);
}

static void run_go(struct waiter *w, struct link *l)
{
	struct session_run *r = (struct session_run *)w;
	struct run *run = NULL;

	pthread_mutex_lock(&r->s->lock);
	l->refs++;
	r->link = l;
	r->refs++; /* it may end before remote_run has returned */
	pthread_mutex_unlock(&r->s->lock);
	atomic_fetch_add(&r->s->meter.runs, 1);
	remote_run(l->remote, &r->spec, &stream_ops, r, &run);
	publish(r, run);
	unref(r);
}

void session_run(struct session *s, const struct run_spec *spec, int64_t start_deadline_ms,
	const struct run_ops *ops, void *arg, struct session_run **ret)
{
	struct session_run *r = xcalloc(1, sizeof(*r));

	r->w = (struct waiter){
		.deadline_ms = start_deadline_ms, .keep = run_copy, .go = run_go, .fail = run_fail
	};
	r->s = s;
	r->spec = *spec;
	r->spec.start_deadline_ms = start_deadline_ms;
	r->ops = *ops;
	r->arg = arg;
	r->refs = 2;
	*ret = r;
	session_submit(s, &r->w);
}

/* --- calls on it ---------------------------------------------------------- */

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

int session_run_more(struct session_run *r, int stream, size_t n)
{
	struct run *run = started(r);

	return run ? run_more(run, stream, n) : -EAGAIN;
}

int session_run_keep(struct session_run *r, uint32_t id)
{
	struct run *run = started(r);

	return run ? run_keep(run, id) : -ESRCH;
}

static void merge(struct wishes *all, const struct wishes *w)
{
	if (w->signal[0] && strcmp(all->signal, "KILL") != 0)
		memcpy(all->signal, w->signal, sizeof(all->signal));
	all->eof |= w->eof;
	all->leave |= w->leave;
	if (w->timeout) {
		all->timeout = true;
		all->timeout_ms = w->timeout_ms;
	}
	if (w->cols) {
		all->cols = w->cols;
		all->rows = w->rows;
	}
}

/* Granted at once when there is a run; else when there is. */
static int wish(struct session_run *r, const struct wishes *w)
{
	struct run *run;
	bool failed;

	pthread_mutex_lock(&r->s->lock);
	run = r->run;
	failed = r->failed;
	if (!run && !failed)
		merge(&r->wishes, w);
	pthread_mutex_unlock(&r->s->lock);
	if (run)
		return grant(run, w);
	return failed && !w->eof && !w->leave ? -ESRCH : 0;
}

int session_run_eof(struct session_run *r)
{
	return wish(r, &(struct wishes){ .eof = true });
}

int session_run_kill(struct session_run *r, const char *sig)
{
	struct wishes w = { .eof = false };

	if (!signal_name_ok(sig))
		return -EINVAL;
	snprintf(w.signal, sizeof(w.signal), "%s", sig);
	return wish(r, &w);
}

int session_run_timeout(struct session_run *r, int ms)
{
	if (ms < 0)
		return -EINVAL;
	return wish(r, &(struct wishes){ .timeout = true, .timeout_ms = ms });
}

int session_run_resize(struct session_run *r, unsigned cols, unsigned rows)
{
	if (!r->spec.terminal && !r->spec.attach)
		return -ENOTTY;
	if (!cols || !rows || cols > RUN_SIZE_MAX || rows > RUN_SIZE_MAX)
		return -EINVAL;
	return wish(r, &(struct wishes){ .cols = cols, .rows = rows });
}

int session_run_leave(struct session_run *r)
{
	if (!r->spec.keep && !r->spec.attach)
		return -EINVAL;
	return wish(r, &(struct wishes){ .leave = true });
}

void session_run_unref(struct session_run *r)
{
	if (r)
		unref(r);
}
