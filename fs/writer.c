#include "fs/writer.h"

#include "common/base/log.h"
#include "fs/box.h"
#include "fs/fs.h"
#include "fs/handle.h"
#include "fs/notify.h"
#include "fs/op.h"
#include "fs/ops.h"

#include <utlist.h>

static struct writer *writer_of(struct node *n)
{
	if (!n->writer) {
		n->writer = xcalloc(1, sizeof(*n->writer));
		n->writer->lane.last = 1; /* a drainer's target is never 0 */
	}
	return n->writer;
}

/* --- answers -------------------------------------------------------------- */

/* fs->lock held */
static void unlink_parcel(struct node *n, struct parcel *p)
{
	lane_remove(&n->writer->lane, p);
	n->writer->bytes -= p->rq.n;
	n->box->unacked -= p->rq.n;
}

/* fs->lock held. The changes of the handle that are not sent and nobody waits for, taken out. */
static struct parcel *drop_unsent(struct node *n, struct handle *h)
{
	struct parcel *p, *next, *dropped = NULL;

	DL_FOREACH_SAFE(n->writer->lane.all, p, next)
	{
		if (p->sent || p->h != h || !p->changes || p->op)
			continue;
		unlink_parcel(n, p);
		p->next = dropped;
		dropped = p;
	}
	return dropped;
}

/* fs->lock held. Is all through that op waits for? */
static bool is_through(const struct writer *w, const struct op *op)
{
	for (const struct parcel *p = w->lane.all; p && p->serial <= op->target; p = p->next)
		if (p->changes || op->drain_all)
			return false;
	return true;
}

/* fs->lock held */
static struct op *drained(struct writer *w)
{
	struct op *op, *next, *list = NULL;

	DL_FOREACH_SAFE(w->drainers, op, next)
	{
		if (!is_through(w, op))
			continue;
		DL_DELETE(w->drainers, op);
		DL_APPEND(list, op);
	}
	return list;
}

/* fs->lock held */
static bool over(const struct node *n)
{
	return n->writer->bytes > WRITER_FILE_MAX || n->box->unacked > WRITER_BOX_MAX;
}

/* fs->lock held. Those whose answers waited for room. */
static struct op *roomy(struct box *b)
{
	struct op *op, *next, *list = NULL;

	DL_FOREACH_SAFE(b->write_waiters, op, next)
	{
		if (over(op->node))
			continue;
		DL_DELETE(b->write_waiters, op);
		op->where = NULL;
		DL_APPEND(list, op);
	}
	return list;
}

void writer_gone_through(struct fs *fs, struct node *n, struct parcel *p)
{
	struct op *done, *room;

	pthread_mutex_lock(&fs->lock);
	unlink_parcel(n, p);
	done = drained(n->writer);
	room = roomy(n->box);
	pthread_mutex_unlock(&fs->lock);
	lane_push(fs, n, false);
	parcel_free(fs, p);
	op_resume_all(done, 0);
	op_resume_all(room, 0);
}

/*
 * fs->lock held. The kernel's pages hold what never arrived. Its own look at size and times does not find that: a
 * file that was not written to has the old ones.
 */
static void distrust_pages(struct node *n)
{
	struct handle *h;

	n->filled = (struct stamp){ 0 };
	n->writer->lost = true;
	DL_FOREACH(n->handles, h)
	h->whole = false;
	notify_pages(n->box->fs->notifier, n->box, n->id); /* pending or not, told before or not */
}

void writer_fail(struct handle *h, int rc)
{
	struct writer *w = h->node->writer;

	if (h->write_rc == 0 && h->open_rc == 0)
		h->write_rc = rc;
	h->write_told = false;
	w->asked = 0;
	w->sets = 0;
	h->whole = false; /* it may be released already */
	distrust_pages(h->node);
}

static void wrote_back(struct parcel *p, struct remote_reply *reply)
{
	struct node *n = p->h->node;
	struct fs *fs = n->box->fs;
	struct parcel *dropped = NULL, *next;
	int rc = reply->rc;

	if (rc == 0 && reply->n != p->rq.n)
		rc = -EIO; /* all or an error, says the protocol */
	pthread_mutex_lock(&fs->lock);
	if (rc < 0) {
		writer_fail(p->h, rc);
		dropped = drop_unsent(n, p->h);
	} else {
		atomic_fetch_add(&fs->count.bytes_written, p->rq.n);
	}
	pthread_mutex_unlock(&fs->lock);
	for (; dropped; dropped = next) {
		next = dropped->next;
		parcel_free(fs, dropped);
	}
}

/* --- writes ---------------------------------------------------------------- */

/* fs->lock held */
static bool merge(struct writer *w, struct op *op, const char *bytes, size_t max)
{
	struct parcel *tail = lane_open_end(&w->lane);

	if (!tail || tail->h != op->h || tail->rq.n + op->size > max)
		return false;
	if (!tail->append && tail->rq.offset + tail->rq.n != op->offset)
		return false;
	tail->data = xrealloc(tail->data, tail->rq.n + op->size);
	memcpy(tail->data + tail->rq.n, bytes, op->size);
	tail->rq.n += op->size;
	return true;
}

/* fs->lock held */
static void add(struct writer *w, struct op *op, const char *bytes, size_t max)
{
	struct parcel *p;
	size_t n;

	for (size_t at = 0; at < op->size; at += n) {
		n = op->size - at < max ? op->size - at : max;
		p = lane_add(&w->lane, op->h, OP_WRITE, wrote_back);
		p->rq.offset = op->offset + at;
		p->append = op->h->append;
		p->data = xmalloc(n);
		memcpy(p->data, bytes + at, n);
		p->rq.n = n;
	}
}

/* fs->lock held. From now on its attributes are an estimate. */
static void estimate(struct node *n)
{
	struct writer *w = n->writer;

	if (w->dirty)
		return;
	w->dirty = true;
	w->size = n->attr.size;
	w->mtime = n->attr.mtime;
	w->sets = 0;
}

/* fs->lock held */
static void account(struct node *n, struct op *op)
{
	struct writer *w = n->writer;
	uint64_t end;

	estimate(n);
	end = op->h->append ? w->size + op->size : op->offset + op->size;
	if (end > w->size)
		w->size = end;
	clock_gettime(CLOCK_REALTIME, &w->mtime);
	w->sets &= ~FUSE_SET_ATTR_MTIME;
	w->generation++;
	w->bytes += op->size;
	n->box->unacked += op->size;
	handle_changed(op->h, op);
}

static void wrote(struct op *op, int rc)
{
	op_reply_write(op, op->size);
}

/* It was interrupted before its bytes were taken: EINTR has been said. */
static void cancel(struct op *op)
{
	bool waiting;

	pthread_mutex_lock(&op->fs->lock);
	waiting = op->where != NULL;
	if (waiting)
		DL_DELETE(op->box->write_waiters, op);
	op->where = NULL;
	pthread_mutex_unlock(&op->fs->lock);
	if (waiting)
		op_unref(op);
}

static void write_again(struct op *op, int rc)
{
	if (op_disarm(op))
		writer_write(op, op->name);
	else
		op_unref(op);
}

/*
 * fs->lock held, and let go. A write that was signalled is answered though there was no room for
 * it; so those that come then must wait with their bytes, or signals would fill the memory.
 */
static void wait_unlock(struct op *op, const char *bytes)
{
	op_ref(op);
	if (!op->name) {
		op->name = xmalloc(op->size);
		memcpy(op->name, bytes, op->size);
	}
	op->step = write_again;
	op->cancel = cancel;
	op->where = op;
	DL_APPEND(op->box->write_waiters, op);
	pthread_mutex_unlock(&op->fs->lock);
	op_arm_waiting(op);
	op_unref(op);
}

void writer_write(struct op *op, const char *bytes)
{
	struct fs *fs = op->fs;
	struct node *n = op->node;
	size_t max = box_max(op->box);
	bool wait;
	int rc;

	pthread_mutex_lock(&fs->lock);
	rc = writer_tell_error(op->h);
	if (rc == 0)
		rc = op->h->open_rc;
	if (rc < 0) {
		pthread_mutex_unlock(&fs->lock);
		op_reply_err(op, rc);
		return;
	}
	writer_of(n);
	if (over(n)) {
		wait_unlock(op, bytes);
		return;
	}
	if (!merge(n->writer, op, bytes, max))
		add(n->writer, op, bytes, max);
	account(n, op);
	wait = over(n);
	if (wait) {
		op->taken = true;
		op->step = wrote;
		DL_APPEND(op->box->write_waiters, op);
		op_ref(op);
	}
	pthread_mutex_unlock(&fs->lock);
	lane_push(fs, n, false);
	if (!wait) {
		op_reply_write(op, op->size);
		return;
	}
	if (!op_arm(op, true) &&
		op_claim(op)) { /* signalled already; the bytes are ours all the same */
		op_said(op, 0, op->size);
		fuse_reply_write(op->req, op->size);
	}
	op_unref(op);
}

/* --- what waits, and what is asked ----------------------------------------- */

static void wait_for(struct writer *w, struct op *op, bool all)
{
	op->target = w->lane.last;
	op->drain_all = all;
	DL_APPEND(w->drainers, op);
}

/* What has been answered is looked at still: a failure may be found in it. */
bool writer_drain(struct node *n, struct op *op)
{
	struct writer *w = n->writer;
	struct parcel *p = w ? w->lane.all : NULL;

	while (p && !p->changes)
		p = p->next;
	if (p)
		wait_for(w, op, false);
	return p;
}

bool writer_drain_all(struct node *n, struct op *op)
{
	bool wait = n->writer && n->writer->lane.all;

	if (wait)
		wait_for(n->writer, op, true);
	return wait;
}

void writer_push(struct fs *fs, struct node *n, bool force)
{
	lane_push(fs, n, force);
}

bool writer_pending(const struct node *n)
{
	return n->writer && n->writer->lane.changes;
}

bool writer_dirty(const struct node *n)
{
	return n->writer && n->writer->dirty;
}

bool writer_asked(const struct node *n)
{
	return n->writer && n->writer->asked == n->writer->generation;
}

void writer_settle(struct node *n, unsigned generation)
{
	if (n->writer && n->writer->generation == generation)
		n->writer->dirty = false;
}

unsigned writer_generation(const struct node *n)
{
	return n->writer ? n->writer->generation : 0;
}

int writer_take_error(struct handle *h)
{
	int rc = h->write_rc;

	h->write_rc = 0;
	return rc;
}

int writer_tell_error(struct handle *h)
{
	int rc = h->write_told ? 0 : h->write_rc;

	h->write_told = true;
	return rc;
}

bool writer_lost(const struct node *n)
{
	return n->writer && n->writer->lost;
}

int writer_untold(const struct node *n)
{
	struct handle *h;

	DL_FOREACH(n->handles, h)
	{
		if (h->write_rc < 0)
			return h->write_rc;
	}
	return 0;
}

struct handle *writer_handle(const struct node *n)
{
	return writer_pending(n) ? n->writer->lane.all->prev->h : NULL;
}

/* fs->lock held. Its answer tells the attributes. */
static struct parcel *ask(
	struct writer *w, struct handle *h, enum remote_op what, parcel_back *back)
{
	struct parcel *p = lane_add(&w->lane, h, what, back);

	w->asked = p->generation = w->generation;
	return p;
}

struct parcel *writer_ask(struct node *n, struct handle *h, enum remote_op what, parcel_back *back)
{
	return ask(writer_of(n), writer_pending(n) ? writer_handle(n) : h, what, back);
}

struct parcel *writer_change(struct node *n, struct handle *h, parcel_back *back)
{
	writer_of(n)->generation++;
	return ask(n->writer, h, OP_FSET, back);
}

struct parcel *writer_make(struct node *n, struct handle *h, parcel_back *back)
{
	writer_of(n)->generation++;
	estimate(n);
	return ask(n->writer, h, OP_OPEN, back);
}

void writer_believe(struct node *n, int sets, const struct stat *st)
{
	struct writer *w = writer_of(n);
	struct timespec now;

	estimate(n);
	clock_gettime(CLOCK_REALTIME, &now);
	if (sets & FUSE_SET_ATTR_SIZE)
		w->size = (uint64_t)st->st_size;
	if (sets & FUSE_SET_ATTR_MODE)
		w->set.st_mode = st->st_mode;
	if (sets & FUSE_SET_ATTR_UID)
		w->set.st_uid = st->st_uid;
	if (sets & FUSE_SET_ATTR_GID)
		w->set.st_gid = st->st_gid;
	if (sets & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW))
		w->set.st_atim = sets & FUSE_SET_ATTR_ATIME_NOW ? now : st->st_atim;
	if (sets & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW))
		w->set.st_mtim = sets & FUSE_SET_ATTR_MTIME_NOW ? now : st->st_mtim;
	w->sets |= sets;
	if (sets & FUSE_SET_ATTR_ATIME_NOW)
		w->sets |= FUSE_SET_ATTR_ATIME;
	if (sets & FUSE_SET_ATTR_MTIME_NOW)
		w->sets |= FUSE_SET_ATTR_MTIME;
}

void writer_overlay(const struct writer *w, struct stat *st)
{
	if (!w || !w->dirty)
		return;
	st->st_size = (off_t)w->size;
	st->st_mtim = st->st_ctim = w->mtime;
	if (st->st_blocks < (blkcnt_t)(w->size / 512))
		st->st_blocks = (blkcnt_t)((w->size + 511) / 512);
	if (w->sets & FUSE_SET_ATTR_MODE)
		st->st_mode = (st->st_mode & S_IFMT) | (w->set.st_mode & 07777);
	if (w->sets & FUSE_SET_ATTR_UID)
		st->st_uid = w->set.st_uid;
	if (w->sets & FUSE_SET_ATTR_GID)
		st->st_gid = w->set.st_gid;
	if (w->sets & FUSE_SET_ATTR_ATIME)
		st->st_atim = w->set.st_atim;
	if (w->sets & FUSE_SET_ATTR_MTIME)
		st->st_mtim = w->set.st_mtim;
}

void writer_free(struct writer *w)
{
	free(w); /* every parcel holds the node: there are none */
}
