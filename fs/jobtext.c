/* What is said of a run: its status, its exit code, its sizes; and what is learnt of a kept one. */
#include "fs/jobpriv.h"

#include "common/base/clock.h"
#include "fs/notify.h"

int job_exit_text(struct job *j, struct buf *ret)
{
	int code;

	scoped_lock(&j->lock);
	if (j->state != JOB_OVER)
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

	return j->state == JOB_NEW ? "new" : j->state == JOB_RUNS ? "running" : names[j->end.state];
}

/* lock held */
static uint64_t size_of(struct job *j, int stream, int64_t *ret_ms)
{
	uint64_t here = output_size(&j->out[stream], ret_ms);

	if (stream == 0 || j->complete || j->there[stream - 1] < here)
		return here;
	return j->there[stream - 1];
}

/* lock held */
static void describe_end(struct job *j, struct buf *ret)
{
	if (j->end.state != RUN_LOST)
		buf_printf(ret, ",\"exit\":%d", run_end_status(&j->end));
	if (j->end.state == RUN_SIGNALED)
		buf_printf(ret, ",\"signal\":%d", j->end.code);
	if (j->end.state == RUN_LOST)
		buf_printf(ret, ",\"errno\":\"%s\"", errno_name(j->end.rc ? j->end.rc : -EIO));
}

void job_describe(struct job *j, struct buf *ret)
{
	int64_t took_ms = 0;

	if (!j) {
		buf_str(ret, "\"run\":0,\"state\":\"none\"");
		return;
	}
	pthread_mutex_lock(&j->lock);
	if (j->state != JOB_NEW)
		took_ms = j->state == JOB_OVER ? j->took_ms : clock_now_ms() - j->started_ms;
	buf_printf(ret, "\"run\":%u,\"state\":\"%s\"", j->number, state_name(j));
	if (j->state == JOB_OVER)
		describe_end(j, ret);
	buf_printf(ret, ",\"seconds\":%lld.%03lld", (long long)(took_ms / 1000),
		(long long)(took_ms % 1000));
	buf_printf(ret, ",\"stdout\":%ju,\"stderr\":%ju", (uintmax_t)size_of(j, 1, NULL),
		(uintmax_t)size_of(j, 2, NULL));
	output_describe(&j->out[1], &j->out[2], ret);
	buf_printf(ret, ",\"pid\":%d,\"kept\":%u,\"terminal\":%s", j->pid, j->kept,
		j->wish.terminal ? "true" : "false");
	if (j->dropped)
		buf_printf(ret, ",\"dropped_there\":%ju", (uintmax_t)j->dropped);
	pthread_mutex_unlock(&j->lock);
}

uint64_t job_size(struct job *j, int stream, int64_t *ret_ms)
{
	scoped_lock(&j->lock);
	return size_of(j, stream, ret_ms);
}

int64_t job_started_ms(struct job *j)
{
	scoped_lock(&j->lock);
	return j->state == JOB_NEW ? j->made_wall_ms : j->started_wall_ms;
}

bool job_script(struct job *j, struct buf *ret)
{
	scoped_lock(&j->lock);
	if (j->script)
		buf_add(ret, j->script, j->n);
	return j->script || j->state == JOB_NEW;
}

size_t job_script_size(struct job *j)
{
	scoped_lock(&j->lock);
	return j->n;
}

void job_set_script(struct job *j, const char *script, size_t n)
{
	scoped_lock(&j->lock);
	if (j->script)
		return;
	j->script = xmalloc(n ? n : 1);
	memcpy(j->script, script, n);
	j->n = n;
}

/* --- kept ones ------------------------------------------------------------ */

/* lock held */
static void take_in(struct job *j, const struct kept *k)
{
	j->kept = k->id;
	j->pid = k->pid;
	j->n = j->script ? j->n : k->script_n;
	j->wish.terminal = k->terminal;
	j->dropped = k->dropped[0] + k->dropped[1];
	for (int i = 0; i < 2; i++) {
		if (!j->line && output_size(&j->out[i + 1], NULL) == 0)
			j->base[i] = k->start[i];
		j->there[i] = k->out[i] > j->base[i] ? k->out[i] - j->base[i] : 0;
	}
	if (k->state == RUN_RUNNING)
		return;
	j->state = JOB_OVER;
	j->took_ms = k->took_ms;
	j->end = (struct run_end){ .state = k->state, .code = k->code };
}

struct job *job_of_kept(struct fs *fs, const struct kept *k)
{
	struct job *j = job_make(fs, 0);

	j->started = true;
	j->state = JOB_RUNS;
	j->started_wall_ms = k->started_s * 1000;
	j->started_ms = clock_now_ms() - k->took_ms;
	take_in(j, k);
	for (int i = 0; i < 3; i++) /* nobody else has it yet */
		j->out[i].changed_ms = j->started_wall_ms + k->took_ms;
	if (j->state == JOB_OVER)
		output_end(fs, &j->out[0], 0);
	return j;
}

/* The notifier's: those who wait for it are answered without anybody's lock. */
static void tell_end(void *arg)
{
	struct job *j = arg;

	output_end(j->fs, &j->out[0], 0);
	job_unref(j);
}

bool job_learn(struct job *j, const struct kept *k)
{
	scoped_lock(&j->lock);
	if (j->state == JOB_OVER && j->end.state == RUN_LOST && k->state != RUN_LOST)
		return false;
	if (j->line || j->retrying || j->complete || j->state == JOB_NEW)
		return true;
	if (j->state == JOB_RUNS && k->state != RUN_RUNNING)
		notify_then(j->fs->notifier, tell_end, job_ref(j));
	take_in(j, k);
	return true;
}
