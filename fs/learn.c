#include "fs/learn.h"

#include "common/base/clock.h"
#include "fs/box.h"
#include "fs/dircache.h"
#include "fs/limit.h"
#include "fs/links.h"
#include "fs/notify.h"
#include "fs/writer.h"

#define LATE_MS 1000 /* on a busy machine who has asked may get the answer so late */

static int64_t until(void)
{
	return clock_now_ms() + BOX_TTL_MS;
}

struct node *learn_item(struct fs *fs, struct node *parent, const char *name, const struct attr *a)
{
	struct node *n = node_make(&fs->nodes, parent, name, NODE_INSIDE, parent->box);

	if (node_learn(n, a, until()))
		return n;
	node_detach(&fs->nodes, n);
	n = node_make(&fs->nodes, parent, name, NODE_INSIDE, parent->box);
	node_learn(n, a, until());
	return n;
}

struct node *learn_child(
	struct fs *fs, struct node *parent, const char *name, const struct attr *a, uint32_t since)
{
	struct attr newest = *a;

	dir_put(parent, name, &newest, since);
	return learn_item(fs, parent, name, &newest);
}

bool learn_attr(struct fs *fs, struct node *n, const struct attr *a)
{
	struct attr newest = *a;

	if (!node_learn(n, a, until()))
		return false;
	if (n->gone || !n->parent || n->parent->kind != NODE_INSIDE)
		return true;
	dir_put(n->parent, n->name, &newest, 0);
	return node_learn(n, &newest, until());
}

int learn_or_detach(struct fs *fs, struct node *n, const struct attr *a)
{
	if (learn_attr(fs, n, a))
		return 0;
	node_detach(&fs->nodes, n);
	return -ESTALE;
}

void learn_absent(struct fs *fs, struct node *parent, const char *name, uint32_t since)
{
	struct node *n = node_child(&fs->nodes, parent, name);

	dir_drop(parent, name, since);
	if (n)
		node_detach(&fs->nodes, n);
}

void learn_touched(struct node *folder)
{
	node_doubt(folder);
	if (!folder->gone && folder->parent && folder->parent->kind == NODE_INSIDE)
		dir_doubt(folder->parent, folder->name);
}

void learn_recall(struct fs *fs, struct node *n, bool pages)
{
	if (pages && !writer_pending(n)) {
		if (!n->shown_ms || n->pages_recalled)
			return;
		/* of its attributes, too, but behind names and pages: nobody may rely on it */
		n->pages_recalled = true;
		notify_pages(fs->notifier, n->box, n->id);
	} else if (n->shown_ms && !n->attr_recalled) {
		n->attr_recalled = true;
		notify_attr(fs->notifier, n->id);
	}
}

bool learn_unknown(struct fs *fs, uint64_t ino, bool over)
{
	struct node *n;

	scoped_lock(&fs->lock);
	n = node_get(&fs->nodes, ino);
	if (!n || !n->nlookup) /* it has forgotten it altogether */
		return false;
	if (over)
		n->attr_recalled = n->pages_recalled = false;
	return !over;
}

bool learn_other_names(struct fs *fs, const struct node *changed)
{
	bool some = false;

	for (struct node *n = links_of(changed); n; n = n->link_next) {
		if (n == changed)
			continue;
		some = true;
		node_doubt(n);
		learn_recall(fs, n, false);
		if (!n->gone && n->parent->kind == NODE_INSIDE)
			dir_doubt(n->parent, n->name);
	}
	if (some)
		changed->box->links_told++;
	return some;
}

/* Seconds for which the kernel may keep what is right until then. */
static double kernel_s(int64_t until_ms)
{
	double left_s = (double)(until_ms - clock_now_ms()) / 1000;

	return left_s > KERNEL_TTL_S ? left_s : KERNEL_TTL_S;
}

static double entry_s(const struct node *n)
{
	const struct dir *d = n->parent ? n->parent->dir : NULL;
	const struct item *item;

	if (n->gone || !d || !dir_watched(n->parent))
		return KERNEL_TTL_S;
	item = d->now ? listing_any(d->now, n->name) : NULL;
	return item && item->doubt ? KERNEL_TTL_S : kernel_s(d->told_until_ms);
}

static void shown(struct node *n)
{
	struct dir *d = n->parent && !n->gone ? n->parent->dir : NULL;

	if (d && !d->now)
		d->loose = true;
	n->attr_recalled = n->pages_recalled = false;
	n->shown_ms = clock_now_ms();
	n->shown = stamp_of(&n->attr);
}

void learn_show_entry(struct fs *fs, struct node *n, bool stale, struct fuse_entry_param *ret)
{
	/* what a writer adds up itself is right only while nobody else changes the file: getattr
	 * asks */
	*ret = (struct fuse_entry_param){
		.ino = n->id,
		.attr_timeout = stale || writer_dirty(n) ? 0 : kernel_s(dir_attr_until(n)),
		.entry_timeout = entry_s(n),
	};
	node_stat(n, &ret->attr);
	node_looked_up(n);
	limit_wanted(fs, n);
	limit_nodes(fs);
	shown(n);
}

double learn_show_attr(struct node *n, struct stat *ret)
{
	node_stat(n, ret);
	shown(n);
	return n->gone ? 0 : kernel_s(dir_attr_until(n));
}

void learn_show_item(
	struct fs *fs, struct node *parent, struct item *item, struct fuse_entry_param *ret)
{
	struct node *n = node_child(&fs->nodes, parent, item->name);
	int64_t now_ms = clock_now_ms();
	bool known = n && n->known && now_ms < n->until_ms;

	known = known || now_ms < dir_item_until(parent, item, n);
	n = learn_item(fs, parent, item->name, &item->attr);
	if (!known)
		node_doubt(n);
	learn_show_entry(fs, n, !known, ret);
}

void learn_box_changed(struct fs *fs, struct box *b)
{
	/* The kernel keeps them from when it has them, which may be later than when they were given. */
	int64_t since_ms = clock_now_ms() - (int64_t)(KERNEL_TTL_S * 1000) - LATE_MS;
	struct node *n, *next;

	scoped_lock(&fs->lock);
	b->epoch++;
	/* What is told of came before the end of the command. */
	HASH_ITER(by_id, fs->nodes.by_id, n, next)
	{
		if (n->box != b || n->kind != NODE_INSIDE || dir_attr_until(n))
			continue;
		node_doubt(n);
		if (n->shown_ms >= since_ms && n->shown_ms > 0)
			learn_recall(fs, n, false);
	}
}
