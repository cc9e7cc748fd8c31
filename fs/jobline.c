/* What serves a job: the run it started, or one attached to what the sandbox keeps. */
#include "fs/jobpriv.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "fs/notify.h"

#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 5000

static struct line *line_ref(struct line *l)
{
	atomic_fetch_add(&l->refs, 1);
	return l;
}

void line_unref(struct line *l)
{
	if (!l || atomic_fetch_sub(&l->refs, 1) > 1)
		return;
	session_run_unref(l->run);
	box_unref(l->box);
	job_unref(l->job);
	free(l);
}

struct line *line_of(struct job *j)
{
	scoped_lock(&j->lock);
	return j->line && j->line->ready ? line_ref(j->line) : NULL;
}

bool job_has_line(struct job *j)
{
	scoped_lock(&j->lock);
	return j->state != JOB_RUNS || (j->line && j->line->ready);
}

/* --- what comes ----------------------------------------------------------- */

static void on_started(void *arg, int pid, uint32_t kept_id)
{
	struct line *l = arg;
	struct job *j = l->job;
	unsigned cols, rows;
	struct op *list;

	pthread_mutex_lock(&j->lock);
	j->started = true;
	j->retries = 0;
	if (pid > 0)
		j->pid = pid;
	if (kept_id) {
		j->kept = kept_id;
		j->keeping = false;
	}
	cols = j->wish.terminal ? j->wish.cols : 0;
	rows = j->wish.rows;
	list = job_take_all(&j->start_waits);
	pthread_mutex_unlock(&j->lock);
	if (cols)
		session_run_resize(l->run, cols, rows);
	if (input_ended(&j->in))
		session_run_eof(l->run); /* closed before there was anyone to tell */
	op_resume_all(list, 0);
}

static void on_output(void *arg, int stream, const void *bytes, size_t n)
{
	struct line *l = arg;
	struct job *j = l->job;

	output_add(j->fs, &j->out[stream == 1 ? 1 : 2], bytes, n);
}

static void on_input(void *arg, size_t n)
{
	struct line *l = arg;
	struct job *j = l->job;

	bool current;

	pthread_mutex_lock(&j->lock);
	current = j->line == l;
	pthread_mutex_unlock(&j->lock);
	if (current && n)
		input_more(j->fs, &j->in, n);
	else if (current)
		input_end(j->fs, &j->in);
}

static void on_keep(void *arg, int rc, const struct err *err)
{
	struct line *l = arg;

	job_on_keep(l->job, rc);
}

/* --- the end of a line, and the next -------------------------------------- */

/*
 * There is nobody there any more, or it does not know it. A way there that is refused says nothing of that:
 * a kubelet that has just started answers that there is no such Pod.
 */
static bool hopeless(const struct box *b, const struct run_end *end)
{
	int rc = end->rc;

	return atomic_load(&b->down) < 0 ||
	       (end->refused && (rc == -ENOENT || rc == -ESTALE || rc == -ENOTCONN ||
					rc == -ENOSYS || rc == -EINVAL));
}

static void retry(void *arg)
{
	struct line *l = arg;
	struct job *j = l->job;
	struct run_end lost = { .state = RUN_LOST, .rc = atomic_load(&l->box->down) };

	pthread_mutex_lock(&j->lock);
	j->retrying = false;
	pthread_mutex_unlock(&j->lock);
	if (lost.rc < 0) {
		job_finish(l, &lost);
		return;
	}
	line_attach(j, l->box);
	line_unref(l);
}

/* Takes the line. */
static void retry_later(struct line *l)
{
	struct job *j = l->job;
	int ms = RETRY_MIN_MS;

	pthread_mutex_lock(&j->lock);
	for (unsigned i = 0; i < j->retries && ms < RETRY_MAX_MS; i++)
		ms *= 2;
	j->retries++;
	j->retrying = true;
	pthread_mutex_unlock(&j->lock);
	notify_later(j->fs->notifier, ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS, retry, l);
}

/* It goes on without this line, which was not lost. Takes the line. */
static void goes_on(struct line *l, const struct run_end *end)
{
	struct job *j = l->job;
	bool past;

	pthread_mutex_lock(&j->lock);
	past = !j->kept;
	if (past) {
		j->kept = end->kept_id;
		j->keeping = false;
	}
	pthread_mutex_unlock(&j->lock);
	trace(OP, "run %u of %s is kept as %u", j->number, l->box->key, j->kept);
	if (past)
		job_send_past(j, l->box, end->out, end->err_bytes);
	line_attach(j, l->box);
	line_unref(l);
}

static void on_ended(void *arg, const struct run_end *end)
{
	struct line *l = arg; /* the session's reference */
	struct job *j = l->job;
	bool kept, current;

	pthread_mutex_lock(&j->lock);
	current = j->line == l;
	if (current)
		j->line = NULL;
	kept = j->kept != 0;
	pthread_mutex_unlock(&j->lock);
	if (current) {
		input_lost(&j->in);
		line_unref(l);
	}
	if (end->state == RUN_KEPT)
		goes_on(l, end);
	else if (end->state == RUN_LOST && end->rc < 0 && kept && !hopeless(l->box, end))
		retry_later(l);
	else
		job_finish(l, end);
}

static const struct run_ops run_ops = { .started = on_started,
	.output = on_output,
	.input = on_input,
	.keep = on_keep,
	.ended = on_ended };

/* --- opening one ---------------------------------------------------------- */

/* The session has it: more may have been wanted meanwhile. */
static void settle(struct line *l)
{
	struct job *j = l->job;
	bool leave;

	pthread_mutex_lock(&j->lock);
	l->ready = true;
	leave = l->attached && (j->wanted & ~l->wants);
	pthread_mutex_unlock(&j->lock);
	if (leave)
		session_run_leave(l->run);
	if (input_ended(&j->in))
		session_run_eof(l->run);
	input_more(j->fs, &j->in, 0); /* what came before it was ready */
}

/* lock held. It becomes the job's. */
static struct line *make(struct job *j, struct box *b, unsigned wants, bool attached)
{
	struct line *l = xcalloc(1, sizeof(*l));

	l->refs = 3; /* the job's, the session's, open_line's */
	l->job = job_ref(j);
	l->box = box_ref(b);
	l->wants = wants;
	l->attached = attached;
	j->line = l;
	return l;
}

/* Takes the reference. */
static void open_line(struct line *l, const struct run_spec *spec)
{
	struct run_end failed = { .state = RUN_LOST };
	struct fs *fs = l->job->fs;
	struct session *session;

	failed.rc = box_session(l->box, &session);
	if (failed.rc < 0) {
		on_ended(l, &failed);
	} else {
		session_run(
			session, spec, deadline_after(fs->opt->deadline_ms), &run_ops, l, &l->run);
		settle(l);
	}
	line_unref(l);
}

void line_open(struct job *j, struct box *b, const struct run_spec *spec)
{
	struct line *l;

	pthread_mutex_lock(&j->lock);
	l = make(j, b, JOB_OUTPUT | JOB_INPUT, false);
	pthread_mutex_unlock(&j->lock);
	open_line(l, spec);
}

void line_attach(struct job *j, struct box *b)
{
	struct run_spec spec = { .window = JOB_WINDOW };
	struct line *l;

	pthread_mutex_lock(&j->lock);
	if (j->line || j->complete) {
		pthread_mutex_unlock(&j->lock);
		return;
	}
	spec.attach = j->kept;
	spec.wants_stdin = (j->wanted & JOB_INPUT) && !input_ended(&j->in) && j->state == JOB_RUNS;
	spec.wants = j->wanted & JOB_OUTPUT ? RUN_WANTS_OUT | RUN_WANTS_ERR : 0;
	for (int i = 0; i < 2; i++)
		spec.from[i] = j->base[i] + output_restart(&j->out[i + 1], JOB_WINDOW);
	l = make(j, b, j->wanted, true);
	pthread_mutex_unlock(&j->lock);
	open_line(l, &spec);
}

void job_want(struct job *j, struct box *b, unsigned what)
{
	struct line *leave = NULL;
	bool attach;

	pthread_mutex_lock(&j->lock);
	attach = j->kept && !j->complete && !j->retrying;
	if (j->state == JOB_OVER && what == JOB_END)
		attach = false;
	j->wanted |= what;
	if (attach && j->line) {
		if (j->line->ready && (what & ~j->line->wants))
			leave = line_ref(j->line);
		attach = false;
	}
	pthread_mutex_unlock(&j->lock);
	if (leave)
		session_run_leave(leave->run); /* its end attaches anew, with all that is wanted */
	line_unref(leave);
	if (attach)
		line_attach(j, b);
}

/*
 * Credit that is lost would be a run that never goes on. A line that is not there yet, or whose queue
 * is full, is asked again; without any the next one begins with a whole window.
 */
int job_more(void *arg, int stream, size_t n)
{
	struct job *j = arg;
	struct line *l = NULL;
	int rc = 0;

	pthread_mutex_lock(&j->lock);
	if (j->line && j->line->ready)
		l = line_ref(j->line);
	else if (j->line)
		rc = -ENOBUFS;
	pthread_mutex_unlock(&j->lock);
	if (l && session_run_more(l->run, stream, n) == -ENOBUFS)
		rc = -ENOBUFS;
	line_unref(l);
	return rc;
}
