#include "fs/limit.h"

#include "common/base/clock.h"
#include "fs/fs.h"
#include "fs/notify.h"
#include "fs/writer.h"

#define SCAN_MAX 4096 /* nodes looked at under the lock, */
#define TELL_MAX 1024 /* and given up */
#define LEFT_MAX 8192 /* names of one box of which the kernel has not been told yet */
#define NEW_MS   500  /* what was shown so lately is about to be used */
#define NEXT_MS  5    /* before more are given up: it has been told of so many by then */
#define WAIT_MS  50   /* before it is tried again, when none could be */

static void give_up(void *arg);

static bool is_leaf(const struct node *n)
{
	/* all that holds it is the kernel */
	return n->nlookup > 0 && n->refs == 1 && !n->handles && !writer_dirty(n) &&
	       !writer_pending(n);
}

static bool may_go(const struct fs *fs, const struct node *n, int64_t now_ms)
{
	if (n->kind != NODE_INSIDE || n->gone || n->going || !n->parent ||
		n->parent->kind != NODE_INSIDE || !is_leaf(n))
		return false;
	if (S_ISDIR(n->attr.mode) && fs->nodes.count < 2 * (size_t)fs->opt->nodes_max)
		return false;
	return now_ms - n->shown_ms > NEW_MS;
}

static size_t too_many(const struct fs *fs)
{
	size_t max = fs->opt->nodes_max - fs->opt->nodes_max / 16;
	size_t left = fs->nodes.count - fs->nodes.going;

	return left > max ? left - max : 0;
}

/*
 * The oldest first, on from where it came to the last time. How many were found. Of no box much faster than
 * the kernel is told: one that answers nothing keeps that waiting.
 */
static size_t pick(struct fs *fs)
{
	struct node_table *t = &fs->nodes;
	size_t wanted = too_many(fs), found = 0;
	int64_t now_ms = clock_now_ms();

	for (int i = 0; i < SCAN_MAX && found < wanted && found < TELL_MAX; i++) {
		struct node *n = t->cursor ? t->cursor : t->by_id;

		t->cursor = n->by_id.next;
		if (!may_go(fs, n, now_ms) || notify_left(fs->notifier, n->box) >= LEFT_MAX)
			continue;
		n->going = true;
		t->going++;
		found++;
		notify_entry(fs->notifier, n->box, n->parent->id, n->name);
	}
	return found;
}

static void give_up(void *arg)
{
	struct fs *fs = arg;
	size_t found;

	scoped_lock(&fs->lock);
	found = pick(fs);
	fs->nodes.limiting = too_many(fs) > 0;
	if (fs->nodes.limiting)
		notify_later(fs->notifier, found ? NEXT_MS : WAIT_MS, give_up, fs);
}

void limit_nodes(struct fs *fs)
{
	if (!fs->notifier || fs->nodes.limiting || fs->nodes.count <= fs->opt->nodes_max)
		return;
	if (!too_many(fs))
		return;
	fs->nodes.limiting = true;
	notify_then(fs->notifier, give_up, fs);
}

void limit_wanted(struct fs *fs, struct node *n)
{
	if (n->going)
		fs->nodes.going--;
	n->going = false;
}

void limit_gone(struct fs *fs, struct node *n)
{
	limit_wanted(fs, n);
	if (fs->nodes.cursor == n)
		fs->nodes.cursor = n->by_id.next;
}
