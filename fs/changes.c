#include "fs/changes.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "fs/ahead.h"
#include "fs/box.h"
#include "fs/dircache.h"
#include "fs/fs.h"
#include "fs/learn.h"
#include "fs/notify.h"
#include "fs/writer.h"

/* All: fs->lock held, but for changes_told. */

/* --- the kernel ------------------------------------------------------------- */

static void recall_name(struct fs *fs, struct node *n)
{
	if (!n->nlookup || n->name_recalled)
		return;
	/* a far end that says so a million times a second fills no queue */
	n->name_recalled = true;
	if (atomic_load(&fs->can_expire))
		notify_expire(fs->notifier, n->box, n->parent->id, n->name);
	else if (!S_ISDIR(n->attr.mode)) /* who stands in it would fall out */
		notify_entry(fs->notifier, n->box, n->parent->id, n->name);
}

/* The name is another file's, or nobody's. */
static void detach(struct fs *fs, struct node *n)
{
	learn_other_names(fs, n);
	if (n->nlookup)
		notify_entry(fs->notifier, n->box, n->parent->id, n->name);
	node_detach(&fs->nodes, n);
}

/* --- one name --------------------------------------------------------------- */

/* What it is, and whether it is there: the kernel, which may keep both for long, asks for both anew. */
static void doubt_node(struct fs *fs, struct node *n)
{
	if (writer_dirty(n) || n->making)
		return;
	node_doubt(n);
	ahead_doubt(n);
	learn_recall(fs, n, true);
	recall_name(fs, n);
}

static void doubt_name(struct fs *fs, struct node *folder, const char *name)
{
	struct node *n = node_child(&fs->nodes, folder, name);

	if (n)
		doubt_node(fs, n);
}

/*
 * What is no newer than what is known is not believed, nor is that: a stat between the two halves of a
 * write has its time and not yet its size.
 */
static void learn_told(struct fs *fs, struct node *n, const struct attr *a)
{
	bool file = n->attr.ino == a->ino && n->attr.dev == a->dev;
	bool content = !file || n->attr.size != a->size ||
		       n->attr.mtime.tv_sec != a->mtime.tv_sec ||
		       n->attr.mtime.tv_nsec != a->mtime.tv_nsec;
	bool same = n->known && attr_same(&n->attr, a);

	if (writer_dirty(n) || n->making)
		return; /* its own are asked for when they have settled */
	if (n->known && !file)
		learn_other_names(fs, n);
	if (n->known && file && !same && !attr_older(&n->attr, a))
		node_doubt(n);
	else if (!node_learn(n, a, clock_now_ms() + BOX_TTL_MS)) {
		detach(fs, n);
		return;
	}
	if (!same)
		learn_recall(fs, n, content);
}

/*
 * True: what is told counts. Not when an answer spoke of it just now, and otherwise; nor quite when it is no newer
 * than what is known: then it is asked for.
 */
static bool believe(struct listing *l, struct item *item, const struct attr *a)
{
	bool file = !item->dead && item->attr.ino == a->ino && item->attr.dev == a->dev;

	if (file && attr_older(&item->attr, a)) {
		item->stale = false;
		return true;
	}
	if (!item_lately(item->own_at)) {
		item->stale = file;
		return true;
	}
	if (!file) {
		listing_doubt(l, item, true);
		return false;
	}
	if (attr_older(a, &item->attr))
		return false;
	item->stale = true; /* within one tick of its clock, or between two halves of a change */
	return true;
}

static void note_told(struct node *folder, struct item *item)
{
	item->told_at = item_now();
	item->telling = atomic_load(&folder->box->tellings);
}

static void put_item(struct fs *fs, struct node *folder, struct listing *l, const char *name,
	const struct attr *a)
{
	struct item *item = listing_any(l, name);
	struct node *n;

	if (!item && dir_full(fs)) { /* names without end: it is listed when somebody wants it */
		dir_invalidate(fs, folder);
		learn_recall(fs, folder, false);
	} else if (!item) {
		note_told(folder, dir_add(folder, name, a));
	} else if (!item->dead && attr_same(&item->attr, a)) {
		/* What was made doubtful stays so: this may have been seen before that. */
		note_told(folder, item);
		listing_doubt(l, item, false);
	} else {
		note_told(folder, item);
		if (!believe(l, item, a)) {
			if (item->doubt)
				doubt_name(fs, folder, name);
			return;
		}
		dir_entry(folder, item, a);
		item->attr = *a;
		item->dead = false;
		listing_doubt(l, item, false);
	}
	n = node_child(&fs->nodes, folder, name);
	if (!n)
		return;
	ahead_doubt(n); /* also when they are the same: its clock may not tell two changes apart */
	learn_told(fs, n, a);
}

static void drop_item(struct fs *fs, struct node *folder, struct listing *l, const char *name)
{
	struct item *item = listing_any(l, name);
	struct node *n = node_child(&fs->nodes, folder, name);

	if (n && n->making) /* it was looked for before it was made */
		return;
	if (item) {
		note_told(folder, item);
		if (!item->dead && item_lately(item->own_at)) {
			listing_doubt(l, item, true);
			doubt_name(fs, folder, name);
			return;
		}
		dir_dies(folder, item);
		listing_doubt(l, item, false);
	}
	if (!n)
		return;
	ahead_doubt(n);
	detach(fs, n);
}

/* Of a file with several names it may tell what was before a change by another one. */
static void doubt_one_of_many(
	struct fs *fs, struct node *folder, struct listing *l, const char *name)
{
	struct item *item = listing_any(l, name);

	if (item)
		item->stale = true;
	doubt_name(fs, folder, name);
}

static void change_name(struct fs *fs, struct node *folder, const struct change *c)
{
	struct listing *l = dir_now(folder);

	if (l && c->kind == CHANGE_THERE) {
		put_item(fs, folder, l, c->entry.name, &c->entry.attr);
		if (c->entry.attr.nlink > 1 && !S_ISDIR(c->entry.attr.mode))
			doubt_one_of_many(fs, folder, l, c->entry.name);
	} else if (l) {
		drop_item(fs, folder, l, c->entry.name);
	} else {
		doubt_name(fs, folder, c->entry.name);
	}
}

/* --- the folder itself -------------------------------------------------------- */

/* What equals what this mount has made doubtful may have been seen before that. */
static void change_self(struct fs *fs, struct node *n, const struct attr *a)
{
	bool inside = n->parent && n->parent->kind == NODE_INSIDE && !n->gone;
	struct listing *l = inside ? dir_now(n->parent) : NULL;
	struct item *item = l ? listing_find(l, n->name) : NULL;
	bool same = n->known && attr_same(&n->attr, a);

	n->dir->self_told = true;
	if (same && !n->until_ms)
		return;
	if (!node_learn(n, a, n->dir->told_until_ms))
		return;
	if (item) {
		item->attr = *a;
		item->stale = false;
	}
	if (!same)
		learn_recall(fs, n, false);
}

/* --- all of a folder ------------------------------------------------------------ */

static bool is_loose(const struct node *n)
{
	return !n->gone && n->parent && n->parent->dir && n->parent->dir->watch &&
	       n->parent->dir->loose;
}

/* What was looked up by its name alone, or belongs to a listing that was let go. */
static void doubt_loose(struct box *b)
{
	struct node *n, *next;

	HASH_ITER(by_id, b->fs->nodes.by_id, n, next)
	{
		if (n->box == b && is_loose(n))
			doubt_node(b->fs, n);
	}
}

static void doubt_folder(struct fs *fs, struct node *folder)
{
	struct listing *l = folder->dir ? folder->dir->now : NULL;

	if (folder->dir && folder->dir->loose)
		doubt_loose(folder->box);
	for (size_t i = 0; l && i < l->count; i++)
		doubt_name(fs, folder, l->items[i]->name);
	dir_invalidate(fs, folder);
	if (folder->dir)
		folder->dir->loose = false;
	node_doubt(folder);
	learn_recall(fs, folder, false);
}

static void end_watch(struct fs *fs, struct node *folder)
{
	doubt_folder(fs, folder);
	dir_unwatched(folder);
}

static void change_every(struct box *b, void (*change)(struct fs *fs, struct node *folder))
{
	struct dir *d, *next;
	bool loose = false;

	/* once for all of them, and never because the far end says so a million times */
	for (d = b->watched; d; d = d->by_watch.next)
		loose = loose || d->loose;
	if (loose)
		doubt_loose(b);
	HASH_ITER(by_watch, b->watched, d, next)
	{
		d->loose = false;
		change(b->fs, d->node);
	}
}

/* --- told ------------------------------------------------------------------------ */

static void change_one(struct fs *fs, struct node *folder, const struct change *c)
{
	switch (c->kind) {
	case CHANGE_THERE:
		if (!c->entry.name) {
			change_self(fs, folder, &c->entry.attr);
			return;
		}
		/* fall through */
	case CHANGE_GONE:
		change_name(fs, folder, c);
		return;
	case CHANGE_ALL:
		doubt_folder(fs, folder);
		return;
	case CHANGE_OVER:
	case CHANGE_LOST:
		end_watch(fs, folder);
		return;
	}
}

static void change_all_of(struct box *b, uint64_t watch, const struct change *changes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct node *folder = dir_by_watch(b, watch); /* it may be over */

		if (!folder)
			return;
		dir_touch(folder); /* a listing that is on its way may be older */
		change_one(b->fs, folder, &changes[i]);
	}
}

void changes_told(void *box, uint64_t watch, const struct change *changes, size_t count)
{
	struct box *b = box;

	scoped_lock(&b->fs->lock);
	atomic_fetch_add(&b->fs->count.told, count);
	atomic_fetch_add(&b->tellings, 1);
	trace(OP, "%s: %zu changes in watch %ju", b->key, count, (uintmax_t)watch);
	if (count && changes[0].kind == CHANGE_LOST) {
		b->watches_from = watch;
		change_every(b, end_watch);
	} else if (!(uint32_t)watch) {
		change_every(b, doubt_folder);
	} else {
		change_all_of(b, watch, changes, count);
	}
}
