#include "fs/jobpriv.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "fs/defaults.h"
#include "fs/jobs.h"
#include "fs/learn.h"
#include "fs/notify.h"
#include "fs/opnote.h"

#include <utlist.h>

struct job *job_make(struct fs *fs, uint64_t granted)
{
	struct job *j = xcalloc(1, sizeof(*j));
	uint64_t max = (uint64_t)fs->opt->spool_max_mib * 1024 * 1024;

	j->refs = 1;
	j->fs = fs;
	j->made_wall_ms = clock_wall_ms();
	pthread_mutex_init(&j->lock, NULL);
	input_init(&j->in, &job_input_ops, j);
	output_init(&j->out[0], 0, 0);
	for (int i = 1; i < 3; i++) {
		output_init(&j->out[i], max, JOB_WINDOW);
		j->out[i].granted = granted; /* nobody else has it yet */
		output_join(&j->out[i], &fs->pool, fs->opt->spool_drop, job_more, j, i);
	}
	return j;
}

struct job *job_new(struct fs *fs)
{
	return job_make(fs, JOB_WINDOW);
}

struct job *job_ref(struct job *j)
{
	atomic_fetch_add(&j->refs, 1);
	return j;
}

/* The notifier's: an output must not go while its giver is told, which may be our caller. */
static void free_job(void *arg)
{
	struct job *j = arg;

	for (int i = 0; i < 3; i++)
		output_fini(&j->out[i]);
	input_fini(&j->in);
	pthread_mutex_destroy(&j->lock);
	free(j->wish.cwd);
	free(j->wish.user);
	env_free(j->wish.env);
	free(j->script);
	free(j);
}

void job_unref(struct job *j)
{
	if (j && atomic_fetch_sub(&j->refs, 1) == 1)
		notify_then(j->fs->notifier, free_job, j);
}

unsigned job_number(const struct job *j)
{
	return j->number;
}

void job_set_number(struct job *j, unsigned number)
{
	j->number = number;
}

bool job_is_new(struct job *j)
{
	scoped_lock(&j->lock);
	return j->state == JOB_NEW;
}

bool job_is_over(struct job *j)
{
	scoped_lock(&j->lock);
	return j->state == JOB_OVER;
}

uint32_t job_kept(struct job *j)
{
	scoped_lock(&j->lock);
	return j->kept;
}

bool job_is_keeping(struct job *j)
{
	scoped_lock(&j->lock);
	return j->keeping;
}

bool job_is_held(struct job *j)
{
	scoped_lock(&j->lock);
	return j->complete;
}

bool job_is_idle(struct job *j)
{
	scoped_lock(&j->lock);
	return !j->line && !j->retrying && j->state != JOB_NEW;
}

bool job_was_started_here(struct job *j)
{
	scoped_lock(&j->lock);
	return j->ours && j->state != JOB_NEW;
}

void job_opened(struct job *j)
{
	atomic_fetch_add(&j->opens, 1);
}

void job_closed(struct job *j)
{
	atomic_fetch_sub(&j->opens, 1);
}

bool job_is_open(struct job *j)
{
	return atomic_load(&j->opens) > 0;
}

bool job_hides(struct job *j, enum ctl_kind kind)
{
	return atomic_load(&j->hidden) >> kind & 1;
}

void job_hide(struct job *j, enum ctl_kind kind)
{
	atomic_fetch_or(&j->hidden, 1u << kind);
}

struct output *job_output(struct job *j, int stream)
{
	return &j->out[stream];
}

/* --- waiting -------------------------------------------------------------- */

struct op *job_take_all(struct op **list)
{
	struct op *op, *taken = *list;

	DL_FOREACH(taken, op)
	op->where = NULL;
	*list = NULL;
	return taken;
}

/* A signal has ended it: EINTR has been said. */
static void cancel_wait(struct op *op)
{
	struct job *j = op->owner;
	struct op **list;

	pthread_mutex_lock(&j->lock);
	list = op->where;
	op->where = NULL;
	if (list)
		DL_DELETE(*list, op);
	pthread_mutex_unlock(&j->lock);
	if (list)
		op_unref(op);
}

static void release(void *held)
{
	job_unref(held);
}

void job_wait(struct job *j, struct op **list, struct op *op, op_step *step)
{
	op_hold(op, job_ref(j), release);
	op->step = step;
	op->cancel = cancel_wait;
	op->owner = j;
	op->where = list;
	DL_APPEND(*list, op);
}

/* --- start ---------------------------------------------------------------- */

/* lock held. The run's own variables behind the defaults'. */
static void add_wished(const struct job *j, char ***env)
{
	for (char **at = j->wish.env; at && *at; at++)
		env_put(env, *at);
}

/* lock held */
static void begin(struct job *j, const char *script, size_t n)
{
	j->script = xmalloc(n ? n : 1);
	memcpy(j->script, script, n);
	j->n = n;
	j->state = JOB_RUNS;
	j->ours = true;
	j->keeping = j->wish.keep;
	j->wanted = JOB_OUTPUT | JOB_INPUT;
	j->started_wall_ms = clock_wall_ms();
	j->started_ms = clock_now_ms();
}

void job_start(struct job *j, struct box *b, const char *script, size_t n, struct op *op)
{
	auto_free char *cwd = jobs_cwd(b->jobs);
	struct run_spec spec = { .window = JOB_WINDOW };
	bool wants_stdin = !input_ended(&j->in);
	char **env = jobs_env(b->jobs); /* its lock comes before a job's */

	atomic_fetch_add(&b->fs->count.runs, 1);
	pthread_mutex_lock(&j->lock);
	begin(j, script, n);
	add_wished(j, &env);
	spec.script = j->script;
	spec.n = n;
	spec.cwd = j->wish.cwd ? j->wish.cwd : cwd;
	spec.user = j->wish.user;
	spec.env = (const char *const *)env;
	spec.timeout_ms = j->wish.timeout_ms;
	spec.wants_stdin = wants_stdin;
	spec.terminal = j->wish.terminal;
	spec.keep = j->wish.keep ? j->number : 0;
	if (op) {
		op_ref(op);
		job_wait(j, &j->start_waits, op, op_reply_err);
	}
	pthread_mutex_unlock(&j->lock);
	jobs_started(b->jobs, j);
	if (op) {
		op_arm(op, false);
		op_unref(op);
	}
	learn_box_changed(b->fs, b);
	line_open(j, b, &spec);
	env_free(env);
}

/* --- end ------------------------------------------------------------------ */

/* lock held */
static int verdict(const struct job *j, const struct run_end *end)
{
	if (end->state != RUN_LOST)
		return 0;
	return j->started || end->rc == 0 ? -EIO : end->rc;
}

/* All output that there is has come. */
static void complete(struct job *j, int rc)
{
	pthread_mutex_lock(&j->lock);
	j->complete = true;
	pthread_mutex_unlock(&j->lock);
	output_end(j->fs, &j->out[1], rc);
	output_end(j->fs, &j->out[2], rc);
}

/* The notifier's: everything the kernel knew of the box's files has been forgotten. */
static void finish(void *arg)
{
	struct line *l = arg;
	struct job *j = l->job;
	struct op *starts, *detaches;
	bool again;
	int rc;

	pthread_mutex_lock(&j->lock);
	j->state = JOB_OVER;
	j->keeping = false;
	rc = j->output_rc;
	again = rc == 0 && (j->wanted & JOB_OUTPUT) && !(l->wants & JOB_OUTPUT);
	starts = job_take_all(&j->start_waits);
	detaches = job_take_all(&j->detach_waits);
	pthread_mutex_unlock(&j->lock);
	op_resume_all(starts, rc);
	op_resume_all(detaches, rc < 0 ? rc : -ESRCH);
	input_end(j->fs, &j->in);
	if (rc < 0 || (l->wants & JOB_OUTPUT))
		complete(j, rc);
	output_end(j->fs, &j->out[0], rc);
	if (again)
		line_attach(j, l->box);
	jobs_trim(l->box->jobs, j->fs);
	line_unref(l);
}

/* Its outputs were not brought here: how long they have become is known from the end alone. lock held */
static void learn_sizes(struct job *j, const struct run_end *end)
{
	const uint64_t whole[] = { end->out, end->err_bytes };

	for (int i = 0; i < 2; i++) {
		if (whole[i] > j->base[i] + j->there[i])
			j->there[i] = whole[i] - j->base[i];
	}
}

void job_finish(struct line *l, const struct run_end *end)
{
	struct job *j = l->job;
	int64_t took_ms;

	trace(OP, "run %u of %s ended: state %d code %d rc %d %s", j->number, l->box->key,
		end->state, end->code, end->rc, end->err.text);
	pthread_mutex_lock(&j->lock);
	j->output_rc = verdict(j, end);
	if (j->state != JOB_OVER) { /* the end of a kept one may be known already */
		j->end = *end;
		j->took_ms = clock_now_ms() - j->started_ms;
	}
	if (end->rc == 0) /* a lost line knows of none */
		j->dropped = end->dropped[0] + end->dropped[1];
	if (j->output_rc == 0 && !(l->wants & JOB_OUTPUT))
		learn_sizes(j, end);
	took_ms = clock_now_ms() - j->started_ms;
	pthread_mutex_unlock(&j->lock);
	opnote_run(l->box, j->number, end, took_ms, j->output_rc);
	learn_box_changed(j->fs, l->box);
	notify_last(j->fs->notifier, l->box, finish, l);
}
