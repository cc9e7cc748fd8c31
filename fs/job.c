#include "fs/job.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "fs/box.h"
#include "fs/fs.h"
#include "fs/learn.h"
#include "fs/notify.h"

#include <utlist.h>

struct job {
	atomic_uint refs; /* one while it runs */
	struct fs *fs;
	struct box *box; /* while it runs; holds a reference */
	unsigned number;
	char *script;
	size_t n;
	int64_t started_wall_ms, started_ms;
	struct output out[3]; /* 0: never has bytes, ends with the run */
	struct session_run *run;

	pthread_mutex_t lock; /* all below; before an output's */
	bool started, ended;
	int pid;
	int64_t took_ms;
	struct run_end end;
	struct op *start_waits;
	size_t input_credit;
	unsigned input_opens;
	bool input_ended;
	struct op *input_waits; /* op->owner: the job; op->name: the bytes */
};

struct jobs {
	atomic_uint refs;
	pthread_mutex_t lock; /* all below */
	struct job *newest;   /* holds a reference */
	unsigned count;
};

struct jobs *jobs_new(void)
{
	struct jobs *js = xcalloc(1, sizeof(*js));

	js->refs = 1;
	pthread_mutex_init(&js->lock, NULL);
	return js;
}

struct jobs *jobs_ref(struct jobs *js)
{
	atomic_fetch_add(&js->refs, 1);
	return js;
}

void jobs_unref(struct jobs *js)
{
	if (!js || atomic_fetch_sub(&js->refs, 1) > 1)
		return;
	job_unref(js->newest);
	pthread_mutex_destroy(&js->lock);
	free(js);
}

struct job *jobs_newest(struct jobs *js)
{
	scoped_lock(&js->lock);
	return js->newest ? job_ref(js->newest) : NULL;
}

struct job *job_ref(struct job *j)
{
	atomic_fetch_add(&j->refs, 1);
	return j;
}

void job_unref(struct job *j)
{
	if (!j || atomic_fetch_sub(&j->refs, 1) > 1)
		return;
	session_run_unref(j->run);
	for (int i = 0; i < 3; i++)
		output_fini(&j->out[i]);
	pthread_mutex_destroy(&j->lock);
	free(j->script);
	free(j);
}

/* lock held. All that wait in the list, taken out of it. */
static struct op *take_all(struct op **list)
{
	struct op *op, *taken = *list;

	DL_FOREACH(taken, op)
	op->where = NULL;
	*list = NULL;
	return taken;
}

static void answer_start(struct op *op, int rc)
{
	op_reply_err(op, rc);
}

static void cancel_start(struct op *op)
{
	struct job *j = op->owner;
	bool waiting;

	pthread_mutex_lock(&j->lock);
	waiting = op->where != NULL;
	if (waiting)
		DL_DELETE(j->start_waits, op);
	op->where = NULL;
	pthread_mutex_unlock(&j->lock);
	if (waiting)
		op_unref(op);
}

static void on_started(void *arg, int pid)
{
	struct job *j = arg;
	struct op *list;
	bool eof;

	pthread_mutex_lock(&j->lock);
	j->started = true;
	j->pid = pid;
	eof = j->input_ended; /* closed before there was anyone to tell */
	list = take_all(&j->start_waits);
	pthread_mutex_unlock(&j->lock);
	if (eof)
		session_run_eof(j->run);
	op_resume_all(list, 0);
}

void job_more(struct job *j, int stream, size_t n)
{
	if (n > 0 && j->run)
		session_run_more(j->run, stream, n);
}

static void on_output(void *arg, int stream, const void *bytes, size_t n)
{
	struct job *j = arg;

	job_more(j, stream, output_add(j->fs, &j->out[stream == 1 ? 1 : 2], bytes, n));
}

/* lock held. Sends what waits, as far as the credit goes: at least a byte each is a partial write.
 */
static void feed(struct job *j)
{
	while (j->input_waits && j->input_credit > 0) {
		struct op *op = j->input_waits;
		size_t n = op->size < j->input_credit ? op->size : j->input_credit;
		int rc;

		DL_DELETE(j->input_waits, op);
		op->where = NULL;
		op->size = n;
		j->input_credit -= n;
		pthread_mutex_unlock(&j->lock);
		rc = op_claim(op) ? session_run_input(j->run, op->name, n) : -ECANCELED;
		if (rc == 0)
			fuse_reply_write(op->req, n);
		else if (rc != -ECANCELED)
			fuse_reply_err(op->req, rc == -EPIPE ? EPIPE : fs_errno(rc));
		op_unref(op);
		pthread_mutex_lock(&j->lock);
		if (rc == -ECANCELED)
			j->input_credit += n;
	}
}

static void on_input(void *arg, size_t n)
{
	struct job *j = arg;

	scoped_lock(&j->lock);
	j->input_credit += n;
	feed(j);
}

static void fail_input(struct op *op)
{
	if (op_claim(op))
		fuse_reply_err(op->req, EPIPE); /* the run is over: as any pipe says */
	op_unref(op);
}

/* The notifier's: everything the kernel knew of the files has been forgotten. */
static void finish(void *arg)
{
	struct job *j = arg;
	struct op *starts, *inputs, *op, *next;
	int rc;

	pthread_mutex_lock(&j->lock);
	j->ended = true;
	rc = j->end.state != RUN_LOST ? 0 : j->started || j->end.rc == 0 ? -EIO : j->end.rc;
	starts = take_all(&j->start_waits);
	inputs = take_all(&j->input_waits);
	pthread_mutex_unlock(&j->lock);
	op_resume_all(starts, rc);
	DL_FOREACH_SAFE(inputs, op, next)
	fail_input(op);
	for (int i = 0; i < 3; i++)
		output_end(j->fs, &j->out[i], rc);
	box_unref(take_ptr(j->box));
	job_unref(j);
}

static void on_ended(void *arg, const struct run_end *end)
{
	struct job *j = arg;

	trace(OP, "run %u of %s ended: state %d code %d rc %d %s", j->number, j->box->key,
		end->state, end->code, end->rc, end->err.text);
	pthread_mutex_lock(&j->lock);
	j->end = *end;
	j->took_ms = clock_now_ms() - j->started_ms;
	pthread_mutex_unlock(&j->lock);
	learn_box_changed(j->fs, j->box);
	notify_then(j->fs->notifier, finish, j);
}

static const struct run_ops run_ops = { on_started, on_output, on_input, on_ended };

static struct job *job_new(struct box *b, const char *script, size_t n)
{
	struct fs *fs = b->fs;
	struct job *j = xcalloc(1, sizeof(*j));
	uint64_t max = (uint64_t)fs->opt->spool_max_mib * 1024 * 1024;

	j->refs = 3; /* the caller's, the newest's, the run's */
	j->fs = fs;
	j->box = box_ref(b);
	j->script = xmalloc(n ? n : 1);
	memcpy(j->script, script, n);
	j->n = n;
	j->started_wall_ms = clock_wall_ms();
	j->started_ms = clock_now_ms();
	pthread_mutex_init(&j->lock, NULL);
	for (int i = 0; i < 3; i++)
		output_init(&j->out[i], max, JOB_WINDOW);
	return j;
}

static void become_newest(struct jobs *js, struct job *j)
{
	struct job *old;

	pthread_mutex_lock(&js->lock);
	old = js->newest;
	js->newest = j;
	j->number = ++js->count;
	pthread_mutex_unlock(&js->lock);
	job_unref(old);
}

static void wait_for_start(struct job *j, struct op *op)
{
	pthread_mutex_lock(&j->lock);
	op->step = answer_start;
	op->cancel = cancel_start;
	op->owner = j;
	op->where = op;
	DL_APPEND(j->start_waits, op);
	pthread_mutex_unlock(&j->lock);
	op_arm(op, false);
}

struct job *job_start(struct box *b, const char *script, size_t n, struct op *op)
{
	struct job *j = job_new(b, script, n);
	struct run_spec spec = {
		.script = j->script, .n = n, .window = JOB_WINDOW, .wants_stdin = true
	};
	struct run_end failed = { .state = RUN_LOST };
	struct session *session;

	atomic_fetch_add(&b->fs->count.runs, 1);
	become_newest(b->jobs, j);
	if (op)
		wait_for_start(j, op);
	learn_box_changed(b->fs, b);
	failed.rc = box_session(b, &session);
	if (failed.rc < 0)
		on_ended(j, &failed);
	else
		session_run(session, &spec, deadline_after(b->fs->opt->deadline_ms), &run_ops, j,
			&j->run);
	return j;
}

struct output *job_output(struct job *j, int stream)
{
	return &j->out[stream];
}

static void cancel_input(struct op *op)
{
	struct job *j = op->owner;
	bool waiting;

	pthread_mutex_lock(&j->lock);
	waiting = op->where != NULL;
	if (waiting)
		DL_DELETE(j->input_waits, op);
	op->where = NULL;
	pthread_mutex_unlock(&j->lock);
	if (waiting)
		op_unref(op);
}

void job_input(struct job *j, struct op *op, const char *bytes, bool nonblock)
{
	bool over, full;

	if (op->size > JOB_INPUT_MAX)
		op->size = JOB_INPUT_MAX; /* a partial write: the caller goes on */
	op->name = xmalloc(op->size + 1);
	memcpy(op->name, bytes, op->size);
	op_ref(op);
	pthread_mutex_lock(&j->lock);
	over = j->ended || j->input_ended;
	full = nonblock && j->input_credit == 0;
	if (!over && !full) {
		op->owner = j;
		op->where = op;
		op->cancel = cancel_input;
		DL_APPEND(j->input_waits, op);
		feed(j);
	}
	pthread_mutex_unlock(&j->lock);
	if (over)
		fail_input(op);
	else if (full)
		op_reply_err(op, -EAGAIN);
	else if (!op_arm(op, true)) {
		if (op_claim(op))
			fuse_reply_err(op->req, EINTR);
		cancel_input(op);
	}
	op_unref(op);
}

void job_input_open(struct job *j)
{
	scoped_lock(&j->lock);
	j->input_opens++;
}

void job_input_close(struct job *j)
{
	bool last;

	pthread_mutex_lock(&j->lock);
	last = --j->input_opens == 0 && !j->ended && !j->input_ended;
	if (last)
		j->input_ended = true;
	pthread_mutex_unlock(&j->lock);
	if (last && j->run)
		session_run_eof(j->run);
}

int job_exit_text(struct job *j, struct buf *ret)
{
	int code;

	scoped_lock(&j->lock);
	if (!j->ended)
		return -EINPROGRESS;
	code = run_end_status(&j->end);
	if (code < 0)
		return !j->started && j->end.rc < 0 ? j->end.rc : -EIO;
	buf_printf(ret, "%d\n", code);
	return 0;
}

static const char *state_name(const struct job *j)
{
	static const char *const names[] = { "running", "exited", "signaled", "timeout", "lost" };

	return j->ended ? names[j->end.state] : "running";
}

void job_describe(struct job *j, struct buf *ret)
{
	int64_t took_ms;

	if (!j) {
		buf_str(ret, "\"run\":0,\"state\":\"none\"");
		return;
	}
	pthread_mutex_lock(&j->lock);
	took_ms = j->ended ? j->took_ms : clock_now_ms() - j->started_ms;
	buf_printf(ret, "\"run\":%u,\"state\":\"%s\"", j->number, state_name(j));
	if (j->ended && j->end.state != RUN_LOST)
		buf_printf(ret, ",\"exit\":%d", run_end_status(&j->end));
	if (j->ended && j->end.state == RUN_SIGNALED)
		buf_printf(ret, ",\"signal\":%d", j->end.code);
	if (j->ended && j->end.state == RUN_LOST)
		buf_printf(ret, ",\"errno\":\"%s\"", errno_name(j->end.rc ? j->end.rc : -EIO));
	buf_printf(ret, ",\"seconds\":%lld.%03lld,\"stdout\":%llu,\"stderr\":%llu",
		(long long)(took_ms / 1000), (long long)(took_ms % 1000),
		(unsigned long long)output_size(&j->out[1], NULL),
		(unsigned long long)output_size(&j->out[2], NULL));
	pthread_mutex_unlock(&j->lock);
}

const char *job_script(const struct job *j, size_t *ret_n)
{
	*ret_n = j->n;
	return j->script;
}

int64_t job_started_ms(const struct job *j)
{
	return j->started_wall_ms;
}
