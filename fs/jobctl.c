/* What a run is told through its ctl file. */
#include "fs/command.h"
#include "fs/defaults.h"
#include "fs/jobpriv.h"

/* lock held */
static int check_one(const struct job *j, const struct command *c)
{
	if (j->state == JOB_NEW)
		return command_before_start(c->kind) ? 0 : -ESRCH;
	if (!command_after_start(c->kind))
		return -EBUSY;
	if (j->state == JOB_OVER)
		return -ESRCH;
	if (c->kind == COMMAND_RESIZE && !j->wish.terminal)
		return -ENOTTY;
	return 0;
}

static int check(struct job *j, const struct command *all, size_t count)
{
	int rc = 0;

	scoped_lock(&j->lock);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = check_one(j, &all[i]);
	return rc;
}

/* lock held */
static void wish(struct job *j, const struct command *c)
{
	struct job_wish *w = &j->wish;

	switch (c->kind) {
	case COMMAND_TIMEOUT:
		w->timeout_ms = c->timeout_ms;
		break;
	case COMMAND_CWD:
		free(w->cwd);
		w->cwd = xstrdup(c->text);
		break;
	case COMMAND_ENV:
		env_put(&w->env, c->text);
		break;
	case COMMAND_USER:
		free(w->user);
		w->user = xstrdup(c->text);
		break;
	case COMMAND_TERMINAL:
		w->terminal = true;
		w->cols = c->cols;
		w->rows = c->rows;
		break;
	default:
		break;
	}
}

static int tell(struct job *j, const struct command *c)
{
	struct line *l = line_of(j);
	int rc = -EAGAIN;

	if (c->kind == COMMAND_EOF) {
		input_end(j->fs, &j->in); /* told at the latest when the line is there */
		rc = 0;
	}
	if (l && c->kind == COMMAND_SIGNAL)
		rc = session_run_kill(l->run, c->text);
	else if (l && c->kind == COMMAND_TIMEOUT)
		rc = session_run_timeout(l->run, c->timeout_ms);
	else if (l && c->kind == COMMAND_RESIZE)
		rc = session_run_resize(l->run, c->cols, c->rows);
	else if (l)
		session_run_eof(l->run);
	line_unref(l);
	return rc == -ENOSYS ? -EOPNOTSUPP : rc;
}

/* 0, or why not; it may have started since it was checked. */
static int obey(struct job *j, const struct command *c)
{
	int rc;

	pthread_mutex_lock(&j->lock);
	rc = check_one(j, c);
	if (rc == 0 && j->state == JOB_NEW) {
		wish(j, c);
		pthread_mutex_unlock(&j->lock);
		if (c->kind == COMMAND_EOF) /* it may answer somebody */
			input_end(j->fs, &j->in);
		return 0;
	}
	pthread_mutex_unlock(&j->lock);
	return rc < 0 ? rc : tell(j, c);
}

void job_command(struct job *j, struct op *op, const struct command *all, size_t count)
{
	int rc = check(j, all, count);
	bool detach = false;

	for (size_t i = 0; rc == 0 && i < count; i++) {
		if (all[i].kind == COMMAND_DETACH)
			detach = true;
		else
			rc = obey(j, &all[i]);
	}
	if (rc == 0 && detach)
		job_detach(j, op);
	else if (rc < 0)
		op_reply_err(op, rc);
	else
		op_reply_write(op, op->size);
}
