#include "fs/ahead.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "fs/box.h"
#include "fs/dircache.h"
#include "fs/fs.h"
#include "fs/handle.h"
#include "fs/learn.h"
#include "fs/op.h"
#include "fs/peek.h"
#include "fs/writer.h"

#include <fcntl.h>
#include <utlist.h>

/* Under the lock: so much is looked at for one request of the kernel's. */
#define STEPS_MAX  256
#define SCAN_MAX   4096
#define FIND_MAX   20000
#define SORT_MAX   50000
#define SORT_TRIES 3
#define OPENED_MS  60000 /* who has read a folder whole may still be at it */
#define HOT_MS     1000
#define AHEAD_PAGE 4096

void ahead_init(struct ahead *a)
{
	pace_init(&a->files, 2, 16, 128);
	pace_init(&a->folders, 4, 32, 128);
}

void batch_send(struct fs *fs, struct batch *b)
{
	struct peek *p, *next;

	for (unsigned i = 0; i < b->fetch_count; i++)
		dir_fetch(fs, b->fetches[i]);
	for (p = b->peeks; p; p = next) {
		next = p->next_to_send;
		peek_send(fs, p);
	}
	*b = (struct batch){ 0 };
}

/* --- where in a folder ------------------------------------------------------ */

static struct walk *walk_of(struct node *folder)
{
	if (!folder->walk) {
		folder->walk = xcalloc(1, sizeof(*folder->walk));
		folder->walk->folder = folder;
	}
	return folder->walk;
}

static void forget_order(struct walk *w)
{
	free(w->by_name);
	w->by_name = NULL;
	w->sorted = 0;
}

/* What the folder is known to hold now, or NULL. The positions are taken to be about the same. */
static struct listing *listing_now(struct walk *w)
{
	struct listing *l = dir_now(w->folder);

	if (l && l == w->listing && w->sorted <= l->count)
		return l;
	w->listing = l;
	w->sort_tries = 0;
	forget_order(w);
	return l;
}

static size_t count_of(const struct walk *w)
{
	return w->by_name ? w->sorted : w->listing->count;
}

static struct item *item_at(const struct walk *w, size_t at)
{
	return w->listing->items[w->by_name ? w->by_name[at] : at];
}

static bool find_sorted(const struct walk *w, const char *name, size_t *ret)
{
	size_t low = 0, high = w->sorted;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(item_at(w, middle)->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret = low;
	return low < w->sorted && strcmp(item_at(w, low)->name, name) == 0;
}

/* Behind `from` first: a walk goes on. */
static bool find_listed(const struct walk *w, const char *name, size_t from, size_t *ret)
{
	size_t count = w->listing->count, steps = count < FIND_MAX ? count : FIND_MAX;

	for (size_t i = 0; i < steps; i++) {
		size_t at = (from + i) % count;
		const struct item *item = w->listing->items[at];

		if (!item->dead && strcmp(item->name, name) == 0) {
			*ret = at;
			return true;
		}
	}
	return false;
}

static bool position(const struct walk *w, const char *name, size_t from, size_t *ret)
{
	return w->by_name ? find_sorted(w, name, ret) : find_listed(w, name, from, ret);
}

static int by_name(const void *a, const void *b, void *arg)
{
	struct item *const *items = arg;

	return strcmp(items[*(const uint32_t *)a]->name, items[*(const uint32_t *)b]->name);
}

static void sort(struct walk *w)
{
	const struct listing *l = w->listing;

	w->by_name = xcalloc(l->count, sizeof(*w->by_name));
	w->sorted = l->count;
	for (size_t i = 0; i < l->count; i++)
		w->by_name[i] = (uint32_t)i;
	qsort_r(w->by_name, l->count, sizeof(*w->by_name), by_name, l->items);
}

/* A shell's *, git and rsync go by name: is that it? from: the position before, as it is listed. */
static bool goes_by_name(struct walk *w, const char *name, size_t from, int64_t now_ms)
{
	const struct listing *l = w->listing;
	const char *before = from < l->count ? l->items[from]->name : NULL;
	struct trail t = { 0 };
	size_t a, b;

	if (w->by_name || !before || strcmp(before, name) >= 0 || l->count > SORT_MAX ||
		w->sort_tries++ >= SORT_TRIES)
		return false;
	sort(w);
	if (find_sorted(w, before, &a) && find_sorted(w, name, &b)) {
		trail_step(&t, a, now_ms);
		if (trail_step(&t, b, now_ms) == TRAIL_ONWARD) {
			t.seen += w->files.seen - 2;
			w->files = t;
			return true;
		}
	}
	forget_order(w);
	return false;
}

static struct walk *parent_walk(const struct node *n)
{
	if (n->gone || !n->parent || n->parent->kind != NODE_INSIDE)
		return NULL;
	return walk_of(n->parent);
}

static bool is_hot(int64_t used_ms)
{
	return used_ms && clock_now_ms() - used_ms < HOT_MS;
}

/* --- folders ---------------------------------------------------------------- */

static void folder_listed(struct op *op, int rc)
{
	struct listing *l = op->where;
	struct fs *fs = op->fs;
	struct node *n = op->node;
	struct ahead *a = &n->box->ahead;
	struct batch batch = { 0 };

	pthread_mutex_lock(&fs->lock);
	a->lists_out--;
	op->where = NULL;
	if (!l && n->walk)
		ahead_folder_done(n->walk, pace_void);
	if (l)
		dir_believe(n, l);
	listing_unref(l);
	if (n->walk && n->walk->ahead)
		ahead_listed(n, &batch);
	pthread_mutex_unlock(&fs->lock);
	op_unref(op);
	batch_send(fs, &batch);
}

/* Its node, if it is to be listed: nobody has, and it is not one that the kernel makes up. */
static struct node *folder_wanted(struct node *parent, const struct item *item)
{
	struct fs *fs = parent->box->fs;
	struct node *n;

	if (item->dead || item->stale || item->doubt || !S_ISDIR(item->attr.mode) ||
		item->attr.size > AHEAD_FOLDER_MAX)
		return NULL;
	n = node_child(&fs->nodes, parent, item->name);
	if (n && (dir_fresh(n) || dir_fetching(n) || (n->walk && n->walk->ahead)))
		return NULL;
	if (n)
		return node_is_virtual(n) || !dir_listable(n) ? NULL : n;
	n = node_make(&fs->nodes, parent, item->name, NODE_INSIDE, parent->box);
	node_learn(n, &item->attr, parent->dir->until_ms);
	return n;
}

static void ask_folder(struct node *n, struct batch *b)
{
	struct box *box = n->box;
	struct ahead *a = &box->ahead;
	struct walk *w = walk_of(n);
	struct op *op;

	node_ref(n);
	w->ahead = true;
	w->ahead_ms = clock_now_ms();
	DL_APPEND(a->folders_out, w);
	pace_asked(&a->folders);
	a->lists_out++;
	atomic_fetch_add(&box->fs->count.lists_ahead, 1);
	op = op_new_locked(box->fs, "list-ahead", n);
	op->step = folder_listed;
	if (dir_wait(n, op, &b->fetches[b->fetch_count]))
		b->fetch_count++;
	ahead_sweep_later(box);
}

static bool may_ask_folder(const struct box *box, const struct batch *b)
{
	return pace_room(&box->ahead.folders) && b->fetch_count < AHEAD_BATCH &&
	       box->ahead.lists_out < box_calls_ahead(box);
}

/* Those of a folder, from a position on and around to it. */
static void fill_folders(struct walk *w, size_t from, struct batch *b)
{
	struct listing *l = listing_now(w);
	size_t steps;

	if (!l || node_is_virtual(w->folder))
		return;
	steps = l->count < SCAN_MAX ? l->count : SCAN_MAX;
	for (size_t i = 0; i < steps && may_ask_folder(w->folder->box, b); i++) {
		struct node *n = folder_wanted(w->folder, l->items[(from + i) % l->count]);

		if (n)
			ask_folder(n, b);
	}
}

/* Gives up those that wait for long, when there is no room for what is wanted now. */
static void make_room(struct ahead *a)
{
	int64_t old_ms = clock_now_ms() - AHEAD_OLD_MS;
	struct walk *w, *next;

	DL_FOREACH_SAFE(a->folders_out, w, next)
	{
		if (pace_room(&a->folders) || w->ahead_ms > old_ms)
			return;
		ahead_folder_done(w, pace_wasted);
	}
}

static void fill_files(struct node *folder, struct batch *b);

void ahead_into(struct node *folder, bool missed, struct batch *b)
{
	struct ahead *a = &folder->box->ahead;
	struct walk *w, *up;
	bool used = folder->walk && folder->walk->ahead;
	int64_t now_ms = clock_now_ms();
	size_t at;

	if ((!missed && !used) || folder->gone)
		return;
	w = walk_of(folder);
	if (used) {
		a->folder_used_ms = now_ms;
		ahead_folder_done(w, pace_used);
	}
	make_room(a);
	up = parent_walk(folder);
	if (up && listing_now(up) && find_listed(up, folder->name, up->folders.last, &at)) {
		trail_step(&up->folders, at, now_ms);
		if (used || up->folders.seen >= pace_proof(&a->folders))
			fill_folders(up, at + 1, b);
	}
	if (used)
		fill_folders(w, 0, b);
}

void ahead_listed(struct node *folder, struct batch *b)
{
	struct ahead *a = &folder->box->ahead;

	if (folder->gone || node_is_virtual(folder))
		return;
	if (is_hot(a->folder_used_ms))
		fill_folders(walk_of(folder), 0, b);
	if (is_hot(a->file_used_ms))
		fill_files(folder, b);
}

void ahead_opened(struct node *folder)
{
	struct walk *w = walk_of(folder);

	w->opened_ms = clock_now_ms();
	w->files.next = 0;
	w->round = false;
}

/* --- files ------------------------------------------------------------------ */

/* Is its content worth asking for? */
static bool is_wanted(struct node *folder, const struct item *item)
{
	struct stamp stamp = stamp_of(&item->attr);
	struct node *n;

	if (item->dead || item->stale || item->doubt || !S_ISREG(item->attr.mode) ||
		item->attr.size == 0 || item->attr.size >= AHEAD_FILE_MAX)
		return false;
	n = node_child(&folder->box->fs->nodes, folder, item->name);
	return !n || !(n->peek || n->handles || writer_dirty(n) || stamp_same(&n->filled, &stamp));
}

static void ask_file(struct node *folder, const struct item *item, struct batch *b)
{
	struct fs *fs = folder->box->fs;
	struct node *n = node_child(&fs->nodes, folder, item->name);

	if (!n) {
		n = node_make(&fs->nodes, folder, item->name, NODE_INSIDE, folder->box);
		node_learn(n, &item->attr, folder->dir->until_ms);
	}
	peek_ask(n, b);
}

/* Somebody goes through it, not only through one folder in it. */
static bool is_walked(const struct walk *w)
{
	return w->folders.seen >= 2 || (w->opened_ms && clock_now_ms() - w->opened_ms < OPENED_MS);
}

/* What comes behind the folder in its parent; NULL: nothing does. */
static struct node *climb(const struct node *folder)
{
	struct walk *up = parent_walk(folder);
	size_t at;

	if (!up || !is_walked(up) || !listing_now(up) || !count_of(up))
		return NULL;
	if (!position(up, folder->name, up->files.next ? up->files.next - 1 : 0, &at))
		return NULL;
	if (up->files.next <= at)
		up->files.next = at + 1;
	return up->folder;
}

/* The folder of that name below, if what is in it is known. */
static struct node *descend(struct node *folder, const struct item *item)
{
	struct node *n = node_child(&folder->box->fs->nodes, folder, item->name);

	return n && dir_now(n) ? n : NULL;
}

/* One step of the way on; the folder of the next, NULL: the end, or no room. */
static struct node *fill_step(struct node *folder, struct batch *b)
{
	struct walk *w = walk_of(folder);
	struct node *below = NULL;
	const struct item *item;

	if (!listing_now(w) || node_is_virtual(folder))
		return NULL;
	if (w->files.next >= count_of(w))
		return climb(folder);
	item = item_at(w, w->files.next);
	if (is_wanted(folder, item)) {
		if (!peek_room(folder->box, item->attr.size + AHEAD_PAGE))
			return NULL;
		ask_file(folder, item, b);
	} else if (!item->dead && S_ISDIR(item->attr.mode)) {
		below = descend(folder, item);
	}
	w->files.next++;
	return below ? below : folder;
}

/* In the order in which a walk goes on from what was asked for last. */
static void fill_files(struct node *folder, struct batch *b)
{
	struct fs *fs = folder->box->fs;

	node_ref(folder);
	for (int steps = 0; folder && steps < STEPS_MAX; steps++) {
		struct node *next = fill_step(folder, b);

		if (next)
			node_ref(next);
		node_unref(fs, folder);
		folder = next;
	}
	if (folder)
		node_unref(fs, folder);
}

/* A file of the folder is opened: will others be? */
static bool goes_on(struct walk *w, const char *name, bool used)
{
	struct ahead *a = &w->folder->box->ahead;
	int64_t now_ms = clock_now_ms();
	enum trail_step step;
	size_t from = w->files.last, at;

	if (!listing_now(w) || !count_of(w) || !position(w, name, from, &at))
		return false;
	step = trail_step(&w->files, at, now_ms);
	if (step == TRAIL_FIRST)
		w->round = false;
	if (!used && !is_hot(a->file_used_ms) && w->files.seen < pace_proof(&a->files))
		return false;
	if (step != TRAIL_JUMPED)
		return true;
	if (count_of(w) > TRAIL_SMALL)
		return used || goes_by_name(w, name, from, now_ms);
	if (!w->round)
		w->files.next = 0;
	w->round = true;
	return true;
}

static void opened(struct node *file, bool used, struct batch *b)
{
	struct walk *w = parent_walk(file);

	if (!w || node_is_virtual(file) || !goes_on(w, file->name, used))
		return;
	fill_files(w->folder, b);
	ahead_sweep_later(file->box);
}

void ahead_missed(struct node *file, struct batch *b)
{
	opened(file, false, b);
}

/* Nothing that the far end has changed since can be missed, or not for long. */
static bool is_fresh(const struct peek *p)
{
	int64_t bound_ms = 5 * (p->ready_ms - p->asked_ms);

	if (clock_now_ms() < dir_attr_until(p->node))
		return true;
	if (bound_ms < AHEAD_FRESH_MIN_MS)
		bound_ms = AHEAD_FRESH_MIN_MS;
	if (bound_ms > DIR_FRESH_MAX_MS)
		bound_ms = DIR_FRESH_MAX_MS;
	return clock_now_ms() - p->ready_ms <= bound_ms;
}

enum ahead_open ahead_open(
	struct op *op, struct remote_reply *ret, size_t *ret_want, struct batch *b)
{
	struct node *n = op->node;
	struct peek *p = n->peek;

	if (!p || n->gone || (op->fi.flags & (O_ACCMODE | O_TRUNC)) != O_RDONLY)
		return AHEAD_NONE;
	if (!p->ready) {
		DL_APPEND(p->waiters, op);
		return AHEAD_WAIT;
	}
	if (!peek_holds(p) || !is_fresh(p)) {
		trace(OP, "peek of %s is %s, %lld ms after %lld ms", n->name,
			peek_holds(p) ? "old" : "in doubt",
			(long long)(clock_now_ms() - p->ready_ms),
			(long long)(p->ready_ms - p->asked_ms));
		peek_drop(p, peek_holds(p));
		return AHEAD_NONE;
	}
	remote_reply_move(ret, &p->reply);
	ret->has_ahead = true;
	*ret_want = p->want;
	n->box->ahead.file_used_ms = clock_now_ms();
	atomic_fetch_add(&op->fs->count.peeks_used, 1);
	peek_use(p);
	opened(n, true, b);
	return AHEAD_HAS;
}

void ahead_doubt(struct node *file)
{
	if (file->peek)
		file->peek->doubt = true; /* whoever tells it may hold nothing of the node */
}

void ahead_forget(struct node *n)
{
	struct walk *w = n->walk;

	if (!w)
		return;
	forget_order(w);
	free(w);
	n->walk = NULL;
}
