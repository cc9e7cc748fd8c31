#include "fs/peek.h"

#include "common/base/clock.h"
#include "fs/box.h"
#include "fs/dircache.h"
#include "fs/fs.h"
#include "fs/notify.h"
#include "fs/op.h"
#include "fs/writer.h"

#include <utlist.h>

#define PAGE     4096u
#define SWEEP_MS 2000

static void count_bytes(struct box *b, size_t more, size_t less)
{
	b->ahead.bytes += more - less;
	atomic_fetch_add(&b->fs->peek_bytes, more - less);
}

static bool has_room(const struct box *b, size_t want)
{
	const struct ahead *a = &b->ahead;

	return a->bytes + want <= AHEAD_BOX_MAX &&
	       atomic_load(&b->fs->peek_bytes) + want <= AHEAD_MOUNT_MAX && pace_room(&a->files);
}

bool peek_room(struct box *b, size_t want)
{
	struct ahead *a = &b->ahead;
	int64_t old_ms = clock_now_ms() - AHEAD_OLD_MS;
	struct peek *p, *next;

	if (!atomic_load(&b->peeks) || a->bytes_out + want > AHEAD_OUT_MAX ||
		a->peeks_out >= box_calls_ahead(b))
		return false;
	DL_FOREACH_SAFE(a->peeks, p, next)
	{
		if (has_room(b, want))
			return true;
		if (p->asked_ms > old_ms)
			return false;
		if (p->ready)
			peek_drop(p, true);
	}
	return has_room(b, want);
}

/* A whole page more than there is, if need be: so the answer says that it ends there. */
static size_t bytes_to_ask(uint64_t size)
{
	return (size / PAGE + 1) * PAGE;
}

void peek_ask(struct node *n, struct batch *b)
{
	struct ahead *a = &n->box->ahead;
	struct peek *p = xcalloc(1, sizeof(*p));

	p->node = n;
	node_ref(n);
	p->want = bytes_to_ask(n->attr.size);
	p->generation = writer_generation(n);
	p->epoch = n->box->epoch;
	p->asked_ms = clock_now_ms();
	n->peek = p;
	DL_APPEND(a->peeks, p);
	count_bytes(n->box, p->want, 0);
	a->bytes_out += p->want;
	a->peeks_out++;
	pace_asked(&a->files);
	if (!b->peeks)
		b->end = &b->peeks;
	*b->end = p;
	b->end = &p->next_to_send;
}

bool peek_holds(const struct peek *p)
{
	const struct node *n = p->node;
	struct stamp now = stamp_of(&n->attr), then = stamp_of(&p->reply.attr);

	return p->ready && !p->doubt && !n->gone && n->known && p->epoch == n->box->epoch &&
	       stamp_same(&now, &then) && p->generation == writer_generation(n) && !writer_dirty(n);
}

/* It is in no list any more; one that is under way is freed by its answer. */
static void unlist(struct peek *p)
{
	struct node *n = p->node;

	n->peek = NULL;
	DL_DELETE(n->box->ahead.peeks, p);
	count_bytes(n->box, 0, p->want);
}

static void peek_free(struct peek *p)
{
	struct fs *fs = p->node->box->fs;

	remote_reply_fini(&p->reply);
	node_unref(fs, p->node);
	free(p);
}

static void done(struct peek *p, void (*how)(struct pace *p))
{
	how(&p->node->box->ahead.files);
	unlist(p);
	if (p->ready)
		peek_free(p);
}

void peek_use(struct peek *p)
{
	done(p, pace_used);
}

void peek_drop(struct peek *p, bool wasted)
{
	done(p, wasted ? pace_wasted : pace_void);
}

/* fs->lock held. Its content has come, or will not: those who wait for it are the caller's. */
static struct op *take_answer(struct peek *p, struct remote_reply *reply)
{
	struct ahead *a = &p->node->box->ahead;
	bool listed = p->node->peek == p;
	struct op *waiters = p->waiters;

	a->bytes_out -= p->want;
	a->peeks_out--;
	p->waiters = NULL;
	p->ready = true;
	p->ready_ms = clock_now_ms();
	if (reply->rc == 0 && reply->has_attr && reply->n == reply->attr.size)
		remote_reply_move(&p->reply, reply);
	if (!listed)
		peek_free(p);
	else if (!p->reply.has_attr || !peek_holds(p))
		peek_drop(p, false);
	return waiters;
}

static void answered(struct op *op, struct remote_reply *reply)
{
	struct fs *fs = op->fs;
	struct op *waiters;

	pthread_mutex_lock(&fs->lock);
	waiters = take_answer(op->where, reply);
	pthread_mutex_unlock(&fs->lock);
	op_unref(op);
	op_resume_all(waiters, 0);
}

void peek_send(struct fs *fs, struct peek *p)
{
	struct op *op = op_new(fs, NULL, "peek", p->node->id, NULL);
	struct remote_request rq = { .op = OP_PEEK, .size = p->want };
	struct remote_reply reply = { 0 };
	auto_buf path = BUF_INIT(1);

	op->where = p;
	pthread_mutex_lock(&fs->lock);
	reply.rc = node_path(p->node, &path);
	pthread_mutex_unlock(&fs->lock);
	rq.path = buf_text(&path);
	atomic_fetch_add(&fs->count.peeks, 1);
	if (reply.rc < 0)
		answered(op, &reply);
	else
		op_send(op, &rq, answered);
}

/* --- what nobody came for --------------------------------------------------- */

void ahead_folder_done(struct walk *w, void (*how)(struct pace *p))
{
	struct box *b = w->folder->box;

	if (!w->ahead)
		return;
	w->ahead = false;
	DL_DELETE(b->ahead.folders_out, w);
	how(&b->ahead.folders);
	node_unref(b->fs, w->folder); /* w may be gone now */
}

/* Those under way are given up with all the others alone: their answers free them. */
static void sweep_peeks(struct ahead *a, int64_t old_ms, bool all)
{
	struct peek *p, *next;

	DL_FOREACH_SAFE(a->peeks, p, next)
	{
		if (all || (p->asked_ms < old_ms && p->ready))
			peek_drop(p, true);
	}
}

static void sweep(void *arg)
{
	struct box *b = arg;
	int64_t old_ms = clock_now_ms() - AHEAD_KEEP_MS;
	bool all = atomic_load(&b->down) == -ESTALE;
	struct walk *w, *next;

	pthread_mutex_lock(&b->fs->lock);
	sweep_peeks(&b->ahead, old_ms, all);
	DL_FOREACH_SAFE(b->ahead.folders_out, w, next)
	{
		if (all || w->ahead_ms < old_ms)
			ahead_folder_done(w, pace_wasted);
	}
	b->ahead.sweeping = false;
	ahead_sweep_later(b);
	pthread_mutex_unlock(&b->fs->lock);
	box_unref(b);
}

void ahead_sweep_later(struct box *b)
{
	struct ahead *a = &b->ahead;

	if (a->sweeping || (!a->peeks && !a->folders_out))
		return;
	a->sweeping = true;
	notify_later(b->fs->notifier, SWEEP_MS, sweep, box_ref(b));
}
