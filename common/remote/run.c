/*
 * What the peer says of a run, judged; and its end.
 */
#include "common/remote/run.h"

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

/* The id is that which was asked for, or the next free one above; and none where none was. */
static bool id_is_due(const struct run *run, uint32_t id)
{
	if (run->attach)
		return id == run->attach;
	return run->keep ? id >= run->keep : !id;
}

static int on_started(struct run *run, const struct answer *a)
{
	if (run->started || !id_is_due(run, a->id))
		return -EBADMSG;
	if (run->port && a->n != 4 && a->n != 6)
		return -EBADMSG;
	pthread_mutex_lock(&run->lock);
	run->started = true;
	run->kept_id = a->id;
	mux_lasts(run->remote->mux, &run->call, run_end_deadline(run));
	run_say_early(run);
	pthread_mutex_unlock(&run->lock);
	if (run->ops.started)
		run->ops.started(run->arg, (int)a->n, a->id);
	return 0;
}

static int on_credit(struct run *run, const struct answer *a)
{
	if (!run->started || !run->wants_stdin)
		return -EBADMSG;
	pthread_mutex_lock(&run->lock);
	if (!a->n)
		run->eof = true;
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
	if (!n && run->port && dial_check_piece(run, a) < 0)
		return -EBADMSG;
	if (!n)
		return check_window(run, a, which);
	run->got[which] += n;
	if (run->ops.output)
		run->ops.output(run->arg, which + 1, bytes, n);
	return 0;
}

/* --- the end ------------------------------------------------------------- */

/* It lives on without this stream only when that was asked for. */
static bool end_is_due(struct run *run, const struct run_end *end)
{
	scoped_lock(&run->lock);
	if (end->state != RUN_KEPT)
		return run->keep_state != KEEPING_DONE;
	if (run->kept_id)
		return run->left && end->kept_id == run->kept_id;
	return (run->keep_state == KEEPING_DONE || run->keep_state == KEEPING_UNKNOWN) &&
	       end->kept_id >= run->keep_id;
}

static bool counted(const struct run *run, int which, uint64_t said)
{
	return !(run->wants & 1U << which) || run->from[which] + run->got[which] == said;
}

static int end_of(struct run *run, const struct answer *a, struct run_end *end)
{
	if (!run->started)
		return -EBADMSG;
	if (run->port)
		return dial_end_of(run, a, end);
	if (answer_run_end(a, run->kept_id != 0, end) < 0)
		return -EBADMSG;
	if (!end_is_due(run, end))
		return -EBADMSG;
	if (!counted(run, 0, end->out) || !counted(run, 1, end->err_bytes))
		return err_set(&end->err, -EBADMSG,
			"the end mark counts %ju and %ju bytes of output, %ju and %ju came",
			(uintmax_t)end->out, (uintmax_t)end->err_bytes,
			(uintmax_t)(run->from[0] + run->got[0]),
			(uintmax_t)(run->from[1] + run->got[1]));
	return 0;
}

/* Nothing that a broken peer said of the end is told; but from where one can attach again is. */
static void lose(const struct run *run, struct run_end *end)
{
	*end = (struct run_end){ .state = RUN_LOST,
		.out = run->from[0] + run->got[0],
		.err_bytes = run->from[1] + run->got[1],
		.kept_id = run->kept_id,
		.rc = end->rc,
		.refused = end->refused,
		.err = end->err };
}

static int refuse_env(int rc, struct err *err)
{
	if (rc == -EOPNOTSUPP)
		return err_set(err, rc,
			"this image lacks env: variables have letters, digits and _ in their "
			"names");
	return err_set(err, rc, "its environment was refused: %s", strerror(-rc));
}

void run_finish(struct run *run, struct run_end *end)
{
	/* Then the mux has never had the env call, and will not give it back. */
	bool env_stayed = run->call.before && run->call.state == CALL_WAITING;

	pthread_mutex_lock(&run->lock);
	if (end->rc == -ETIMEDOUT && mux_dead(run->remote->mux) == 0)
		run_give_up(run);
	if (run->env_rc < 0 && end->rc == 0)
		end->rc = refuse_env(run->env_rc, &end->err);
	run->ended = true;
	pthread_mutex_unlock(&run->lock);
	if (end->rc < 0)
		lose(run, end);
	else if (run->kept_id)
		end->kept_id = run->kept_id;
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

	if (rc < 0 && a) {
		end.refused = true;
		answer_sentence(a, &end.err);
	}
	if (rc == 0)
		end.rc = bad = end_of(run, a, &end);
	run_finish(run, &end);
	return bad;
}

const struct call_ops run_call_ops = { on_line, on_piece, on_done };

/* --- its environment ----------------------------------------------------- */

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
		run_signal(run, "KILL");
	}
	pthread_mutex_unlock(&run->lock);
	run_unref(run);
	return 0;
}

const struct call_ops run_env_ops = { NULL, env_piece, env_done };
