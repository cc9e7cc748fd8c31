#include "fs/ctlfile.h"

#include "fs/fs.h"
#include "fs/notify.h"
#include "fs/podlog.h"

struct talk {
	atomic_uint refs;
	struct fs *fs;
	struct job *job;             /* holds a reference; NULL: a log */
	struct podlog *log;          /* NULL: a run */
	struct output *out;          /* of either */
	struct output_reader reader; /* out->lock */
	uint64_t position;           /* out->lock; of a conversation */
};

static struct talk *make(struct fs *fs, struct output *o)
{
	struct talk *t = xcalloc(1, sizeof(*t));

	t->refs = 1;
	t->fs = fs;
	t->out = o;
	t->reader.started = true; /* who opened it will read it from the start */
	output_open(o, &t->reader);
	return t;
}

struct talk *talk_new(struct fs *fs, struct job *j, int stream)
{
	struct talk *t = make(fs, job_output(j, stream));

	t->job = job_ref(j);
	job_opened(j);
	return t;
}

struct talk *talk_of_log(struct fs *fs, struct podlog *log)
{
	struct talk *t = make(fs, podlog_output(log));

	t->log = log;
	return t;
}

struct talk *talk_ref(struct talk *t)
{
	atomic_fetch_add(&t->refs, 1);
	return t;
}

void talk_leave(struct talk *t)
{
	struct fuse_pollhandle *ph = output_take_poll(t->out, &t->reader);

	if (ph)
		notify_poll(t->fs->notifier, ph);
}

void talk_unref(struct talk *t)
{
	if (!t || atomic_fetch_sub(&t->refs, 1) > 1)
		return;
	talk_leave(t);
	output_close(t->out, &t->reader);
	if (t->job)
		job_closed(t->job);
	job_unref(t->job);
	free(t);
}

static void release(void *held)
{
	talk_unref(held);
}

/* A step: the run is over. */
static void say_exit(struct op *op, int rc)
{
	struct talk *t = op->held;
	auto_buf text = BUF_INIT(64);
	size_t at;

	rc = job_exit_text(t->job, &text);
	at = op->offset < text.len ? op->offset : text.len;
	if (rc < 0)
		op_reply_err(op, rc);
	else
		op_reply_buf(op, buf_text(&text) + at,
			op->size < text.len - at ? op->size : text.len - at);
}

void talk_read(struct talk *t, struct op *op, bool conversation, bool exit)
{
	bool nonblock = op->fi.flags & O_NONBLOCK;

	op_hold(op, talk_ref(t), release);
	if (conversation) {
		op->offset = output_at(t->out, &t->position);
		op->advance = &t->position;
	}
	if (exit)
		op->step = say_exit;
	talk_ref(t); /* the answer may let go of op's */
	output_read(t->out, &t->reader, op, nonblock);
	if (t->log)
		podlog_more(t->log);
	talk_unref(t);
}

bool talk_poll(struct talk *t, bool conversation, struct fuse_pollhandle *ph)
{
	uint64_t at = output_at(t->out, conversation ? &t->position : &t->reader.position_read);

	return output_poll(t->out, &t->reader, at, ph);
}
