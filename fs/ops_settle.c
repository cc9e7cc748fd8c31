/* Where a program hears what came of its writes: flush, fsync, release. */
#include "fs/box.h"
#include "fs/handle.h"
#include "fs/learn.h"
#include "fs/links.h"
#include "fs/making.h"
#include "fs/notify.h"
#include "fs/ops.h"
#include "fs/writer.h"

/* The handle's failure is given back to one who hears it: who was signalled has had his answer. */
static void reply_settled(void *arg)
{
	struct op *op = arg;

	if (op_claim(op)) {
		int rc;

		pthread_mutex_lock(&op->fs->lock);
		rc = writer_take_error(op->h);
		pthread_mutex_unlock(&op->fs->lock);
		if (rc == 0)
			rc = op->rc;
		op_said(op, rc, 0);
		fuse_reply_err(op->req, fs_errno(rc));
	}
	op_unref(op);
}

/* told: others' pages are being forgotten. So are its own when it has failed: then nobody reads what is not there. */
static void settled(struct op *op, int rc, bool told)
{
	op->rc = rc;
	pthread_mutex_lock(&op->fs->lock);
	told = told || writer_lost(op->node);
	pthread_mutex_unlock(&op->fs->lock);
	if (told)
		notify_last(op->fs->notifier, op->node->box, reply_settled, op);
	else
		reply_settled(op);
}

void inside_settle(struct parcel *p, struct remote_reply *reply)
{
	struct handle *h = p->h;
	struct node *n = h->node;
	struct fs *fs = n->box->fs;

	scoped_lock(&fs->lock);
	if (reply->rc == 0)
		making_over(n);
	if (reply->rc < 0 || !reply->has_attr || !learn_attr(fs, n, &reply->attr)) {
		n->writer->asked = 0;
		return;
	}
	writer_settle(n, p->generation);
	if (h->whole && !writer_dirty(n)) /* the pages in the kernel are what was written */
		n->filled = stamp_of(&reply->attr);
}

/* fs->lock held. Who reads by another name of the file sees what was written from now on. */
static bool tell_other_names(struct op *op)
{
	const struct node *changed = op->node;
	struct fs *fs = op->fs;
	bool told = changed->writer && learn_other_names(fs, changed);

	for (struct node *n = links_of(changed); told && n; n = n->link_next) {
		if (n == changed)
			continue;
		n->filled = (struct stamp){ 0 };
		inside_forget_blocks(n);
		notify_pages(fs->notifier, n->box, n->id);
	}
	return told;
}

static void flush_drained(struct op *op, int rc)
{
	bool told;

	pthread_mutex_lock(&op->fs->lock);
	told = tell_other_names(op);
	pthread_mutex_unlock(&op->fs->lock);
	settled(op, 0, told);
}

/*
 * It waits for the changes alone. The attributes are asked for right behind them, for whoever looks
 * next.
 */
void inside_flush(struct op *op)
{
	struct fs *fs = op->fs;
	struct node *n = op->node;
	bool wait = false;

	pthread_mutex_lock(&fs->lock);
	op->h->unflushed = false;
	if (op->h->writable && n->writer) {
		if (n->writer->dirty && !writer_asked(n))
			writer_ask(n, op->h, OP_FSTAT, inside_settle);
		op->step = flush_drained;
		wait = writer_drain(n, op);
	}
	if (wait)
		op_ref(op);
	pthread_mutex_unlock(&fs->lock);
	writer_push(fs, n, true);
	if (!wait) {
		flush_drained(op, 0);
		return;
	}
	op_arm(op, false);
	op_unref(op);
}

/* fs->lock not held. Both halves of a sync come here: the changes before it and its own answer. */
static void sync_part(struct op *op, int rc)
{
	int failed;
	bool both;

	pthread_mutex_lock(&op->fs->lock);
	if (rc < 0)
		op->rc = rc;
	failed = op->rc;
	both = --op->size == 0;
	pthread_mutex_unlock(&op->fs->lock);
	if (both)
		settled(op, failed, false);
	else
		op_unref(op);
}

static void synced(struct parcel *p, struct remote_reply *reply)
{
	inside_settle(p, reply);
	sync_part(p->op, reply->rc);
}

/* It goes right behind the writes; its answer tells the attributes, so that the flush is clean. */
void inside_fsync(struct op *op)
{
	struct fs *fs = op->fs;
	struct node *n = op->node;
	bool asks = op->h->remote_open; /* else its content came ahead, and nothing is open there */
	bool wait;

	op_arm(op, false);
	pthread_mutex_lock(&fs->lock);
	if (!op->h->remote_open && !writer_pending(n)) {
		pthread_mutex_unlock(&fs->lock);
		settled(op, 0, false);
		return;
	}
	op->h->unflushed = false;
	op->h->wrote = false; /* who syncs each write syncs the next: it waits for that */
	op->rc = 0;
	op->size = asks ? 2 : 1;
	op->step = sync_part;
	op_ref(op); /* one for each half, and ours */
	if (asks)
		op_ref(op);
	wait = writer_drain(n, op);
	if (asks)
		writer_ask(n, op->h, OP_FSYNC, synced)->op = op;
	pthread_mutex_unlock(&fs->lock);
	writer_push(fs, n, true);
	if (!wait)
		sync_part(op, 0);
	op_unref(op);
}

void inside_release(struct op *op)
{
	struct fs *fs = op->fs;
	struct node *n = op->node;

	pthread_mutex_lock(&fs->lock);
	handle_release(op->h);
	node_ref(n);
	pthread_mutex_unlock(&fs->lock);
	op_reply_err(op, 0);
	writer_push(fs, n, true); /* mapped pages may have come after the flush */
	pthread_mutex_lock(&fs->lock);
	node_unref(fs, n);
	pthread_mutex_unlock(&fs->lock);
}
