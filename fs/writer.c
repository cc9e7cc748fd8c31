#include "fs/writer.h"

#include "common/base/log.h"
#include "fs/box.h"
#include "fs/fs.h"
#include "fs/handle.h"
#include "fs/op.h"
#include "fs/ops.h"

#include <utlist.h>

struct chunk {
	struct handle *h; /* holds a reference */
	uint64_t offset, serial;
	bool append, sent, failed;
	char *data;
	size_t n;
	struct chunk *prev, *next;
	struct chunk *next_to_send;
};

static struct writer *writer_of(struct node *n)
{
	if (!n->writer) {
		n->writer = xcalloc(1, sizeof(*n->writer));
		n->writer->next_serial = 1;
	}
	return n->writer;
}

static bool overlaps(const struct chunk *a, const struct chunk *b)
{
	if (a->append || b->append)
		return true;
	return a->offset < b->offset + b->n && b->offset < a->offset + a->n;
}

static bool must_wait(const struct writer *w, const struct chunk *c)
{
	for (const struct chunk *earlier = w->chunks; earlier != c; earlier = earlier->next)
		if (overlaps(earlier, c))
			return true;
	return false;
}

/* fs->lock held. A last chunk that is small waits for more while something is under way. */
static struct chunk *pick(struct writer *w, bool force, size_t max)
{
	struct chunk *c, *first = NULL, **end = &first;
	bool under_way = false;

	DL_FOREACH(w->chunks, c)
	{
		if (c->sent) {
			under_way = true;
			continue;
		}
		if (!c->next && !force && !w->drainers && under_way && c->n < max)
			break;
		if (must_wait(w, c))
			continue;
		c->sent = under_way = true;
		c->next_to_send = NULL;
		*end = c;
		end = &c->next_to_send;
	}
	return first;
}

static void acknowledged(struct op *op, struct remote_reply *reply);

static void send_all(struct fs *fs, struct chunk *c)
{
	struct chunk *next;

	for (; c; c = next) {
		struct remote_request rq = {
			.op = OP_WRITE,
			.handle = c->h->remote,
			.offset = c->offset,
			.size = c->n,
			.data = c->data,
			.n = c->n,
		};
		struct op *op = op_new(fs, NULL, "write-behind", c->h->node->id, NULL);

		next = c->next_to_send;
		op->where = c;
		op_send(op, &rq, acknowledged);
	}
}

static void chunk_free(struct fs *fs, struct chunk *c)
{
	handle_unref_unlocked(fs, c->h);
	free(c->data);
	free(c);
}

/* fs->lock held */
static void unlink_chunk(struct node *n, struct chunk *c)
{
	DL_DELETE(n->writer->chunks, c);
	n->writer->bytes -= c->n;
	n->box->unacked -= c->n;
}

/* fs->lock held. The unsent chunks of the handle, taken out. */
static struct chunk *drop_unsent(struct node *n, struct handle *h)
{
	struct chunk *c, *next, *dropped = NULL;

	DL_FOREACH_SAFE(n->writer->chunks, c, next)
	{
		if (c->sent || c->h != h)
			continue;
		unlink_chunk(n, c);
		c->next_to_send = dropped;
		dropped = c;
	}
	return dropped;
}

/* fs->lock held */
static struct op *drained(struct writer *w)
{
	uint64_t oldest = w->chunks ? w->chunks->serial : UINT64_MAX;
	struct op *op, *next, *list = NULL;

	DL_FOREACH_SAFE(w->drainers, op, next)
	{
		if (op->target >= oldest)
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

static void free_dropped(struct fs *fs, struct chunk *c)
{
	struct chunk *next;

	for (; c; c = next) {
		next = c->next_to_send;
		chunk_free(fs, c);
	}
}

/* fs->lock held. The kernel's pages hold what never arrived: the next open must not keep them. */
static void distrust_pages(struct node *n)
{
	struct handle *h;

	n->filled = (struct stamp){ 0 };
	DL_FOREACH(n->handles, h)
	h->whole = false;
}

static void acknowledged(struct op *op, struct remote_reply *reply)
{
	struct chunk *c = op->where, *dropped = NULL, *more;
	struct fs *fs = op->fs;
	struct node *n = op->node;
	struct op *done, *room;

	pthread_mutex_lock(&fs->lock);
	unlink_chunk(n, c);
	if (reply->rc == 0 && reply->n != c->n)
		reply->rc = -EIO; /* all or an error, says the protocol */
	if (reply->rc < 0) {
		if (c->h->write_rc == 0)
			c->h->write_rc = reply->rc;
		dropped = drop_unsent(n, c->h);
		distrust_pages(n);
	} else {
		atomic_fetch_add(&fs->count.bytes_written, c->n);
	}
	more = pick(n->writer, false, box_max(n->box));
	done = drained(n->writer);
	room = roomy(n->box);
	pthread_mutex_unlock(&fs->lock);
	send_all(fs, more);
	free_dropped(fs, dropped);
	chunk_free(fs, c);
	op_resume_all(done, 0);
	op_resume_all(room, 0);
	op_unref(op);
}

/* fs->lock held */
static bool merge(struct writer *w, struct op *op, const char *bytes, size_t max)
{
	struct chunk *tail = w->chunks ? w->chunks->prev : NULL;

	if (!tail || tail->sent || tail->h != op->h || tail->n + op->size > max)
		return false;
	if (!tail->append && tail->offset + tail->n != op->offset)
		return false;
	tail->data = xrealloc(tail->data, tail->n + op->size);
	memcpy(tail->data + tail->n, bytes, op->size);
	tail->n += op->size;
	return true;
}

/* fs->lock held */
static void add(struct writer *w, struct op *op, const char *bytes, size_t max)
{
	struct chunk *c;
	size_t n;

	for (size_t at = 0; at < op->size; at += n) {
		n = op->size - at < max ? op->size - at : max;
		c = xcalloc(1, sizeof(*c));
		c->h = op->h;
		handle_ref(op->h);
		c->offset = op->offset + at;
		c->append = op->h->append;
		c->serial = w->next_serial++;
		c->data = xmalloc(n);
		memcpy(c->data, bytes + at, n);
		c->n = n;
		DL_APPEND(w->chunks, c);
	}
}

/* fs->lock held */
static void account(struct node *n, struct op *op)
{
	struct writer *w = n->writer;
	uint64_t end;

	if (!w->dirty)
		w->size = n->attr.size;
	w->dirty = true;
	end = op->h->append ? w->size + op->size : op->offset + op->size;
	if (end > w->size)
		w->size = end;
	clock_gettime(CLOCK_REALTIME, &w->mtime);
	w->generation++;
	w->bytes += op->size;
	n->box->unacked += op->size;
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
	if (!op_arm(op, true)) {
		if (op_claim(op))
			fuse_reply_err(op->req, EINTR);
		cancel(op);
	}
	op_unref(op);
}

void writer_write(struct op *op, const char *bytes)
{
	struct fs *fs = op->fs;
	struct node *n = op->node;
	size_t max = box_max(op->box);
	struct chunk *list;
	bool wait;
	int rc;

	pthread_mutex_lock(&fs->lock);
	rc = writer_take_error(op->h);
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
	list = pick(n->writer, false, max);
	wait = over(n);
	if (wait) {
		op->taken = true;
		op->step = wrote;
		DL_APPEND(op->box->write_waiters, op);
		op_ref(op);
	}
	pthread_mutex_unlock(&fs->lock);
	send_all(fs, list);
	if (!wait) {
		op_reply_write(op, op->size);
		return;
	}
	if (!op_arm(op, true) &&
		op_claim(op)) /* signalled already; the bytes are ours all the same */
		fuse_reply_write(op->req, op->size);
	op_unref(op);
}

bool writer_drain(struct node *n, struct op *op)
{
	struct writer *w = n->writer;

	if (!w || !w->chunks)
		return false;
	op->target = w->next_serial - 1;
	DL_APPEND(w->drainers, op);
	return true;
}

void writer_push(struct fs *fs, struct node *n, bool force)
{
	struct chunk *list;

	pthread_mutex_lock(&fs->lock);
	list = n->writer ? pick(n->writer, force, box_max(n->box)) : NULL;
	pthread_mutex_unlock(&fs->lock);
	send_all(fs, list);
}

bool writer_pending(const struct node *n)
{
	return n->writer && n->writer->chunks;
}

bool writer_dirty(const struct node *n)
{
	return n->writer && n->writer->dirty;
}

void writer_settle(struct node *n, unsigned generation)
{
	if (n->writer && !n->writer->chunks && n->writer->generation == generation)
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

void writer_overlay(const struct writer *w, struct stat *st)
{
	if (!w || !w->dirty)
		return;
	st->st_size = (off_t)w->size;
	st->st_mtim = st->st_ctim = w->mtime;
	if (st->st_blocks < (blkcnt_t)(w->size / 512))
		st->st_blocks = (blkcnt_t)((w->size + 511) / 512);
}

void writer_free(struct writer *w)
{
	free(w); /* every chunk holds the node: there are none */
}
