#include "common/remote/run.h"

#include "common/base/clock.h"
#include "common/remote/inside.h"

#include <limits.h>

/*
 * Two references: the caller's, and one for each call that the mux has.
 * The reader thread sets ended under lock, and whoever sends holds lock: so
 * the remote is there for as long as ended is false.
 */
struct run {
	struct call call; /* first; its tag is the run's id */
	struct call env;  /* goes before it, when there is one */
	struct remote *remote;
	struct run_ops ops;
	void *arg;
	int timeout_ms;
	bool wants_stdin;
	uint64_t got[2]; /* the reader's: bytes of each output */

	pthread_mutex_t lock; /* all below; before the mux's */
	unsigned refs;
	bool started, ended, eof;
	int env_rc;
	uint64_t allowed[2]; /* bytes of each output that may have come */
	uint64_t credit;     /* bytes that run_input may take */
	char signal[16];     /* to be sent when it has started */
};

int run_end_status(const struct run_end *end)
{
	switch (end->state) {
	case RUN_EXITED:
	case RUN_TIMEOUT:
		return end->code;
	case RUN_SIGNALED:
		return 128 + end->code;
	default:
		return -1;
	}
}

void run_unref(struct run *run)
{
	unsigned left;

	if (!run)
		return;
	pthread_mutex_lock(&run->lock);
	left = --run->refs;
	pthread_mutex_unlock(&run->lock);
	if (left)
		return;
	pthread_mutex_destroy(&run->lock);
	buf_fini(&run->call.frame);
	free(run);
}

/* --- one-way messages; run->lock held, run not ended --------------------- */

static int say(struct run *run, const char *what, const char *args)
{
	auto_buf frame = BUF_INIT(128);

	buf_printf(&frame, "0 %s %u%s%s\n", what, run->call.tag, *args ? " " : "", args);
	return mux_oneway(run->remote->mux, &frame, true);
}

static int say_input(struct run *run, const char *bytes, size_t n)
{
	size_t max = run->remote->info.said.max;
	auto_buf frame = BUF_INIT(64 * (n / max + 2) + TEXT_BYTES(n));

	while (n) {
		size_t part = n < max ? n : max;

		buf_printf(&frame, "0 in %u", run->call.tag);
		body_encode(&frame, bytes, part, run->remote->info.body_text);
		bytes += part;
		n -= part;
	}
	return mux_oneway(run->remote->mux, &frame, false);
}

int run_input(struct run *run, const void *bytes, size_t n)
{
	int rc;

	scoped_lock(&run->lock);
	if (run->ended || run->eof || !run->wants_stdin)
		return -EPIPE;
	if (n > run->credit)
		return -ENOBUFS;
	rc = n ? say_input(run, bytes, n) : 0;
	if (rc == 0)
		run->credit -= n;
	return rc;
}

int run_eof(struct run *run)
{
	scoped_lock(&run->lock);
	if (run->ended || run->eof || !run->wants_stdin)
		return 0;
	run->eof = true;
	return run->started ? say(run, "eof", "") : 0;
}

int run_more(struct run *run, int stream, size_t n)
{
	char args[32];

	scoped_lock(&run->lock);
	if (run->ended || !n)
		return 0;
	run->allowed[stream - 1] += n;
	snprintf(args, sizeof(args), "%c %zu", stream == 1 ? 'o' : 'e', n);
	return say(run, "more", args);
}

static bool signal_ok(const char *sig)
{
	size_t n = strspn(sig, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");

	return n && !sig[n] && n < sizeof(((struct run *)0)->signal);
}

/* run->lock held. Before the start the peer would not know the run yet: KILL is then remembered
 * over others. */
static int kill_it(struct run *run, const char *sig)
{
	if (run->started)
		return say(run, "kill", sig);
	if (strcmp(run->signal, "KILL") != 0)
		snprintf(run->signal, sizeof(run->signal), "%s", sig);
	return 0;
}

int run_kill(struct run *run, const char *sig)
{
	scoped_lock(&run->lock);
	if (!signal_ok(sig))
		return -EINVAL;
	return run->ended ? -ESRCH : kill_it(run, sig);
}

/* --- answers ------------------------------------------------------------ */

static int64_t end_deadline(const struct run *run)
{
	if (!run->timeout_ms)
		return INT64_MAX;
	return deadline_after(run->timeout_ms > INT_MAX - RUN_SLACK_MS
				      ? INT_MAX
				      : run->timeout_ms + RUN_SLACK_MS);
}

static int on_started(struct run *run, const struct answer *a)
{
	if (run->started)
		return -EBADMSG;
	mux_lasts(run->remote->mux, &run->call, end_deadline(run));
	pthread_mutex_lock(&run->lock);
	run->started = true;
	if (run->eof)
		say(run, "eof", "");
	if (run->signal[0])
		say(run, "kill", run->signal);
	pthread_mutex_unlock(&run->lock);
	if (run->ops.started)
		run->ops.started(run->arg, (int)a->n);
	return 0;
}

static int on_credit(struct run *run, const struct answer *a)
{
	if (!run->started || !run->wants_stdin)
		return -EBADMSG;
	pthread_mutex_lock(&run->lock);
	run->credit += a->n;
	if (run->credit > REMOTE_QUEUE_MAX)
		run->credit = REMOTE_QUEUE_MAX; /* more could not be on its way anyhow */
	pthread_mutex_unlock(&run->lock);
	if (run->ops.input)
		run->ops.input(run->arg, a->n);
	return 0;
}

static int on_line(struct call *c, const struct answer *a)
{
	struct run *run = (struct run *)c;

	return a->kind == 's' ? on_started(run, a) : on_credit(run, a);
}

static int check_window(struct run *run, const struct answer *a, int which)
{
	scoped_lock(&run->lock);
	return run->got[which] + a->n > run->allowed[which] ? -EBADMSG : 0;
}

static int on_piece(struct call *c, const struct answer *a, const void *bytes, size_t n)
{
	struct run *run = (struct run *)c;
	int which = a->kind == 'e';

	if (a->kind == 'd' || !run->started)
		return -EBADMSG;
	if (!n)
		return check_window(run, a, which);
	run->got[which] += n;
	if (run->ops.output)
		run->ops.output(run->arg, which + 1, bytes, n);
	return 0;
}

static int end_of(struct run *run, const struct answer *a, struct run_end *end)
{
	if (!run->started || answer_run_end(a, end) < 0)
		return -EBADMSG;
	if (end->out != run->got[0] || end->err_bytes != run->got[1])
		return err_set(&end->err, -EBADMSG,
			"the end mark counts %ju and %ju bytes of output, %ju and %ju came",
			(uintmax_t)end->out, (uintmax_t)end->err_bytes, (uintmax_t)run->got[0],
			(uintmax_t)run->got[1]);
	return 0;
}

static void finish(struct run *run, struct run_end *end)
{
	/* Then the mux has never had the env call, and will not give it back. */
	bool env_stayed = run->call.before && run->call.state == CALL_WAITING;

	pthread_mutex_lock(&run->lock);
	if (end->rc == -ETIMEDOUT && mux_dead(run->remote->mux) == 0)
		say(run, "kill", "KILL");
	if (run->env_rc < 0 && end->rc == 0)
		end->rc = run->env_rc;
	run->ended = true;
	pthread_mutex_unlock(&run->lock);
	if (end->rc < 0) {
		end->state = RUN_LOST;
		end->out = run->got[0];
		end->err_bytes = run->got[1];
	}
	run->ops.ended(run->arg, end);
	if (env_stayed)
		run_unref(run);
	run_unref(run);
}

static int on_done(struct call *c, int rc, const struct answer *a)
{
	struct run *run = (struct run *)c;
	struct run_end end = { .rc = rc };
	int bad = 0;

	if (rc < 0 && a)
		answer_sentence(a, &end.err);
	if (rc == 0)
		end.rc = bad = end_of(run, a, &end);
	finish(run, &end);
	return bad;
}

static const struct call_ops run_call_ops = { on_line, on_piece, on_done };

static struct run *run_of_env(struct call *c)
{
	return (struct run *)((char *)c - offsetof(struct run, env));
}

static int env_piece(struct call *c, const struct answer *a, const void *bytes, size_t n)
{
	return -EBADMSG;
}

/* A run without the environment that was asked for is not the run that was asked for. */
static int env_done(struct call *c, int rc, const struct answer *a)
{
	struct run *run = run_of_env(c);

	pthread_mutex_lock(&run->lock);
	if (rc < 0 && !run->ended) {
		run->env_rc = rc;
		kill_it(run, "KILL");
	}
	pthread_mutex_unlock(&run->lock);
	run_unref(run);
	return 0;
}

static const struct call_ops env_call_ops = { NULL, env_piece, env_done };

/* --- starting ----------------------------------------------------------- */

static bool variable_ok(const char *var)
{
	size_t n = strspn(var, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");

	return n && var[n] == '=' && !(var[0] >= '0' && var[0] <= '9');
}

static int encode_env(struct run *run, const char *const *env)
{
	auto_buf lines = BUF_INIT(PROTO_SCRIPT_MAX);

	for (; *env; env++) {
		if (!variable_ok(*env))
			return -EINVAL;
		text_escape(&lines, *env, strlen(*env));
		buf_char(&lines, '\n');
	}
	if (buf_check(&lines) < 0)
		return -E2BIG;
	run->env.tag = mux_tag(run->remote->mux);
	run->call.before = &run->env;
	run->refs++;
	buf_printf(&run->call.frame, "%u env", run->env.tag);
	body_encode(&run->call.frame, buf_text(&lines), lines.len, run->remote->info.body_text);
	return 0;
}

static int encode_run(struct run *run, const struct run_spec *spec)
{
	struct buf *frame = &run->call.frame;
	const char *cwd = spec->cwd ? spec->cwd : "";

	if (strlen(cwd) >= PATH_MAX)
		return -ENAMETOOLONG;
	buf_printf(frame, "%u run ", run->call.tag);
	text_escape(frame, cwd, strlen(cwd));
	buf_printf(
		frame, " %d %u %s", spec->timeout_ms, spec->window, spec->wants_stdin ? "i" : "-");
	body_encode(frame, spec->script, spec->n, run->remote->info.body_text);
	return buf_check(frame);
}

static int encode(struct run *run, const struct run_spec *spec)
{
	const bool *ops = run->remote->info.said.ops;
	bool env = spec->env && spec->env[0];
	int rc = 0;

	if (!ops[OP_RUN] || (env && !ops[OP_ENV]))
		return -ENOSYS;
	if (spec->n > PROTO_SCRIPT_MAX)
		return -EFBIG;
	if (spec->timeout_ms < 0 || (spec->cwd && spec->cwd[0] != '/'))
		return -EINVAL;
	buf_init(&run->call.frame, 2 * (PROTO_LINE_MAX + TEXT_BYTES(PROTO_SCRIPT_MAX)));
	if (env)
		rc = encode_env(run, spec->env);
	return rc < 0 ? rc : encode_run(run, spec);
}

static struct run *run_new(
	struct remote *r, const struct run_spec *spec, const struct run_ops *ops, void *arg)
{
	struct run *run = xcalloc(1, sizeof(*run));

	*run = (struct run){ .remote = r,
		.ops = *ops,
		.arg = arg,
		.timeout_ms = spec->timeout_ms,
		.wants_stdin = spec->wants_stdin,
		.allowed = { spec->window, spec->window },
		.refs = 2 };
	run->call.ops = &run_call_ops;
	run->call.tag = mux_tag(r->mux);
	run->call.deadline_ms = deadline_after(RUN_START_MS);
	run->env.ops = &env_call_ops;
	run->env.deadline_ms = run->call.deadline_ms;
	pthread_mutex_init(&run->lock, NULL);
	return run;
}

void remote_run(struct remote *r, const struct run_spec *spec, const struct run_ops *ops, void *arg,
	struct run **ret)
{
	struct run *run = run_new(r, spec, ops, arg);
	struct run_end end = { .state = RUN_LOST };

	*ret = run;
	end.rc = encode(run, spec);
	if (end.rc == 0)
		end.rc = mux_send(r->mux, &run->call);
	if (end.rc < 0)
		finish(run, &end);
}
