#include "fs/ctlhandle.h"

#include "common/base/io.h"
#include "fs/box.h"
#include "fs/ctledit.h"
#include "fs/handle.h"
#include "fs/jobs.h"
#include "fs/ops.h"
#include "fs/podlog.h"

#include <fcntl.h>

/* The process of a thread: the kernel tells threads. */
static pid_t process_of(pid_t tid)
{
	auto_buf text = BUF_INIT(8192);
	char path[64];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	if (tid <= 0 || io_read_file(path, &text) < 0)
		return tid;
	at = strstr(buf_text(&text), "\nTgid:");
	return at ? (pid_t)strtol(at + 6, NULL, 10) : tid;
}

pid_t ctl_caller(const struct op *op)
{
	return process_of(fuse_req_ctx(op->req)->pid);
}

static bool writes(const struct op *op)
{
	return (op->fi.flags & O_ACCMODE) != O_RDONLY;
}

/* --- open: each gives 0, an error, or 1: it will be answered by a step -------- */

static void answer_open(struct op *op, int rc)
{
	struct handle *h = op->h;
	struct fs *fs = op->fs;

	if (rc < 0) {
		op_reply_err(op, rc); /* the handle goes with the op */
		return;
	}
	op->fi.fh = (uintptr_t)h;
	op->fi.direct_io = 1;
	pthread_mutex_lock(&fs->lock);
	handle_ref(h);
	pthread_mutex_unlock(&fs->lock);
	if (!op_reply_open(op))
		handle_unref_unlocked(fs, h);
}

static int open_text(struct op *op)
{
	struct ctl_handle *c = op->h->ctl;
	auto_buf text = BUF_INIT(CTL_TEXT_MAX);
	int rc = ctl_text(op->fs, c->box, c->kind, c->job, &text);

	if (rc < 0)
		return rc;
	c->text_n = text.len;
	c->text = buf_steal(&text);
	if (!c->text)
		c->text = xstrdup("");
	return 0;
}

static void script_came(struct op *op, struct remote_reply *reply)
{
	struct ctl_handle *c = op->h->ctl;

	if (reply->rc == 0)
		job_set_script(c->job, reply->data ? reply->data : "", reply->n);
	answer_open(op, reply->rc < 0 ? reply->rc : open_text(op));
}

/* The newest script; that of a kept run may still be in the sandbox alone. */
static int open_script(struct op *op)
{
	struct ctl_handle *c = op->h->ctl;
	struct remote_request rq = { .op = OP_SCRIPT };
	auto_buf text = BUF_INIT(JOB_SCRIPT_MAX);

	if (!c->job || job_script(c->job, &text))
		return open_text(op);
	rq.handle = job_kept(c->job);
	op_send(op, &rq, script_came);
	return 1;
}

static void ready_for_script(struct op *op, int rc)
{
	struct ctl_handle *c = op->h->ctl;

	if (rc == 0 && c->kind == CTL_NEW) {
		c->job = jobs_make(c->box);
		rc = c->job ? 0 : -EMFILE;
		if (c->job)
			job_opened(c->job);
	}
	answer_open(op, rc);
}

static int open_conversation(struct op *op)
{
	if ((op->fi.flags & O_ACCMODE) == O_RDWR)
		op->fi.nonseekable = 1;
	op->h->ctl->opener = ctl_caller(op);
	box_ready(op, ready_for_script);
	return 1;
}

static int open_output(struct op *op)
{
	struct ctl_handle *c = op->h->ctl;

	if (!c->job)
		return 0;
	job_want(c->job, c->box, c->kind == CTL_EXIT ? JOB_END : JOB_OUTPUT);
	c->talk = talk_new(op->fs, c->job, c->kind == CTL_EXIT ? 0 : c->kind == CTL_STDOUT ? 1 : 2);
	return 0;
}

static int open_stdin(struct op *op)
{
	struct ctl_handle *c = op->h->ctl;

	if ((op->fi.flags & O_ACCMODE) != O_WRONLY)
		return -EACCES;
	if (!c->job)
		return -ENXIO; /* as a fifo that nobody reads */
	job_want(c->job, c->box, JOB_INPUT);
	c->input = job_input(c->job);
	input_open(c->input, &c->writer);
	op->fi.nonseekable = 1;
	return 0;
}

static int open_log(struct op *op)
{
	struct ctl_handle *c = op->h->ctl;
	int rc = podlog_open(c->box, c->kind == CTL_EVENTS, &c->log);

	if (rc == 0)
		c->talk = talk_of_log(op->fs, c->log);
	return rc;
}

static int open_edit(struct op *op)
{
	struct ctl_handle *c = op->h->ctl;
	auto_buf text = BUF_INIT(CTL_TEXT_MAX);
	int rc = ctl_text(op->fs, c->box, c->kind, NULL, &text);

	if (rc == 0)
		c->edit = ctl_edit_new(&text, op->fi.flags);
	return rc;
}

static int open_kind(struct op *op)
{
	struct ctl_handle *c = op->h->ctl;
	bool w = writes(op);

	switch (c->kind) {
	case CTL_CMD:
		if (w && !c->run)
			return open_conversation(op);
		return w ? -EACCES : open_script(op);
	case CTL_NEW:
		return w ? open_conversation(op) : open_text(op);
	case CTL_STDIN:
		return open_stdin(op);
	case CTL_CTL:
		return open_text(op);
	case CTL_CWD:
	case CTL_ENV:
		return w ? open_edit(op) : open_text(op);
	case CTL_STDOUT:
	case CTL_STDERR:
	case CTL_EXIT:
		return w ? -EACCES : open_output(op);
	case CTL_LOG:
	case CTL_EVENTS:
		return w ? -EACCES : open_log(op);
	default:
		return w ? -EACCES : open_text(op);
	}
}

/* What it stays with from now on. -ENOENT: there is no such run any more. */
static int pin(struct op *op)
{
	struct ctl_handle *c = op->h->ctl;

	if (!c->box || c->kind >= CTL_RUN_COUNT || (c->kind == CTL_CMD && writes(op) && !c->run))
		return 0;
	c->job = ctl_job(c->box, c->run);
	if (c->job)
		job_opened(c->job);
	return c->job || !c->run ? 0 : -ENOENT;
}

void ctl_open(struct op *op)
{
	struct ctl_handle *c = xcalloc(1, sizeof(*c));
	struct fs *fs = op->fs;
	int rc;

	c->kind = op->node->ctl;
	c->run = op->node->run;
	c->box = op->box ? box_ref(op->box) : NULL;
	pthread_mutex_init(&c->lock, NULL);
	buf_init(&c->script, JOB_SCRIPT_MAX);
	pthread_mutex_lock(&fs->lock);
	op->h = handle_new(op->node);
	op->h->ctl = c;
	pthread_mutex_unlock(&fs->lock);
	rc = pin(op);
	if (rc == 0)
		rc = open_kind(op);
	if (rc <= 0)
		answer_open(op, rc);
}

void ctl_handle_free(struct ctl_handle *c)
{
	if (!c)
		return;
	talk_unref(c->talk);
	if (c->input)
		input_close(c->input, &c->writer);
	podlog_close(c->log);
	if (c->job)
		job_closed(c->job);
	if (c->job && c->kind == CTL_NEW && !c->begun)
		jobs_remove(c->box->jobs, c->job);
	job_unref(c->job);
	if (c->box) {
		jobs_trim(c->box->jobs, c->box->fs);
		box_unref(c->box);
	}
	ctl_edit_free(c->edit);
	buf_fini(&c->script);
	pthread_mutex_destroy(&c->lock);
	free(c->text);
	free(c);
}
