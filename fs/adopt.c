/* Runs that the sandbox keeps become jobs here: those of an earlier mount, and of others. */
#include "fs/jobspriv.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "fs/box.h"

#include <utlist.h>

/* lock held. By its id there; keeping: some run of ours will have an id that is not known yet. */
static struct jobs_item *find_kept(struct jobs *js, uint32_t id, bool *keeping)
{
	struct jobs_item *item, *next;

	HASH_ITER(hh, js->items, item, next)
	{
		if (job_kept(item->job) == id)
			return item;
		*keeping |= job_is_keeping(item->job);
	}
	return NULL;
}

/* lock held */
static void adopt(struct jobs *js, struct box *b, const struct kept *k)
{
	unsigned number = k->id;
	struct jobs_item *item;
	struct job *j;

	HASH_FIND_INT(js->items, &number, item);
	if (item)
		number = js->highest + 1;
	j = job_of_kept(b->fs, k);
	if (jobs_put(js, j, number))
		trace(OP, "%s keeps run %u, here %u", b->key, k->id, number);
	job_unref(j);
}

/* lock held */
static void learn(struct jobs *js, struct box *b, const struct kept *k)
{
	bool keeping = false;
	struct jobs_item *item = find_kept(js, k->id, &keeping);

	if (item && job_learn(item->job, k))
		return;
	if (item)
		jobs_drop(js, item); /* was taken for lost, and is not */
	else if (keeping && k->state == RUN_RUNNING)
		return; /* may be ours; the next look tells */
	adopt(js, b, k);
}

/* lock held. Somebody else has made the sandbox forget them. */
static void drop_gone(struct jobs *js, const struct kept *all, size_t n)
{
	struct jobs_item *item, *next;

	HASH_ITER(hh, js->items, item, next)
	{
		uint32_t id = job_kept(item->job);
		bool there = false;

		for (size_t i = 0; i < n && !there; i++)
			there = all[i].id == id;
		if (id && !there && !job_is_held(item->job) && !job_is_open(item->job) &&
			job_is_idle(item->job))
			jobs_drop(js, item);
	}
}

static void listed(struct op *op, struct remote_reply *reply)
{
	size_t count = reply->kept_count < JOBS_MAX ? reply->kept_count : JOBS_MAX;
	struct jobs *js = op->box->jobs;
	struct op *waits, *w;

	pthread_mutex_lock(&js->lock);
	if (reply->rc == 0) {
		for (size_t i = 0; i < count; i++)
			learn(js, op->box, &reply->kept[i]);
		drop_gone(js, reply->kept, count);
	}
	js->asking = false;
	js->asked_ms = clock_now_ms(); /* a refusal is believed as long */
	waits = js->waits;
	DL_FOREACH(waits, w)
	w->where = NULL;
	js->waits = NULL;
	pthread_mutex_unlock(&js->lock);
	op_unref(op);
	op_resume_all(waits, 0);
}

static void cancel(struct op *op)
{
	struct jobs *js = op->owner;
	bool waiting;

	pthread_mutex_lock(&js->lock);
	waiting = op->where != NULL;
	op->where = NULL;
	if (waiting)
		DL_DELETE(js->waits, op);
	pthread_mutex_unlock(&js->lock);
	if (waiting)
		op_unref(op);
}

static void release(void *held)
{
	jobs_unref(held);
}

static bool can_ask(struct box *b)
{
	struct session_far far;
	struct session *session;

	if (atomic_load(&b->down) < 0 || box_session(b, &session) < 0)
		return false;
	return session_far(session, &far) < 0 || far.keeps;
}

static void ask(struct fs *fs, struct box *b)
{
	struct remote_request rq = { .op = OP_RUNS };
	struct op *op = op_new(fs, NULL, "runs", 0, NULL);

	op->box = box_ref(b);
	op_send(op, &rq, listed);
}

void jobs_refresh(struct op *op, int max_age_ms, op_step *step)
{
	struct jobs *js = op->box->jobs;
	bool wait = false, send = false, can = can_ask(op->box);

	pthread_mutex_lock(&js->lock);
	if (can && (js->asking || !js->asked_ms || clock_now_ms() - js->asked_ms >= max_age_ms)) {
		wait = true;
		send = !js->asking;
		js->asking = true;
		op_hold(op, jobs_ref(js), release);
		op->step = step;
		op->cancel = cancel;
		op->owner = js;
		op->where = js;
		DL_APPEND(js->waits, op);
		op_ref(op);
	}
	pthread_mutex_unlock(&js->lock);
	if (!wait) {
		step(op, 0);
		return;
	}
	op_arm(op, false);
	if (send)
		ask(op->fs, op->box);
	op_unref(op);
}
