/*
 * What this side says to a run: input, credit, signals, and the rest of the
 * one-way messages; and the one request about it, keep.
 */
#include "common/remote/run.h"

#include "common/base/clock.h"

#include <limits.h>

/* --- lines; run->lock held, run not ended -------------------------------- */

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

static int say_timeout(struct run *run)
{
	char args[32];

	snprintf(args, sizeof(args), "%d", run->timeout_ms);
	return say(run, "timeout", args);
}

static int say_size(struct run *run)
{
	char args[32];

	snprintf(args, sizeof(args), "%u %u", run->cols, run->rows);
	return say(run, "resize", args);
}

/* A peer that does not let go of it ends it here, not there. */
static int say_leave(struct run *run)
{
	mux_deadline(run->remote->mux, &run->call, deadline_after(RUN_SLACK_MS));
	return say(run, "leave", "");
}

void run_say_early(struct run *run)
{
	if (run->cols)
		say_size(run);
	if (run->timeout_said)
		say_timeout(run);
	if (run->eof)
		say(run, "eof", "");
	if (run->signal[0])
		say(run, "kill", run->signal);
	if (run->left)
		say_leave(run);
}

void run_give_up(struct run *run)
{
	if (run->attach)
		say(run, "leave", "");
	else if (!run->kept_id && run->keep_state == KEEPING_NOT)
		say(run, "kill", "KILL");
}

int run_signal(struct run *run, const char *sig)
{
	if (run->started)
		return say(run, "kill", sig);
	if (strcmp(run->signal, "KILL") != 0)
		snprintf(run->signal, sizeof(run->signal), "%s", sig);
	return 0;
}

int64_t run_end_deadline(const struct run *run)
{
	if (!run->timeout_ms || run->kept_id)
		return INT64_MAX;
	return deadline_after(run->timeout_ms > INT_MAX - RUN_SLACK_MS
				      ? INT_MAX
				      : run->timeout_ms + RUN_SLACK_MS);
}

/* --- calls --------------------------------------------------------------- */

int run_input(struct run *run, const void *bytes, size_t n)
{
	int rc;

	scoped_lock(&run->lock);
	if (run->ended || run->eof || !run->wants_stdin)
		return -EPIPE;
	if (n > run->credit)
		return -ENOBUFS;
	rc = n ? say_input(run, bytes, n) : 0;
	if (rc < 0)
		return rc;
	run->credit -= n;
	run->gave += n;
	return 0;
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

int run_kill(struct run *run, const char *sig)
{
	scoped_lock(&run->lock);
	if (!signal_name_ok(sig))
		return -EINVAL;
	return run->ended ? -ESRCH : run_signal(run, sig);
}

int run_timeout(struct run *run, int ms)
{
	scoped_lock(&run->lock);
	if (ms < 0)
		return -EINVAL;
	if (run->ended)
		return -ESRCH;
	run->timeout_ms = ms;
	run->timeout_said = true;
	if (!run->started)
		return 0;
	if (!run->kept_id)
		mux_deadline(run->remote->mux, &run->call, run_end_deadline(run));
	return say_timeout(run);
}

int run_resize(struct run *run, unsigned cols, unsigned rows)
{
	scoped_lock(&run->lock);
	if (!cols || !rows || cols > RUN_SIZE_MAX || rows > RUN_SIZE_MAX)
		return -EINVAL;
	if (!run->terminal && !run->attach)
		return -ENOTTY;
	if (run->ended)
		return -ESRCH;
	run->cols = cols;
	run->rows = rows;
	return run->started ? say_size(run) : 0;
}

int run_leave(struct run *run)
{
	scoped_lock(&run->lock);
	if (run->ended || run->left)
		return 0;
	if (!run->attach && !run->keep)
		return -EINVAL;
	run->left = true;
	return run->started ? say_leave(run) : 0;
}

/* --- keep ---------------------------------------------------------------- */

static struct run *run_of_keeping(struct call *c)
{
	return (struct run *)((char *)c - offsetof(struct run, keeping));
}

static int keeping_piece(struct call *c, const struct answer *a, const void *bytes, size_t n)
{
	return -EBADMSG;
}

/* Nobody is told of it behind the run's own end. */
static int keeping_done(struct call *c, int rc, const struct answer *a)
{
	struct run *run = run_of_keeping(c);
	struct err err = { "" };
	int bad = rc == 0 ? answer_numbers(a, NULL, 0) : 0;
	bool over;

	if (rc < 0 && a)
		answer_sentence(a, &err);
	if (bad < 0)
		rc = bad;
	pthread_mutex_lock(&run->lock);
	run->keep_state = rc == 0 ? KEEPING_DONE : rc == -ETIMEDOUT ? KEEPING_UNKNOWN : KEEPING_NOT;
	over = run->ended;
	if (!over && rc == 0)
		mux_deadline(run->remote->mux, &run->call, deadline_after(RUN_SLACK_MS));
	pthread_mutex_unlock(&run->lock);
	if (!over && run->ops.keep)
		run->ops.keep(run->arg, rc, &err);
	run_unref(run);
	return bad;
}

static const struct call_ops keeping_ops = { NULL, keeping_piece, keeping_done };

/* run->lock held */
static int ask_to_keep(struct run *run, uint32_t id)
{
	struct mux *m = run->remote->mux;
	int rc;

	run->keeping = (struct call){ .ops = &keeping_ops,
		.tag = mux_tag(m),
		.deadline_ms = deadline_after(RUN_START_MS),
		.frame = BUF_INIT(128) };
	buf_printf(&run->keeping.frame, "%u keep %u %u\n", run->keeping.tag, run->call.tag, id);
	rc = mux_send(m, &run->keeping);
	if (rc < 0) {
		buf_fini(&run->keeping.frame);
		return rc;
	}
	run->refs++;
	run->keep_state = KEEPING_ASKED;
	run->keep_id = id;
	return 0;
}

int run_keep(struct run *run, uint32_t id)
{
	scoped_lock(&run->lock);
	if (!id || id > PROTO_KEPT_ID_MAX)
		return -EINVAL;
	if (run->ended || !run->started)
		return -ESRCH;
	if (run->kept_id || run->keep_state != KEEPING_NOT)
		return -EALREADY;
	if (!run->remote->info.said.ops[OP_KEEP])
		return -ENOSYS;
	return ask_to_keep(run, id);
}
