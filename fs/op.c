#include "fs/op.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/lock.h"
#include "common/base/log.h"
#include "fs/box.h"
#include "fs/handle.h"
#include "fs/opnote.h"

#include <signal.h>
#include <utlist.h>

struct op_table {
	pthread_mutex_t lock;
	struct op *by_req; /* every op whose request is open */
};

int op_table_open(struct op_table **ret)
{
	struct op_table *t = xcalloc(1, sizeof(*t));

	lock_init(&t->lock);
	*ret = t;
	return 0;
}

void op_table_close(struct op_table *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static bool stalled(const struct op *op, int64_t now_ms)
{
	return now_ms - op->since_ms >= OP_STALL_MS &&
	       (!op->box || now_ms - atomic_load(&op->box->answered_ms) >= OP_STALL_MS);
}

/* A process that dies looks at no answer: nothing is lost by not waiting for it. */
static bool may_end(const struct op *op, int64_t now_ms)
{
	return op->blocking || op->dying || stalled(op, now_ms);
}

/* table->lock held; the caller then ends it with interrupt_end, without the lock */
static struct op *interrupt_claim(struct op_table *t, struct op *op)
{
	HASH_DEL(t->by_req, op);
	op->claimed = true;
	return op_ref(op);
}

static void interrupt_end(struct op *op)
{
	trace(OP, "%s interrupted", op->what);
	atomic_fetch_add(&op->fs->count.interrupted, 1);
	if (op->taken)
		fuse_reply_write(op->req, op->size);
	else
		fuse_reply_err(op->req, EINTR);
	op_said(op, op->taken ? 0 : -EINTR, op->taken ? op->size : 0);
	if (op->cancel)
		op->cancel(op);
	op_unref(op);
}

/* Is SIGKILL on its way to the thread? So is it when a signal's default action ends the process. */
static bool is_dying(pid_t tid)
{
	auto_buf text = BUF_INIT(8192);
	char path[64];
	bool dying = false;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	if (tid <= 0 || io_read_file(path, &text) < 0)
		return false;
	for (const char *at = buf_text(&text); (at = strstr(at, "Pnd:")); at += 4)
		dying = dying || (strtoull(at + 4, NULL, 16) & 1ull << (SIGKILL - 1));
	return dying;
}

/*
 * libfuse calls it with the request's own lock held, maybe while another
 * thread replies to it: so the op is looked up, never passed as data.
 */
static void on_interrupt(fuse_req_t req, void *arg)
{
	struct op_table *t = arg;
	struct op *op, *found = NULL;
	bool dying = is_dying(fuse_req_ctx(req)->pid);

	pthread_mutex_lock(&t->lock);
	HASH_FIND_PTR(t->by_req, &req, op);
	if (op) {
		op->interrupted = true;
		op->dying = dying;
		if (op->armed && may_end(op, clock_now_ms()))
			found = interrupt_claim(t, op);
	}
	pthread_mutex_unlock(&t->lock);
	if (found)
		interrupt_end(found);
}

void op_table_tick(struct op_table *t)
{
	int64_t now_ms = clock_now_ms();
	struct op *op, *next, *list = NULL;

	pthread_mutex_lock(&t->lock);
	HASH_ITER(hh, t->by_req, op, next)
	{
		if (!op->interrupted || !op->armed || !may_end(op, now_ms))
			continue;
		interrupt_claim(t, op);
		op->hh.next = list; /* out of the table: its link is free */
		list = op;
	}
	pthread_mutex_unlock(&t->lock);
	while ((op = list)) {
		list = op->hh.next;
		interrupt_end(op);
	}
}

static void hold(struct op *op, uint64_t node, const struct fuse_file_info *fi)
{
	struct fs *fs = op->fs;

	if (fi) {
		op->fi = *fi;
		op->h = (struct handle *)(uintptr_t)fi->fh;
	}
	pthread_mutex_lock(&fs->lock);
	op->node = node ? node_get(&fs->nodes, node) : NULL;
	if (op->node)
		node_ref(op->node);
	if (op->h)
		handle_ref(op->h);
	if (op->node && op->node->box)
		op->box = box_ref(op->node->box);
	pthread_mutex_unlock(&fs->lock);
}

struct op *op_new(struct fs *fs, fuse_req_t req, const char *what, uint64_t node,
	const struct fuse_file_info *fi)
{
	struct op *op = xcalloc(1, sizeof(*op));

	op->fs = fs;
	op->req = req;
	op->what = what;
	op->tid = req ? fuse_req_ctx(req)->pid : 0;
	op->uid = req ? fuse_req_ctx(req)->uid : 0;
	op->gid = req ? fuse_req_ctx(req)->gid : 0;
	op->since_ms = clock_now_ms();
	op->since_us = fs->oplog ? clock_now_us() : 0;
	op->refs = 1;
	op->claimed = !req;
	hold(op, node, fi);
	atomic_fetch_add(&fs->count.ops, 1);
	if (op->box)
		atomic_fetch_add(&op->box->ops, 1);
	if (!req)
		return op;
	pthread_mutex_lock(&fs->ops->lock);
	HASH_ADD_PTR(fs->ops->by_req, req, op);
	pthread_mutex_unlock(&fs->ops->lock);
	/* before anyone else can see the op: afterwards the request may be gone */
	fuse_req_interrupt_func(req, on_interrupt, fs->ops);
	return op;
}

struct op *op_new_locked(struct fs *fs, const char *what, struct node *n)
{
	struct op *op = xcalloc(1, sizeof(*op));

	op->fs = fs;
	op->what = what;
	op->since_ms = clock_now_ms();
	op->refs = 1;
	op->claimed = true;
	op->node = n;
	node_ref(n);
	op->box = box_ref(n->box);
	atomic_fetch_add(&fs->count.ops, 1);
	return op;
}

struct op *op_ref(struct op *op)
{
	atomic_fetch_add(&op->refs, 1);
	return op;
}

void op_unref(struct op *op)
{
	struct fs *fs = op->fs;

	if (atomic_fetch_sub(&op->refs, 1) > 1)
		return;
	if (op->ended_us)
		opnote_op(op);
	handle_unref_unlocked(fs, op->h);
	handle_unref_unlocked(fs, op->h2);
	if (op->node || op->other) {
		scoped_lock(&fs->lock);
		if (op->node)
			node_unref(fs, op->node);
		if (op->other)
			node_unref(fs, op->other);
	}
	if (op->box)
		box_unref(op->box);
	if (op->let_go)
		op->let_go(op->held);
	free(op->name);
	free(op->name2);
	free(op);
}

void op_hold(struct op *op, void *held, void (*let_go)(void *held))
{
	op->held = held;
	op->let_go = let_go;
}

bool op_claim(struct op *op)
{
	bool mine;

	if (!op->req)
		return false;
	pthread_mutex_lock(&op->fs->ops->lock);
	mine = !op->claimed;
	if (mine)
		HASH_DEL(op->fs->ops->by_req, op);
	op->claimed = true;
	pthread_mutex_unlock(&op->fs->ops->lock);
	if (mine)
		op_said(op, 0, 0);
	return mine;
}

void op_said(struct op *op, int rc, size_t bytes)
{
	if (!op->since_us)
		return;
	op->ended_us = clock_now_us();
	op->said = fs_errno(rc);
	op->bytes = bytes;
}

bool op_arm(struct op *op, bool blocking)
{
	scoped_lock(&op->fs->ops->lock);
	op->armed = true;
	op->blocking = blocking;
	return !(blocking && op->interrupted);
}

void op_arm_waiting(struct op *op)
{
	if (op_arm(op, true))
		return;
	if (op_claim(op)) {
		op_said(op, -EINTR, 0);
		fuse_reply_err(op->req, EINTR);
	}
	op->cancel(op);
}

bool op_disarm(struct op *op)
{
	scoped_lock(&op->fs->ops->lock);
	op->armed = false;
	return !op->claimed;
}

static void measure(struct op *op, const struct remote_reply *reply)
{
	struct counters *count = &op->fs->count;
	int64_t now_ms = clock_now_ms();
	long took_ms = (long)(now_ms - op->sent_ms);

	if (took_ms > atomic_load(&count->slowest_ms))
		atomic_store(&count->slowest_ms, took_ms);
	if (reply->rc == -ETIMEDOUT) {
		atomic_fetch_add(&count->timed_out, 1);
		return;
	}
	atomic_fetch_add(reply->rc < 0 ? &count->failed : &count->answered, 1);
	atomic_store(&op->box->answered_ms, now_ms);
	if (reply->rc == 0 && !atomic_load(&op->box->far_known))
		box_learn_far(op->box);
}

static void answered(void *arg, struct remote_reply *reply)
{
	struct op *op = arg;

	measure(op, reply);
	trace(OP, "%s answered: %s", op->what, reply->rc < 0 ? errno_name(reply->rc) : "ok");
	op->done(op, reply);
}

void op_send(struct op *op, const struct remote_request *rq, op_done *done)
{
	struct remote_reply reply = { 0 };
	struct session *session;

	op->done = done;
	op->tellings = atomic_load(&op->box->tellings);
	op->sent_ms = clock_now_ms();
	op_arm(op, false);
	atomic_fetch_add(&op->fs->count.sent, 1);
	reply.rc = box_session(op->box, &session);
	if (reply.rc < 0) {
		done(op, &reply);
		return;
	}
	trace(OP, "%s -> op %d %s", op->what, rq->op, rq->path ? rq->path : "");
	session_send(session, rq, deadline_after(op->fs->opt->deadline_ms), answered, op);
}

void op_resume_all(struct op *list, int rc)
{
	struct op *op, *next;

	DL_FOREACH_SAFE(list, op, next)
	{
		DL_DELETE(list, op);
		op->step(op, rc);
	}
}

void op_reply_err(struct op *op, int rc)
{
	if (op_claim(op)) {
		trace(OP, "%s = %s", op->what, rc < 0 ? errno_name(rc) : "0");
		op_said(op, rc, 0);
		fuse_reply_err(op->req, rc < 0 ? fs_errno(rc) : 0);
	}
	op_unref(op);
}

void op_reply_attr(struct op *op, const struct stat *st, double timeout_s)
{
	if (op_claim(op))
		fuse_reply_attr(op->req, st, timeout_s);
	op_unref(op);
}

void op_reply_buf(struct op *op, const void *bytes, size_t n)
{
	if (op_claim(op)) {
		op_said(op, 0, n);
		fuse_reply_buf(op->req, bytes, n);
	}
	op_unref(op);
}

void op_reply_iov(struct op *op, const struct iovec *iov, int count)
{
	size_t n = 0;

	if (op_claim(op)) {
		for (int i = 0; i < count; i++)
			n += iov[i].iov_len;
		op_said(op, 0, n);
		fuse_reply_iov(op->req, iov, count);
	}
	op_unref(op);
}

void op_reply_write(struct op *op, size_t n)
{
	if (op_claim(op)) {
		op_said(op, 0, n);
		fuse_reply_write(op->req, n);
	}
	op_unref(op);
}

void op_reply_xattr(struct op *op, size_t n)
{
	if (op_claim(op))
		fuse_reply_xattr(op->req, n);
	op_unref(op);
}

void op_reply_seek(struct op *op, uint64_t offset)
{
	if (op_claim(op))
		fuse_reply_lseek(op->req, (off_t)offset);
	op_unref(op);
}

void op_reply_poll(struct op *op, unsigned revents)
{
	if (op_claim(op))
		fuse_reply_poll(op->req, revents);
	op_unref(op);
}

void op_reply_statfs(struct op *op, const struct statvfs *st)
{
	if (op_claim(op))
		fuse_reply_statfs(op->req, st);
	op_unref(op);
}

void op_reply_readlink(struct op *op, const char *target)
{
	if (op_claim(op))
		fuse_reply_readlink(op->req, target);
	op_unref(op);
}

static void undo_lookup(struct op *op, struct node *n)
{
	scoped_lock(&op->fs->lock);
	node_forget(op->fs, n, 1);
}

void op_reply_entry(struct op *op, struct node *n, const struct fuse_entry_param *e)
{
	if (!op_claim(op) || fuse_reply_entry(op->req, e) != 0)
		undo_lookup(op, n);
	op_unref(op);
}

bool op_reply_create(struct op *op, struct node *n, const struct fuse_entry_param *e)
{
	struct fs *fs = op->fs;
	bool taken;

	atomic_fetch_add(&fs->opens, 1); /* before a release may come */
	taken = op_claim(op) && fuse_reply_create(op->req, e, &op->fi) == 0;
	if (!taken) {
		atomic_fetch_sub(&fs->opens, 1);
		undo_lookup(op, n);
	}
	op_unref(op);
	return taken;
}

bool op_reply_open(struct op *op)
{
	struct fs *fs = op->fs;
	bool taken;

	atomic_fetch_add(&fs->opens, 1);
	taken = op_claim(op) && fuse_reply_open(op->req, &op->fi) == 0;
	if (!taken)
		atomic_fetch_sub(&fs->opens, 1);
	op_unref(op);
	return taken;
}
