#include "fs/reader.h"

#include "common/base/clock.h"
#include "fs/box.h"
#include "fs/dircache.h"
#include "fs/fs.h"
#include "fs/handle.h"
#include "fs/op.h"
#include "fs/piece.h"
#include "fs/readlate.h"
#include "fs/writer.h"

#include <sys/uio.h>
#include <utlist.h>

#define PAGE 4096u
/* Kernel threads ask in any order; so much behind the furthest read is still "in order". */
#define SLACK      (1024u * 1024)
#define PIECES_MAX 300 /* of one read: 1 MiB in the smallest pieces */

struct read_wait {
	struct op *op;
	struct piece *pieces[PIECES_MAX];
	size_t count;
	struct read_wait *prev, *next;
};

size_t reader_first(uint64_t size, size_t max)
{
	uint64_t want = size <= READER_FIRST_WHOLE ? (size + PAGE - 1) / PAGE * PAGE : READER_FIRST;

	return want < max ? want : max;
}

void reader_begin(struct handle *h, struct remote_reply *reply, size_t want, unsigned generation)
{
	struct fs *fs = h->node->box->fs;
	struct reader *r = &h->reader;
	struct piece *none = NULL;
	struct piece *p = piece_ask(fs, r, 0, want, &none);

	p->ready = true;
	p->ready_ms = clock_now_ms();
	p->refs--;
	remote_reply_move(&p->reply, reply);
	r->generation = generation;
	r->stamp = stamp_of(&p->reply.attr);
}

/* Is told when it changes, and was not. */
static bool is_known(const struct node *n)
{
	return clock_now_ms() < dir_attr_until(n);
}

static void hold_no_more(struct fs *fs, struct reader *r)
{
	fs->held_bytes -= r->held;
	r->held = r->fetched = r->here_and_there_us = 0;
}

/* Drops what lies behind, is old, or belongs to an earlier content. */
static void tidy(struct fs *fs, struct handle *h, uint64_t offset, bool in_order)
{
	struct reader *r = &h->reader;
	unsigned generation = writer_generation(h->node);
	struct stamp stamp = stamp_of(&h->node->attr);
	bool same = r->generation == generation && stamp_same(&r->stamp, &stamp);
	struct piece *p, *next;

	if (h->local &&
		!h->remote_open) /* readlate_read has looked at what it holds; there is no more */
		return;
	if (r->held && (!same || !is_known(h->node))) {
		hold_no_more(fs, r);
		same = false;
	}
	DL_FOREACH_SAFE(r->pieces, p, next)
	{
		bool behind = p->ready && piece_end(p) + SLACK < offset;

		if (!same || piece_is_old(p) || (!r->held && (behind || (p->ready && !in_order))))
			piece_unlist(fs, r, p);
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

static size_t piece_most(size_t max)
{
	return max >= PAGE ? max - max % PAGE : max;
}

/* The pieces of [offset, end), those that lack being asked for. */
static void cover(
	struct fs *fs, struct handle *h, struct read_wait *w, uint64_t end, struct piece **to_send)
{
	struct reader *r = &h->reader;
	size_t max = piece_most(box_max(h->node->box));
	uint64_t at = w->op->offset;

	while (at < end && w->count < PIECES_MAX) {
		struct piece *p = piece_find(r, at);
		uint64_t stop;

		if (!p) {
			stop = piece_gap_end(r, at, end);
			p = piece_ask(fs, r, at, stop - at < max ? stop - at : max, to_send);
		}
		p->refs++;
		w->pieces[w->count++] = p;
		at = piece_end(p);
		if (piece_is_short(p))
			break;
	}
}

/* Where what is held or asked for ends, from at on. */
static uint64_t covered(struct reader *r, uint64_t at)
{
	struct piece *p;

	while ((p = piece_find(r, at)))
		at = piece_end(p);
	return at;
}

/* Only when half of the window is open: so that few requests, and large ones, go on filling it. */
static void ahead(struct fs *fs, struct handle *h, uint64_t at, struct piece **to_send)
{
	struct reader *r = &h->reader;
	size_t max = piece_most(box_max(h->node->box));
	uint64_t end = at + r->window;
	uint64_t size = (h->node->attr.size + PAGE - 1) / PAGE * PAGE;

	if (end > size)
		end = size;
	if (covered(r, at) >= at + r->window / 2)
		return;
	while (at < end && fs->ahead_bytes < READER_AHEAD_MAX) {
		struct piece *p = piece_find(r, at);
		uint64_t stop = p ? 0 : piece_gap_end(r, at, end);

		if (!p)
			p = piece_ask(fs, r, at, stop - at < max ? stop - at : max, to_send);
		at = piece_end(p);
	}
}

static size_t under_way(const struct reader *r)
{
	const struct piece *p;
	size_t n = 0;

	DL_FOREACH(r->pieces, p)
	n += p->ready ? 0 : p->want;
	return n;
}

static bool is_worth_holding(struct fs *fs, const struct handle *h)
{
	uint64_t size = h->node->attr.size;

	return size <= READER_HELD_MAX - fs->held_bytes &&
	       h->reader.here_and_there_us >= size / READER_PACE && is_known(h->node);
}

/* A window of it with each read, so that others who read on the same stream have their turns. */
static void fetch_whole(struct fs *fs, struct handle *h, struct piece **to_send)
{
	struct reader *r = &h->reader;
	size_t max = piece_most(box_max(h->node->box)), n;

	if (!r->held && is_worth_holding(fs, h)) {
		r->held = h->node->attr.size;
		fs->held_bytes += r->held;
	}
	for (n = under_way(r); r->fetched < r->held && n < READER_WINDOW_MAX;) {
		struct piece *p = piece_find(r, r->fetched);
		uint64_t stop;

		if (!p) {
			stop = piece_gap_end(r, r->fetched, (r->held + PAGE - 1) / PAGE * PAGE);
			stop = stop - r->fetched < max ? stop : r->fetched + max;
			p = piece_ask(fs, r, r->fetched, stop - r->fetched, to_send);
			n += p->want;
		}
		r->fetched = piece_end(p);
	}
}

static bool complete(const struct read_wait *w)
{
	for (size_t i = 0; i < w->count; i++) {
		if (!w->pieces[i]->ready)
			return false;
		if (piece_is_short(w->pieces[i]))
			return true;
	}
	return true;
}

static void reply(struct read_wait *w)
{
	struct op *op = w->op;
	struct iovec iov[PIECES_MAX];
	uint64_t at = op->offset, end = op->offset + op->size;
	int count = 0;

	for (size_t i = 0; i < w->count && at < end; i++) {
		struct piece *p = w->pieces[i];
		size_t skip = at - p->offset, n;

		if (p->reply.rc < 0) {
			op_reply_err(op, p->reply.rc);
			return;
		}
		if (skip >= p->reply.n)
			break;
		n = p->reply.n - skip < end - at ? p->reply.n - skip : end - at;
		iov[count++] = (struct iovec){ p->reply.data + skip, n };
		at += n;
		if (p->reply.n < p->want)
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
			piece_unref(fs, w->pieces[i]);
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
	struct reader *r = &op->h->reader;
	struct piece *p = op->where;
	struct fs *fs = op->fs;
	struct read_wait *list;

	pthread_mutex_lock(&fs->lock);
	remote_reply_move(&p->reply, answer);
	if (p->reply.rc == 0 && p->reply.n > p->want)
		p->reply.n = p->want;
	p->ready = true;
	p->ready_ms = clock_now_ms();
	if (!r->window && !r->held)
		r->here_and_there_us += (uint64_t)(clock_now_us() - p->asked_us);
	list = completed(r);
	piece_unref(fs, p);
	pthread_mutex_unlock(&fs->lock);
	reply_all(fs, list);
	op_unref(op);
}

static void send_all(struct op *read, struct piece *p)
{
	struct piece *next;

	for (; p; p = next) {
		struct remote_request rq = {
			.op = OP_READ,
			.handle = read->h->remote,
			.offset = p->offset,
			.size = p->want,
		};
		struct op *op = op_new(read->fs, NULL, "read", read->h->node->id, &read->fi);

		next = p->next_to_send;
		op->where = p;
		op_send(op, &rq, arrived);
	}
}

/* In order of their offsets: asked for last is listed first. */
static struct piece *reversed(struct piece *p)
{
	struct piece *first = NULL, *next;

	for (; p; p = next) {
		next = p->next_to_send;
		p->next_to_send = first;
		first = p;
	}
	return first;
}

void reader_read(struct op *op)
{
	struct fs *fs = op->fs;
	struct reader *r = &op->h->reader;
	struct read_wait *w = xcalloc(1, sizeof(*w)), *list;
	struct piece *to_send = NULL;
	uint64_t end = op->offset + op->size;
	bool ordered;

	if (readlate_read(op)) {
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
	if (!op->h->local || op->h->remote_open) {
		if (ordered)
			ahead(fs, op->h, end, &to_send);
		else
			fetch_whole(fs, op->h, &to_send);
	}
	DL_APPEND(r->waits, w);
	list = completed(r);
	pthread_mutex_unlock(&fs->lock);
	send_all(op, reversed(to_send));
	reply_all(fs, list);
	op_unref(op);
}

void reader_fini(struct fs *fs, struct reader *r)
{
	struct piece *p, *next;

	hold_no_more(fs, r);
	DL_FOREACH_SAFE(r->pieces, p, next)
	piece_unlist(fs, r, p);
}
