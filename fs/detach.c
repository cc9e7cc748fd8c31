/*
 * How a run becomes a kept one: the agent is asked to keep it, and is then sent what the run had
 * printed before, which is on this side alone.
 */
#include "fs/jobpriv.h"

#include "common/base/log.h"

#include <utlist.h>

#define PAST_PIECES 4 /* on their way at once: memory is bounded by it */

/* The bytes of both outputs, one after the other. */
struct past {
	struct job *job; /* holds a reference */
	struct box *box; /* holds a reference */
	size_t piece;
	uint32_t id;
	struct output_reader reader[2]; /* so that they are not forgotten before they are sent */

	pthread_mutex_t lock; /* all below */
	uint64_t end[2], at[2];
	unsigned under_way;
	bool busy; /* somebody sends */
	int rc;
};

/* Its step: the write of the command is answered. */
static void answer(struct op *op, int rc)
{
	if (rc < 0)
		op_reply_err(op, rc);
	else
		op_reply_write(op, op->size);
}

/* Those who wait for it. */
static void tell(struct job *j, int rc)
{
	struct op *list;

	pthread_mutex_lock(&j->lock);
	list = job_take_all(&j->detach_waits);
	pthread_mutex_unlock(&j->lock);
	op_resume_all(list, rc);
}

void job_detach(struct job *j, struct op *op)
{
	struct line *l = line_of(j);
	bool ask = false, wait = false;
	int rc = 0;

	pthread_mutex_lock(&j->lock);
	if (j->state == JOB_NEW)
		j->wish.keep = true;
	else if (j->state == JOB_OVER)
		rc = -ESRCH;
	else if (!j->kept && !j->keeping && !l)
		rc = -EAGAIN;
	else if (!j->kept || j->sending_past)
		wait = true;
	if (wait) {
		ask = !j->kept && !j->keeping;
		j->keeping = !j->kept;
		op_ref(op);
		job_wait(j, &j->detach_waits, op, answer);
	}
	pthread_mutex_unlock(&j->lock);
	if (!wait) {
		answer(op, rc);
		line_unref(l);
		return;
	}
	op_arm_waiting(op);
	rc = ask ? session_run_keep(l->run, j->number) : 0;
	if (rc < 0)
		job_on_keep(j, rc);
	line_unref(l);
	op_unref(op);
}

void job_on_keep(struct job *j, int rc)
{
	if (rc == 0)
		return; /* the end of its line says under which id */
	pthread_mutex_lock(&j->lock);
	j->keeping = false;
	pthread_mutex_unlock(&j->lock);
	tell(j, rc == -ENOSYS ? -EOPNOTSUPP : rc);
}

static void free_past(struct past *p)
{
	struct job *j = p->job;

	trace(OP, "run %u: what it printed before has been sent: %d", j->number, p->rc);
	for (int i = 0; i < 2; i++)
		output_close(&j->out[i + 1], &p->reader[i]);
	pthread_mutex_lock(&j->lock);
	j->sending_past = false;
	pthread_mutex_unlock(&j->lock);
	tell(j, p->rc);
	job_unref(j);
	box_unref(p->box);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static void pump(struct past *p, unsigned done, int rc);

static void sent(struct op *op, struct remote_reply *reply)
{
	struct past *p = op->owner;

	op_unref(op);
	pump(p, 1, reply->rc);
}

/* lock held. The next piece is taken: its stream, or -1 when there is none. */
static int next_piece(struct past *p, uint64_t *offset, size_t *n)
{
	for (int i = 0; i < 2 && p->rc == 0 && p->under_way < PAST_PIECES; i++) {
		uint64_t left = p->end[i] - p->at[i];

		if (left == 0)
			continue;
		*offset = p->at[i];
		*n = left < p->piece ? (size_t)left : p->piece;
		p->at[i] += *n;
		p->under_way++;
		return i;
	}
	return -1;
}

static void send_piece(struct past *p, int i, uint64_t offset, size_t n)
{
	auto_free char *bytes = xmalloc(n);
	struct remote_request rq = { .op = OP_PAST,
		.handle = p->id,
		.stream = i + 1,
		.offset = offset,
		.data = bytes,
		.n = n };
	struct remote_reply failed = { .rc = -EIO };
	struct op *op = op_new(p->job->fs, NULL, "past", 0, NULL);

	op->box = box_ref(p->box);
	op->owner = p;
	if (output_peek(&p->job->out[i + 1], offset, bytes, n) == (ssize_t)n)
		op_send(op, &rq, sent);
	else
		sent(op, &failed); /* forgotten: there was more than may be held */
}

/*
 * One sends at a time; an answer that comes meanwhile leaves the rest to it, and does not touch p
 * after the lock. done: pieces answered just now.
 */
static void pump(struct past *p, unsigned done, int rc)
{
	uint64_t offset;
	bool over;
	size_t n;
	int i;

	pthread_mutex_lock(&p->lock);
	p->under_way -= done;
	if (rc < 0 && p->rc == 0)
		p->rc = rc;
	if (p->busy) {
		pthread_mutex_unlock(&p->lock);
		return;
	}
	p->busy = true;
	while ((i = next_piece(p, &offset, &n)) >= 0) {
		pthread_mutex_unlock(&p->lock);
		send_piece(p, i, offset, n);
		pthread_mutex_lock(&p->lock);
	}
	p->busy = false;
	over = p->under_way == 0;
	pthread_mutex_unlock(&p->lock);
	if (over)
		free_past(p);
}

void job_send_past(struct job *j, struct box *b, uint64_t out, uint64_t err)
{
	struct past *p = xcalloc(1, sizeof(*p));

	p->job = job_ref(j);
	p->box = box_ref(b);
	p->piece = box_max(b);
	p->end[0] = out;
	p->end[1] = err;
	pthread_mutex_init(&p->lock, NULL);
	for (int i = 0; i < 2; i++) {
		p->reader[i].started = true;
		output_open(&j->out[i + 1], &p->reader[i]);
	}
	pthread_mutex_lock(&j->lock);
	p->id = j->kept;
	j->sending_past = true;
	pthread_mutex_unlock(&j->lock);
	pump(p, 0, 0);
}
