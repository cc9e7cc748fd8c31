/* Reading and writing the control files. */
#include "fs/ctlhandle.h"

#include "fs/box.h"
#include "fs/command.h"
#include "fs/ctledit.h"
#include "fs/handle.h"
#include "fs/jobs.h"
#include "fs/ops.h"

#include <fcntl.h>
#include <poll.h>

/* --- reading --------------------------------------------------------------- */

static void read_text(struct op *op, const char *text, size_t n)
{
	size_t at = op->offset < n ? op->offset : n;

	op_reply_buf(op, text + at, op->size < n - at ? op->size : n - at);
}

/*
 * Hands over what was written, if anything: 1, and op (may be NULL) is answered at the start; 0: there was
 * nothing. -EMFILE: there are too many runs, and what was written is forgotten. c->lock held.
 */
static int start_pending(struct ctl_handle *c, struct op *op)
{
	struct talk *old = c->talk;
	struct job *j;

	if (c->script.len == 0)
		return 0;
	j = c->kind == CTL_NEW ? job_ref(c->job) : jobs_make(c->box);
	if (!j) {
		buf_reset(&c->script);
		return -EMFILE;
	}
	c->begun = true;
	c->talk = talk_new(c->box->fs, j, 1);
	job_start(j, c->box, buf_text(&c->script), c->script.len, op);
	buf_fini(&c->script);
	job_unref(j);
	if (old)
		talk_leave(old);
	talk_unref(old);
	return 1;
}

/* c->lock held. Of a run that has no script yet its number is read. */
static void read_number(struct op *op, struct ctl_handle *c)
{
	char text[16];
	size_t n = (size_t)snprintf(text, sizeof(text), "%u\n", job_number(c->job));

	op->offset = c->number_at;
	n -= c->number_at;
	n = n < op->size ? n : op->size;
	c->number_at += n;
	op_reply_buf(op, text + op->offset, n);
}

/* c->lock held. Who has it may read it without the lock. */
static struct talk *talk_now(struct ctl_handle *c)
{
	return c->talk ? talk_ref(c->talk) : NULL;
}

static void read_output(struct op *op, struct ctl_handle *c)
{
	struct talk *t;
	int rc = 0;

	pthread_mutex_lock(&c->lock);
	if (ctl_is_conversation(c))
		rc = start_pending(c, NULL);
	if (rc < 0) {
		pthread_mutex_unlock(&c->lock);
		op_reply_err(op, rc);
		return;
	}
	t = talk_now(c);
	if (!t && c->kind == CTL_NEW) {
		read_number(op, c);
		pthread_mutex_unlock(&c->lock);
		return;
	}
	pthread_mutex_unlock(&c->lock);
	if (t)
		talk_read(t, op, ctl_is_conversation(c), c->kind == CTL_EXIT);
	else if (c->kind == CTL_EXIT)
		op_reply_err(op, -ENODATA); /* nothing has been run yet */
	else
		op_reply_buf(op, NULL, 0);
	talk_unref(t);
}

static void read_edit(struct op *op, struct ctl_handle *c)
{
	auto_buf text = BUF_INIT(CTL_TEXT_MAX);

	pthread_mutex_lock(&c->lock);
	buf_str(&text, ctl_edit_text(c->edit));
	pthread_mutex_unlock(&c->lock);
	read_text(op, buf_text(&text), text.len);
}

void ctl_read(struct op *op)
{
	struct handle *h = op->h;
	struct ctl_handle *c = h->ctl;
	struct fs *fs = op->fs;

	pthread_mutex_lock(&fs->lock);
	handle_ref(h); /* the answer may let go of op's */
	pthread_mutex_unlock(&fs->lock);
	if (c->text)
		read_text(op, c->text, c->text_n);
	else if (c->edit)
		read_edit(op, c);
	else
		read_output(op, c);
	handle_unref_unlocked(fs, h);
}

/* --- writing --------------------------------------------------------------- */

struct told {
	struct command *all;
	size_t count;
};

static void free_told(struct told *t)
{
	commands_free(t->all, t->count);
	free(t);
}

static void obey(struct op *op, struct told *t)
{
	struct ctl_handle *c = op->h->ctl;
	struct job *j = c->job ? job_ref(c->job) : ctl_job(c->box, 0);

	if (!j)
		op_reply_err(op, -ESRCH);
	else
		job_command(j, op, t->all, t->count);
	job_unref(j);
	free_told(t);
}

static void line_ready(struct op *op, int rc)
{
	struct told *t = op->owner;

	if (rc < 0) {
		free_told(t);
		op_reply_err(op, rc);
		return;
	}
	job_want(op->h->ctl->job, op->h->ctl->box, JOB_END);
	obey(op, t);
}

/* A kept run to which nothing leads yet gets a line first. */
static void write_command(struct op *op, const char *bytes)
{
	struct ctl_handle *c = op->h->ctl;
	struct told *t = xcalloc(1, sizeof(*t));
	int rc = commands_parse(bytes, op->size, &t->all, &t->count);

	if (rc < 0) {
		free(t);
		op_reply_err(op, rc);
	} else if (c->job && !job_has_line(c->job)) {
		op->owner = t;
		box_ready(op, line_ready);
	} else {
		obey(op, t);
	}
}

static void write_edit(struct op *op, const char *bytes)
{
	struct ctl_handle *c = op->h->ctl;
	int rc;

	pthread_mutex_lock(&c->lock);
	rc = ctl_edit_write(c->edit, bytes, op->size, op->offset);
	pthread_mutex_unlock(&c->lock);
	if (rc < 0)
		op_reply_err(op, rc);
	else
		op_reply_write(op, op->size);
}

static void write_script(struct op *op, const char *bytes)
{
	struct ctl_handle *c = op->h->ctl;
	int rc = -EBUSY; /* one handle, one run */

	pthread_mutex_lock(&c->lock);
	if (c->kind != CTL_NEW || !c->begun) {
		buf_add(&c->script, bytes, op->size);
		rc = buf_check(&c->script) < 0 ? -EFBIG : 0;
		c->script.bad = false; /* what fitted before still stands */
	}
	pthread_mutex_unlock(&c->lock);
	if (rc < 0)
		op_reply_err(op, rc);
	else
		op_reply_write(op, op->size);
}

void ctl_write(struct op *op, const char *bytes)
{
	struct ctl_handle *c = op->h->ctl;

	switch (c->kind) {
	case CTL_STDIN:
		input_write(c->input, op, bytes, op->fi.flags & O_NONBLOCK);
		break;
	case CTL_CTL:
		write_command(op, bytes);
		break;
	case CTL_CWD:
	case CTL_ENV:
		write_edit(op, bytes);
		break;
	default:
		write_script(op, bytes);
	}
}

/* c->lock held */
static int apply_edit(struct ctl_handle *c)
{
	return c->edit ? ctl_edit_apply(c->edit, c->kind, c->box->jobs) : 0;
}

/*
 * Starts what is pending when the process that opened the file closes it. A child that inherited
 * the descriptor starts nothing by its exit; when it is the last, release does.
 */
void ctl_flush(struct op *op)
{
	struct ctl_handle *c = op->h->ctl;
	int rc;

	op_ref(op);
	pthread_mutex_lock(&c->lock);
	rc = apply_edit(c);
	if (ctl_is_conversation(c) && c->script.len > 0 && ctl_caller(op) == c->opener)
		rc = start_pending(c, op);
	pthread_mutex_unlock(&c->lock);
	if (rc <= 0)
		op_reply_err(op, rc);
	op_unref(op);
}

void ctl_release(struct op *op)
{
	struct ctl_handle *c = op->h->ctl;

	pthread_mutex_lock(&c->lock);
	apply_edit(c);
	if (ctl_is_conversation(c))
		start_pending(c, NULL);
	pthread_mutex_unlock(&c->lock);
	op_reply_err(op, 0);
}

/* --- attributes ------------------------------------------------------------ */

void ctl_getattr(struct op *op)
{
	struct stat st;
	int rc = ctl_stat(op->fs, op->node, &st);

	if (rc < 0)
		op_reply_err(op, rc);
	else
		op_reply_attr(op, &st, 0);
}

/* truncate and touch: of cwd and env it empties them, of others there is nothing to do */
void ctl_setattr(struct op *op)
{
	struct ctl_handle *c = op->h ? op->h->ctl : NULL;
	bool edits = op->node->ctl == CTL_CWD || op->node->ctl == CTL_ENV;

	if (op->to_set & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) {
		op_reply_err(op, -EPERM);
		return;
	}
	if ((op->to_set & FUSE_SET_ATTR_SIZE) && edits && c && c->edit) {
		scoped_lock(&c->lock);
		ctl_edit_truncate(c->edit, (size_t)op->stat.st_size);
	} else if ((op->to_set & FUSE_SET_ATTR_SIZE) && edits && op->stat.st_size == 0) {
		ctl_edit_clear(op->node->ctl, op->box->jobs);
	}
	ctl_getattr(op);
}

/* --- poll ------------------------------------------------------------------ */

void ctl_poll(struct op *op, struct fuse_pollhandle *ph)
{
	struct ctl_handle *c = op->h->ctl;
	bool out = ctl_is_conversation(c) || c->kind == CTL_CTL || c->edit;
	unsigned events = out ? POLLOUT | POLLWRNORM : 0;
	struct talk *t;
	bool now = true;

	if (c->input) {
		op_reply_poll(op, input_poll(c->input, &c->writer, ph));
		return;
	}
	pthread_mutex_lock(&c->lock);
	t = talk_now(c);
	pthread_mutex_unlock(&c->lock);
	if (t) {
		now = talk_poll(t, ctl_is_conversation(c), ph);
		ph = NULL;
	}
	talk_unref(t);
	if (ph)
		fuse_pollhandle_destroy(ph);
	if (now)
		events |= POLLIN | POLLRDNORM;
	op_reply_poll(op, events);
}
