#include "plugin/termfar.h"

#include "common/base/clock.h"
#include "common/remote/proto.h"
#include "plugin/termscript.h"

#include <sys/eventfd.h>

#define WINDOW   (256 * 1024)
#define LEAVE_MS 1000
#define BYE_MS   1000

struct termrun {
	struct far far; /* first */
	struct session *session;
	struct session_run *run;
	struct buf script;
	const char **env;
	char *term;
	int bell; /* eventfd: something has come */
	uint32_t next_id;
	bool polite; /* all is said: a bye is worth its wait */

	pthread_mutex_t lock; /* all below */
	struct buf arrived;
	size_t credit;
	bool started, ended, overrun, keep_answered;
	uint32_t id; /* under which it is kept, or 0 */
	struct run_end end;
};

/* --- on the session's thread --- */

static void ring(struct termrun *r)
{
	uint64_t one = 1;

	/* a full counter rings too */
	if (write(r->bell, &one, sizeof(one)) < 0)
		return;
}

static void on_started(void *arg, int pid, uint32_t kept_id)
{
	struct termrun *r = arg;

	scoped_lock(&r->lock);
	r->started = true;
	r->id = kept_id;
	ring(r);
}

static void on_output(void *arg, int stream, const void *bytes, size_t n)
{
	struct termrun *r = arg;

	scoped_lock(&r->lock);
	buf_add(&r->arrived, bytes, n);
	if (buf_check(&r->arrived) < 0)
		r->overrun = true;
	ring(r);
}

static void on_input(void *arg, size_t n)
{
	struct termrun *r = arg;

	scoped_lock(&r->lock);
	r->credit += n < SIZE_MAX - r->credit ? n : 0;
	ring(r);
}

static void on_keep(void *arg, int rc, const struct err *err)
{
	struct termrun *r = arg;

	scoped_lock(&r->lock);
	r->keep_answered = true;
	ring(r);
}

static void on_ended(void *arg, const struct run_end *end)
{
	struct termrun *r = arg;

	scoped_lock(&r->lock);
	r->end = *end;
	r->ended = true;
	if (end->state == RUN_KEPT)
		r->id = end->kept_id;
	ring(r);
}

static const struct run_ops callbacks = {
	.started = on_started,
	.output = on_output,
	.input = on_input,
	.keep = on_keep,
	.ended = on_ended,
};

/* --- on the caller's --- */

static struct termrun *of(struct far *f)
{
	return (struct termrun *)f;
}

static void poll_it(struct far *f, bool can_take, bool has_keys, struct pollfd *ret)
{
	*ret = (struct pollfd){ .fd = of(f)->bell, .events = POLLIN };
}

static enum far_state take(struct far *f, struct buf *screen)
{
	struct termrun *r = of(f);
	uint64_t rung;
	size_t n = 0;
	bool ended, started;

	if (read(r->bell, &rung, sizeof(rung)) < 0)
		rung = 0;
	{
		scoped_lock(&r->lock);
		if (r->overrun)
			return FAR_ENDED;
		if (screen->max - screen->len >= TERMFAR_TAKE)
			n = r->arrived.len < TERMFAR_TAKE ? r->arrived.len : TERMFAR_TAKE;
		buf_add(screen, r->arrived.data, n);
		buf_drop(&r->arrived, n);
		ended = r->ended && !r->arrived.len;
		started = r->started;
		/* what is left is for the next turn */
		if (r->arrived.len && n)
			ring(r);
	}
	if (n)
		session_run_more(r->run, 1, n);
	return ended ? FAR_ENDED : started ? FAR_RUNNING : FAR_STARTING;
}

static size_t give(struct far *f, const void *bytes, size_t n)
{
	struct termrun *r = of(f);

	{
		scoped_lock(&r->lock);
		if (n > r->credit)
			n = r->credit;
		if (!n || r->ended)
			return 0;
		r->credit -= n;
	}
	session_run_input(r->run, bytes, n);
	return n;
}

static void resize(struct far *f, unsigned cols, unsigned rows)
{
	session_run_resize(of(f)->run, cols, rows);
}

/* Until flag (under the lock) or the end. */
static bool wait_for(struct termrun *r, const bool *flag, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd p = { .fd = r->bell, .events = POLLIN };
		uint64_t rung;

		{
			scoped_lock(&r->lock);
			if (r->ended || *flag)
				return true;
		}
		if (deadline_passed(deadline_ms))
			return false;
		poll(&p, 1, deadline_left(deadline_ms));
		if (read(r->bell, &rung, sizeof(rung)) < 0)
			rung = 0;
	}
}

static uint32_t kept_id(struct termrun *r)
{
	scoped_lock(&r->lock);
	return r->ended && r->end.state != RUN_KEPT ? 0 : r->id;
}

static uint32_t detach(struct termrun *r)
{
	int64_t deadline_ms = deadline_after(LEAVE_MS);

	if (kept_id(r)) {
		session_run_leave(r->run);
	} else if (session_run_keep(r->run, r->next_id) < 0) {
		return 0;
	}
	wait_for(r, &r->ended, deadline_ms);
	return kept_id(r);
}

static uint32_t leave(struct far *f, enum far_leave how)
{
	struct termrun *r = of(f);

	if (how == FAR_DETACH)
		return detach(r);
	session_run_kill(r->run, "HUP");
	wait_for(r, &r->ended, deadline_after(LEAVE_MS));
	return 0;
}

static void end(struct far *f, struct far_end *ret)
{
	struct termrun *r = of(f);

	scoped_lock(&r->lock);
	*ret = (struct far_end){ .status = r->overrun ? -1 : run_end_status(&r->end),
		.began = r->started,
		.rc = r->end.rc,
		.err = r->end.err };
	if (r->overrun)
		ret->rc = err_set(&ret->err, -EBADMSG, "the sandbox sent more than was agreed");
}

static void add_env(struct termrun *r, const char *const *env)
{
	const char *term = getenv("TERM");
	size_t n = 0, at = 0;

	while (env && env[n])
		n++;
	r->env = xcalloc(n + 2, sizeof(*r->env));
	r->term = xprintf("TERM=%s", term ? term : "");
	if (term && *term)
		r->env[at++] = r->term;
	if (n)
		memcpy(r->env + at, env, n * sizeof(*env));
}

static const struct kept *find_kept(const struct remote_reply *reply, uint32_t id)
{
	for (size_t i = 0; i < reply->kept_count; i++)
		if (reply->kept[i].id == id)
			return &reply->kept[i];
	return NULL;
}

/* What it has printed is not shown again: a screen's history is no screen. It is made to draw anew. */
static int ask_kept(
	struct termrun *r, const struct far_ask *ask, struct run_spec *ret, struct err *err)
{
	struct remote_request rq = { .op = OP_RUNS };
	struct remote_reply reply = { 0 };
	const struct kept *kept;
	int rc = session_call(r->session, &rq, ask->deadline_ms, &reply);

	if (rc < 0)
		rc = err_set(err, rc, "its runs cannot be listed: %s", err_text(&reply.err, rc));
	kept = rc < 0 ? NULL : find_kept(&reply, ask->spec->attach);
	if (rc == 0 && !kept)
		rc = err_set(err, -ENOENT, "it keeps no run %u", ask->spec->attach);
	else if (rc == 0 && !kept->terminal)
		rc = err_set(err, -ENOTTY, "run %u has no terminal", ask->spec->attach);
	if (rc == 0) {
		ret->attach = kept->id;
		ret->from[0] = kept->out[0];
		ret->wants = RUN_WANTS_OUT;
		r->id = kept->id;
	}
	remote_reply_fini(&reply);
	return rc;
}

static int make_spec(
	struct termrun *r, const struct far_ask *ask, struct run_spec *ret, struct err *err)
{
	const struct terminal_spec *spec = ask->spec;
	struct session_far far;
	int rc = session_far(r->session, &far);

	if (rc < 0)
		return err_set(err, rc, "its stream was lost");
	r->next_id = far.kept + 1;
	*ret = (struct run_spec){ .window = WINDOW, .wants_stdin = true, .terminal = true };
	if (spec->attach)
		return ask_kept(r, ask, ret, err);
	termscript_command(&r->script, spec);
	if (buf_check(&r->script) < 0)
		return err_set(err, -E2BIG, "the command is longer than 1 MiB");
	add_env(r, spec->env);
	ret->script = r->script.data;
	ret->n = r->script.len;
	ret->cwd = spec->cwd;
	ret->user = spec->user;
	ret->env = r->env;
	ret->timeout_ms = (int)spec->timeout_ms;
	ret->keep = spec->keep && far.keeps ? r->next_id : 0;
	return 0;
}

static void free_it(struct termrun *r)
{
	session_run_unref(r->run);
	/* only when it is closed does nobody call back any more */
	session_close(r->session, r->polite ? BYE_MS : 0);
	close_at(&r->bell);
	buf_fini(&r->script);
	buf_fini(&r->arrived);
	pthread_mutex_destroy(&r->lock);
	free(r->env);
	free(r->term);
	free(r);
}

static void close_it(struct far *f)
{
	struct termrun *r = of(f);

	{
		scoped_lock(&r->lock);
		r->polite = r->ended && !r->overrun;
	}
	free_it(r);
}

static const struct far_ops far_ops = {
	.poll = poll_it,
	.take = take,
	.give = give,
	.resize = resize,
	.leave = leave,
	.end = end,
	.close = close_it,
};

int termrun_open(
	struct session *session, const struct far_ask *ask, struct far **ret, struct err *err)
{
	struct termrun *r = xcalloc(1, sizeof(*r));
	struct run_spec spec;
	int rc = 0;

	r->far = (struct far){ .ops = &far_ops, .due_ms = INT64_MAX };
	r->session = session;
	pthread_mutex_init(&r->lock, NULL);
	buf_init(&r->script, PROTO_SCRIPT_MAX);
	buf_init(&r->arrived, WINDOW);
	r->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->bell < 0)
		rc = err_set(err, -errno, "cannot make an event descriptor: %s", strerror(errno));
	if (rc == 0)
		rc = make_spec(r, ask, &spec, err);
	if (rc < 0) {
		free_it(r);
		return rc;
	}
	session_run(session, &spec, ask->deadline_ms, &callbacks, r, &r->run);
	if (ask->cols)
		session_run_resize(r->run, ask->cols, ask->rows);
	*ret = &r->far;
	return 0;
}
