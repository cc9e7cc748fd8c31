#include "fs/reader.h"

#include "common/base/clock.h"
#include "fs/box.h"
#include "fs/fs.h"
#include "fs/handle.h"
#include "fs/op.h"
#include "fs/writer.h"

#include <sys/uio.h>
#include <utlist.h>

#define PAGE 4096u
/* Kernel threads ask in any order; so much behind the furthest read is still "in order". */
#define SLACK (1024u * 1024)
/* An end of file that was seen is believed so long; the file may grow. */
#define END_MS     1000
#define BLOCKS_MAX 300 /* of one read: 1 MiB in the smallest pieces */

struct block {
	uint64_t offset;
	size_t want;
	unsigned refs; /* one while listed or asked for, one a wait */
	bool listed, ready;
	int64_t ready_ms;
	struct remote_reply reply; /* when ready: its own */
	struct op *op;
	struct block *prev, *next, *next_to_send;
};

struct read_wait {
	struct op *op;
	struct block *blocks[BLOCKS_MAX];
	size_t count;
	struct read_wait *prev, *next;
};

static uint64_t end_of(const struct block *b)
{
	return b->offset + b->want;
}

static void block_unref(struct fs *fs, struct block *b)
{
	if (--b->refs > 0)
		return;
	fs->ahead_bytes -= b->want;
	remote_reply_fini(&b->reply);
	free(b);
}

static void unlist(struct fs *fs, struct reader *r, struct block *b)
{
	DL_DELETE(r->blocks, b);
	b->listed = false;
	block_unref(fs, b);
}

static bool is_short(const struct block *b)
{
	return b->ready && (b->reply.rc < 0 || b->reply.n < b->want);
}

static bool is_old(const struct block *b)
{
	return b->ready &&
	       (b->reply.rc < 0 || (is_short(b) && clock_now_ms() - b->ready_ms > END_MS));
}

static struct block *find(struct reader *r, uint64_t offset)
{
	struct block *b;

	DL_FOREACH(r->blocks, b)
	{
		if (offset >= b->offset && offset < end_of(b))
			return b;
	}
	return NULL;
}

/* The start of the next block behind offset, at most limit. */
static uint64_t gap_end(struct reader *r, uint64_t offset, uint64_t limit)
{
	struct block *b;

	DL_FOREACH(r->blocks, b)
	{
		if (b->offset > offset && b->offset < limit)
			limit = b->offset;
	}
	return limit;
}

static struct block *ask(
	struct fs *fs, struct reader *r, uint64_t offset, size_t want, struct block **to_send)
{
	struct block *b = xcalloc(1, sizeof(*b));

	b->offset = offset;
	b->want = want;
	b->refs = 2; /* listed; under way */
	b->listed = true;
	fs->ahead_bytes += want;
	DL_APPEND(r->blocks, b);
	b->next_to_send = *to_send;
	*to_send = b;
	return b;
}

size_t reader_first(uint64_t size, size_t max)
{
	uint64_t want = size <= READER_FIRST_WHOLE ? (size + PAGE - 1) / PAGE * PAGE : READER_FIRST;

	return want < max ? want : max;
}

void reader_begin(struct handle *h, struct remote_reply *reply, size_t want, unsigned generation)
{
	struct fs *fs = h->node->box->fs;
	struct reader *r = &h->reader;
	struct block *none = NULL;
	struct block *b = ask(fs, r, 0, want, &none);

	b->ready = true;
	b->ready_ms = clock_now_ms();
	b->refs--;
	remote_reply_move(&b->reply, reply);
	r->generation = generation;
	r->stamp = stamp_of(&b->reply.attr);
}

/* Drops what lies behind, is old, or belongs to an earlier content. */
static void tidy(struct fs *fs, struct handle *h, uint64_t offset, bool in_order)
{
	struct reader *r = &h->reader;
	unsigned generation = writer_generation(h->node);
	struct stamp stamp = stamp_of(&h->node->attr);
	bool same = r->generation == generation && stamp_same(&r->stamp, &stamp);
	struct block *b, *next;

	if (h->local &&
		!h->remote_open) /* goes_late has looked at what it holds; there is no more */
		return;
	DL_FOREACH_SAFE(r->blocks, b, next)
	{
		bool behind = b->ready && end_of(b) + SLACK < offset;

		if (!same || behind || is_old(b) || (b->ready && !in_order))
			unlist(fs, r, b);
	}
	r->generation = generation;
	r->stamp = stamp;
}

static bool in_order(const struct reader *r, uint64_t offset)
{
	if (!r->started)
		return offset == 0;
	return offset + SLACK >= r->high && offset <= r->high + SLACK;
}

static void adapt(struct reader *r, uint64_t offset, uint64_t end, bool ordered)
{
	if (!ordered)
		r->window = 0;
	else if (r->window == 0)
		r->window = READER_WINDOW_MIN;
	else if (end > r->high && r->window < READER_WINDOW_MAX)
		r->window *= READER_GROWS;
	r->high = !ordered || end > r->high ? end : r->high;
	r->started = true;
}

static size_t piece(size_t max)
{
	return max >= PAGE ? max - max % PAGE : max;
}

/* The blocks of [offset, end), those that lack being asked for. */
static void cover(
	struct fs *fs, struct handle *h, struct read_wait *w, uint64_t end, struct block **to_send)
{
	struct reader *r = &h->reader;
	size_t max = piece(box_max(h->node->box));
	uint64_t at = w->op->offset;

	while (at < end && w->count < BLOCKS_MAX) {
		struct block *b = find(r, at);
		uint64_t stop;

		if (!b) {
			stop = gap_end(r, at, end);
			b = ask(fs, r, at, stop - at < max ? stop - at : max, to_send);
		}
		b->refs++;
		w->blocks[w->count++] = b;
		at = end_of(b);
		if (is_short(b))
			break;
	}
}

/* Where what is held or asked for ends, from at on. */
static uint64_t covered(struct reader *r, uint64_t at)
{
	struct block *b;

	while ((b = find(r, at)))
		at = end_of(b);
	return at;
}

/* Only when half of the window is open: so that few requests, and large ones, go on filling it. */
static void ahead(struct fs *fs, struct handle *h, uint64_t at, struct block **to_send)
{
	struct reader *r = &h->reader;
	size_t max = piece(box_max(h->node->box));
	uint64_t end = at + r->window;
	uint64_t size = (h->node->attr.size + PAGE - 1) / PAGE * PAGE;

	if (end > size)
		end = size;
	if (covered(r, at) >= at + r->window / 2)
		return;
	while (at < end && fs->ahead_bytes < READER_AHEAD_MAX) {
		struct block *b = find(r, at);
		uint64_t stop = b ? 0 : gap_end(r, at, end);

		if (!b)
			b = ask(fs, r, at, stop - at < max ? stop - at : max, to_send);
		at = end_of(b);
	}
}

static bool complete(const struct read_wait *w)
{
	for (size_t i = 0; i < w->count; i++) {
		if (!w->blocks[i]->ready)
			return false;
		if (is_short(w->blocks[i]))
			return true;
	}
	return true;
}

static void reply(struct read_wait *w)
{
	struct op *op = w->op;
	struct iovec iov[BLOCKS_MAX];
	uint64_t at = op->offset, end = op->offset + op->size;
	int count = 0;

	for (size_t i = 0; i < w->count && at < end; i++) {
		struct block *b = w->blocks[i];
		size_t skip = at - b->offset, n;

		if (b->reply.rc < 0) {
			op_reply_err(op, b->reply.rc);
			return;
		}
		if (skip >= b->reply.n)
			break;
		n = b->reply.n - skip < end - at ? b->reply.n - skip : end - at;
		iov[count++] = (struct iovec){ b->reply.data + skip, n };
		at += n;
		if (b->reply.n < b->want)
			break;
	}
	atomic_fetch_add(&op->fs->count.bytes_read, at - op->offset);
	op_reply_iov(op, iov, count);
}

/* Takes the list. */
static void reply_all(struct fs *fs, struct read_wait *list)
{
	struct read_wait *w, *next;

	DL_FOREACH_SAFE(list, w, next)
	{
		reply(w);
		pthread_mutex_lock(&fs->lock);
		for (size_t i = 0; i < w->count; i++)
			block_unref(fs, w->blocks[i]);
		pthread_mutex_unlock(&fs->lock);
		free(w);
	}
}

/* fs->lock held */
static struct read_wait *completed(struct reader *r)
{
	struct read_wait *w, *next, *list = NULL;

	DL_FOREACH_SAFE(r->waits, w, next)
	{
		if (!complete(w))
			continue;
		DL_DELETE(r->waits, w);
		DL_APPEND(list, w);
	}
	return list;
}

static void arrived(struct op *op, struct remote_reply *answer)
{
	struct block *b = op->where;
	struct fs *fs = op->fs;
	struct read_wait *list;

	pthread_mutex_lock(&fs->lock);
	remote_reply_move(&b->reply, answer);
	if (b->reply.rc == 0 && b->reply.n > b->want)
		b->reply.n = b->want;
	b->ready = true;
	b->ready_ms = clock_now_ms();
	list = completed(&op->h->reader);
	block_unref(fs, b);
	pthread_mutex_unlock(&fs->lock);
	reply_all(fs, list);
	op_unref(op);
}

static void send_all(struct op *read, struct block *b)
{
	struct block *next;

	for (; b; b = next) {
		struct remote_request rq = {
			.op = OP_READ,
			.handle = read->h->remote,
			.offset = b->offset,
			.size = b->want,
		};
		struct op *op = op_new(read->fs, NULL, "read", read->h->node->id, &read->fi);

		next = b->next_to_send;
		op->where = b;
		op_send(op, &rq, arrived);
	}
}

/* In order of their offsets: asked for last is listed first. */
static struct block *reversed(struct block *b)
{
	struct block *first = NULL, *next;

	for (; b; b = next) {
		next = b->next_to_send;
		b->next_to_send = first;
		first = b;
	}
	return first;
}

/* --- files that were opened here alone ------------------------------------- */

static bool fits(const struct handle *h)
{
	struct stamp stamp = stamp_of(&h->node->attr);

	return h->reader.generation == writer_generation(h->node) &&
	       stamp_same(&h->reader.stamp, &stamp);
}

/* fs->lock held. The content that the open had answers the read, and still stands for the file. */
static bool answers(struct handle *h, const struct op *op)
{
	struct block *b = find(&h->reader, op->offset);

	return b && b->ready && (h->reader.orphan || (fits(h) && !is_old(b))) &&
	       (is_short(b) || op->offset + op->size <= end_of(b));
}

static void closed(struct op *op, struct remote_reply *reply)
{
	op_unref(op);
}

/* fs->lock held. Who has the name now may be another file: then what is held stays right. */
static void take_open(struct op *op, struct remote_reply *reply)
{
	struct handle *h = op->h;
	const struct attr *a = &h->node->attr;

	h->reader.opening = false;
	h->reader.tried = true;
	h->remote_open = reply->rc == 0 && reply->has_attr && reply->attr.ino == a->ino &&
			 reply->attr.dev == a->dev && !h->node->gone;
	h->reader.orphan =
		!h->remote_open && (reply->rc == 0 || reply->rc == -ENOENT || reply->rc == -ESTALE);
	if (!h->remote_open)
		return;
	h->remote = reply->handle;
	if (reply->has_ahead && !h->reader.blocks)
		reader_begin(h, reply, op->size, op->epoch);
}

static void opened_late(struct op *op, struct remote_reply *reply)
{
	struct remote_request rq = { .op = OP_CLOSE, .handle = reply->handle };
	struct fs *fs = op->fs;
	struct op *late;
	bool ours, orphan;

	pthread_mutex_lock(&fs->lock);
	take_open(op, reply);
	late = take_ptr(op->h->reader.late);
	ours = op->h->remote_open;
	orphan = op->h->reader.orphan;
	pthread_mutex_unlock(&fs->lock);
	if (reply->rc == 0 && !ours)
		op_send(op_new(fs, NULL, "close", op->node->id, NULL), &rq, closed);
	op_resume_all(late, ours || orphan ? 0 : reply->rc);
	op_unref(op);
}

static void read_late(struct op *op, int rc)
{
	if (rc < 0)
		op_reply_err(op, rc);
	else
		reader_read(op);
}

/* No lock held. fi: of any request on it. */
static void open_late(struct fs *fs, uint64_t node, const struct fuse_file_info *fi)
{
	struct remote_request rq = { .op = OP_OPEN, .flags = OPEN_READ };
	struct op *op = op_new(fs, NULL, "open-late", node, fi);
	struct remote_reply reply = { 0 };
	auto_buf path = BUF_INIT(1);

	pthread_mutex_lock(&fs->lock);
	op->epoch = writer_generation(op->node);
	op->size = rq.size = reader_first(op->node->attr.size, box_max(op->box));
	reply.rc = node_path(op->node, &path);
	pthread_mutex_unlock(&fs->lock);
	rq.path = buf_text(&path);
	if (reply.rc < 0)
		opened_late(op, &reply);
	else
		op_send(op, &rq, opened_late);
}

/* True: it goes on, or has failed, by itself. */
static bool goes_late(struct op *op)
{
	struct handle *h = op->h;
	struct reader *r = &h->reader;
	bool orphan, first;

	pthread_mutex_lock(&op->fs->lock);
	if (!h->local || h->remote_open || answers(h, op)) {
		pthread_mutex_unlock(&op->fs->lock);
		return false;
	}
	orphan = r->orphan;
	first = !orphan && !r->opening;
	if (!orphan) {
		r->opening = true;
		op->step = read_late;
		op_ref(op);
		DL_APPEND(r->late, op);
	}
	pthread_mutex_unlock(&op->fs->lock);
	if (orphan) {
		op_reply_err(op, -ESTALE);
		return true;
	}
	op_arm(op, false);
	if (first)
		open_late(op->fs, op->h->node->id, &op->fi);
	op_unref(op);
	return true;
}

static bool is_whole(const struct handle *h)
{
	return h->reader.blocks && fits(h);
}

/* fs->lock held */
static struct handle *to_keep(struct node *n)
{
	struct handle *h;

	DL_FOREACH(n->handles, h)
	{
		if (h->local && !h->remote_open && !h->reader.tried && !is_whole(h))
			return h;
	}
	return NULL;
}

/* fs->lock held, and let go. */
static void wait_for_open_unlock(
	struct op *op, struct handle *h, void (*step)(struct op *op, int rc))
{
	struct fs *fs = op->fs;
	struct fuse_file_info fi = { .fh = (uintptr_t)h };
	uint64_t id = h->node->id;
	bool first = !h->reader.opening;

	h->reader.opening = true;
	handle_ref(h);
	op->step = step;
	op_ref(op);
	DL_APPEND(h->reader.late, op);
	pthread_mutex_unlock(&fs->lock);
	op_arm(op, false);
	if (first)
		open_late(fs, id, &fi);
	handle_unref_unlocked(fs, h);
	op_unref(op);
}

bool reader_keep(struct op *op, struct node *n, void (*step)(struct op *op, int rc))
{
	struct handle *h;

	pthread_mutex_lock(&op->fs->lock);
	h = n ? to_keep(n) : NULL;
	if (h)
		wait_for_open_unlock(op, h, step);
	else
		pthread_mutex_unlock(&op->fs->lock);
	return h;
}

bool reader_open_unlock(struct op *op, struct handle *h, void (*step)(struct op *op, int rc))
{
	if (!h->local || h->remote_open || h->reader.tried)
		return false;
	wait_for_open_unlock(op, h, step);
	return true;
}

void reader_read(struct op *op)
{
	struct fs *fs = op->fs;
	struct reader *r = &op->h->reader;
	struct read_wait *w = xcalloc(1, sizeof(*w)), *list;
	struct block *to_send = NULL;
	uint64_t end = op->offset + op->size;
	bool ordered;

	if (goes_late(op)) {
		free(w);
		return;
	}
	w->op = op;
	op_ref(op); /* it may be answered before the requests are out */
	op_arm(op, false);
	pthread_mutex_lock(&fs->lock);
	ordered = in_order(r, op->offset);
	adapt(r, op->offset, end, ordered);
	tidy(fs, op->h, op->offset, ordered);
	cover(fs, op->h, w, end, &to_send);
	if (ordered && (!op->h->local || op->h->remote_open))
		ahead(fs, op->h, end, &to_send);
	DL_APPEND(r->waits, w);
	list = completed(r);
	pthread_mutex_unlock(&fs->lock);
	send_all(op, reversed(to_send));
	reply_all(fs, list);
	op_unref(op);
}

void reader_fini(struct fs *fs, struct reader *r)
{
	struct block *b, *next;

	DL_FOREACH_SAFE(r->blocks, b, next)
	unlist(fs, r, b);
}
