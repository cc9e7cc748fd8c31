#include "common/base/keyhash.h" /* first */

#include "fs/dircache.h"

#include "common/base/budget.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "fs/box.h"
#include "fs/fs.h"
#include "fs/making.h"
#include "fs/notify.h"
#include "fs/op.h"

#include <utlist.h>

/* A directory that may be searched but not read is asked again after so long. */
#define UNLISTABLE_MS 5000

struct fetch {
	struct fs *fs;
	struct node *folder; /* holds a reference */
	struct op *op;       /* the request itself */
	struct op *waiters;
	unsigned epoch;
	int64_t since_ms;
};

static struct dir *dir_of(struct node *n)
{
	if (!n->dir)
		n->dir = xcalloc(1, sizeof(*n->dir));
	return n->dir;
}

/* Never 0, which is no copy's. */
static void changed(struct dir *d)
{
	if (++d->changes == 0)
		d->changes = 1;
}

static void let_go(struct fs *fs, struct dir *d)
{
	if (!d->now)
		return;
	changed(d);
	fs->listed_items -= d->now->count < fs->listed_items ? d->now->count : fs->listed_items;
	listing_unref(d->now);
	d->now = NULL;
	d->loose = true;
}

/* --- told changes ----------------------------------------------------------- */

bool dir_watched(const struct node *n)
{
	return n->dir && n->dir->watch && clock_now_ms() < n->dir->told_until_ms;
}

struct node *dir_by_watch(struct box *b, uint64_t watch)
{
	struct dir *d;

	HASH_FIND(by_watch, b->watched, &watch, sizeof(watch), d);
	return d ? d->node : NULL;
}

void dir_unwatched(struct node *n)
{
	struct dir *d = n->dir;

	if (!d || !d->watch)
		return;
	HASH_DELETE(by_watch, n->box->watched, d);
	d->watch = 0;
	d->self_told = false;
}

struct unwatch {
	struct box *box;
	uint64_t watch;
};

static void unwatch(void *arg)
{
	struct unwatch *u = arg;
	struct session *session;

	if (box_session(u->box, &session) == 0)
		session_unwatch(session, u->watch);
	box_unref(u->box);
	free(u);
}

static void unwatch_later(struct box *b, uint64_t watch)
{
	struct unwatch *u = xcalloc(1, sizeof(*u));

	*u = (struct unwatch){ .box = box_ref(b), .watch = watch };
	notify_then(b->fs->notifier, unwatch, u);
}

/* A listing says that its changes are told by this number; 0: they are not. */
static void watched(struct node *n, uint64_t watch)
{
	struct dir *d = dir_of(n);
	struct node *other = watch ? dir_by_watch(n->box, watch) : NULL;

	if (watch < n->box->watches_from)
		watch = 0; /* of a stream that is over */
	if (other && other != n && !other->gone)
		watch = 0; /* the same folder under another name: its changes are put in there */
	else if (other && other != n)
		dir_unwatched(other);
	d->told_until_ms = clock_now_ms() + DIR_TOLD_MS;
	if (watch == d->watch)
		return;
	if (d->watch)
		unwatch_later(n->box, d->watch);
	dir_unwatched(n);
	if (!watch)
		return;
	d->watch = watch;
	d->node = n;
	HASH_ADD(by_watch, n->box->watched, watch, sizeof(d->watch), d);
}

static bool is_inside(const struct node *n)
{
	return n && n->kind == NODE_INSIDE;
}

/* Are these attributes of a child kept right by what is told of its folder? */
static bool all_told(const struct node *folder, const struct attr *a, const struct node *child)
{
	if (S_ISDIR(a->mode))
		return child && dir_watched(child) && child->dir->self_told;
	return a->nlink <= 1 && folder->known && folder->attr.dev == a->dev;
}

/* The bound of that. */
static int64_t told_until(const struct node *folder, const struct attr *a, const struct node *child)
{
	int64_t until = folder->dir->told_until_ms;

	if (S_ISDIR(a->mode) && child->dir->told_until_ms < until)
		until = child->dir->told_until_ms;
	return until;
}

/* When the far end last spoke of it. */
static int64_t heard_ms(const struct listing *l, const struct item *item)
{
	uint32_t now = item_now(), age = UINT32_MAX;

	if (item->told_at)
		age = now - item->told_at;
	if (item->own_at && now - item->own_at < age)
		age = now - item->own_at;
	return clock_now_ms() - age > l->read_ms ? clock_now_ms() - age : l->read_ms;
}

int64_t dir_item_until(struct node *n, const struct item *item, const struct node *child)
{
	struct dir *d = n->dir;

	if (item->stale || item->doubt || !d->now)
		return 0;
	if (!dir_watched(n))
		return d->until_ms;
	if (all_told(n, &item->attr, child))
		return told_until(n, &item->attr, child);
	return heard_ms(d->now, item) + BOX_TTL_MS;
}

int64_t dir_attr_until(const struct node *n)
{
	const struct node *folder = n->parent;
	const struct item *item;

	if (n->gone || !n->known)
		return 0;
	if (!is_inside(folder)) /* fs/ itself */
		return dir_watched(n) && n->dir->self_told ? n->dir->told_until_ms : 0;
	if (!dir_watched(folder) || !all_told(folder, &n->attr, n))
		return 0;
	item = folder->dir->now ? listing_find(folder->dir->now, n->name) : NULL;
	if (!item || item->stale || item->doubt || !attr_same(&item->attr, &n->attr))
		return 0;
	return told_until(folder, &n->attr, n);
}

/* --- asking for it ------------------------------------------------------------ */

struct listing *dir_now(struct node *n)
{
	struct dir *d = n->dir;

	if (!d || !d->now)
		return NULL;
	if (clock_now_ms() < d->until_ms && (d->watch || d->epoch == n->box->epoch))
		return d->now;
	let_go(n->box->fs, d);
	return NULL;
}

struct listing *dir_fresh(struct node *n)
{
	struct listing *l = dir_now(n);

	/* A name in doubt may be one that a run has just taken away: its end is a promise. */
	return l && !l->doubts && clock_now_ms() < n->dir->fresh_until_ms ? l : NULL;
}

bool dir_fetching(const struct node *n)
{
	return n->dir && n->dir->fetch;
}

bool dir_listable(const struct node *n)
{
	return !n->dir || clock_now_ms() >= n->dir->unlistable_until_ms;
}

void dir_believe(struct node *n, const struct listing *l)
{
	int64_t until_ms = clock_now_ms() + DIR_FRESH_MAX_MS;

	if (n->dir && n->dir->now == l && n->dir->fresh_until_ms < until_ms)
		n->dir->fresh_until_ms = until_ms;
}

int dir_find(struct node *n, const char *name, struct item **ret)
{
	struct listing *l = dir_now(n);

	if (!l)
		return -EAGAIN;
	*ret = listing_any(l, name);
	if (*ret && (*ret)->doubt)
		return -EAGAIN;
	if (*ret && !(*ret)->dead)
		return 1;
	return clock_now_ms() < n->dir->fresh_until_ms ? 0 : -EAGAIN;
}

/* --- the kernel's copy ---------------------------------------------------- */

unsigned dir_pages_open(struct node *n, const struct listing *l, bool *ret_keep)
{
	struct dir *d = n->dir;
	int64_t now_ms = clock_now_ms();

	*ret_keep = false;
	if (!d || d->now != l || !dir_watched(n))
		return 0;
	*ret_keep = d->pages == d->changes && (!d->pages_ms || now_ms < d->pages_ms);
	return d->changes;
}

void dir_pages(struct node *n, const struct listing *l, unsigned of, bool first, bool brief)
{
	struct dir *d = n->dir;

	if (!d || !of)
		return;
	/* It goes into the copy, whoever opened the folder last. */
	if (d->now != l || d->changes != of) {
		d->pages = 0;
	} else if (first && d->pages != of) {
		d->pages = of; /* who reads has opened it: the older copy is gone */
		d->pages_ms = 0;
	}
	if (brief && !d->pages_ms)
		d->pages_ms = deadline_after(DIR_BRIEF_MS);
}

bool dir_worth_listing(struct node *n)
{
	struct dir *d = dir_of(n);

	if (clock_now_ms() < d->unlistable_until_ms)
		return false;
	return d->fetch || d->last_count <= LISTED_CHEAP * ++d->misses;
}

/* Keeps it if there is room; drops the listings of other folders, any of them, to make it. */
static void keep(
	struct fs *fs, struct node *folder, struct listing *l, unsigned epoch, int64_t took_ms)
{
	struct dir *d = dir_of(folder);
	int64_t fresh_ms = 5 * took_ms;
	struct node *n, *next;

	let_go(fs, d);
	HASH_ITER(by_id, fs->nodes.by_id, n, next)
	{
		if (fs->listed_items + l->count <= LISTED_ITEMS_MAX)
			break;
		if (n->dir && n != folder)
			let_go(fs, n->dir);
	}
	if (l->count > LISTED_ITEMS_MAX)
		return;
	listing_ref(l);
	fs->listed_items += l->count;
	changed(d);
	d->now = l;
	d->epoch = epoch;
	if (fresh_ms < DIR_FRESH_MIN_MS)
		fresh_ms = DIR_FRESH_MIN_MS;
	if (fresh_ms > DIR_FRESH_MAX_MS)
		fresh_ms = DIR_FRESH_MAX_MS;
	d->until_ms = dir_watched(folder) ? d->told_until_ms : clock_now_ms() + BOX_TTL_MS;
	d->fresh_until_ms = dir_watched(folder) ? d->until_ms : clock_now_ms() + fresh_ms;
}

bool dir_wait(struct node *folder, struct op *op, struct fetch **ret)
{
	struct dir *d = dir_of(folder);
	struct fetch *f = d->fetch;
	bool fresh = !f || f->epoch != folder->box->epoch;

	if (fresh) {
		f = xcalloc(1, sizeof(*f));
		f->fs = folder->box->fs;
		f->folder = folder;
		f->epoch = folder->box->epoch;
		f->since_ms = clock_now_ms();
		node_ref(folder);
		d->fetch = f;
	}
	DL_APPEND(f->waiters, op);
	*ret = f;
	return fresh;
}

/* fs->lock held. The waiters, who are now the caller's. */
static struct op *settle(struct fetch *f, struct listing *l, int rc, uint64_t watch)
{
	struct dir *d = dir_of(f->folder);
	struct op *waiters = f->waiters, *op;

	if (l && !f->folder->gone)
		watched(f->folder, watch);
	else if (watch && !dir_by_watch(f->folder->box, watch))
		unwatch_later(f->folder->box, watch);
	if (l) {
		d->last_count = l->count;
		d->misses = 0;
	} else if (rc == -EACCES || rc == -EPERM || rc == -EMSGSIZE || rc == -ENOSYS ||
		   rc == -ENOMEM) {
		d->unlistable_until_ms = clock_now_ms() + UNLISTABLE_MS;
	}
	if (l && d->fetch == f && f->epoch == f->folder->box->epoch)
		keep(f->fs, f->folder, l, f->epoch, clock_now_ms() - f->since_ms);
	if (d->fetch == f)
		d->fetch = NULL;
	DL_FOREACH(waiters, op)
	{
		op->where = l; /* for those who wait: also when it is not kept */
		if (l)
			listing_ref(l);
	}
	node_unref(f->fs, f->folder);
	return waiters;
}

static void listed(struct op *op, struct remote_reply *reply)
{
	struct fetch *f = op->where;
	struct fs *fs = f->fs;
	struct listing *l = reply->rc == 0 ? listing_of(reply, &fs->listed) : NULL;
	int rc = reply->rc == 0 && !l ? -ENOMEM : reply->rc;
	struct op *waiters;

	pthread_mutex_lock(&fs->lock);
	waiters = settle(f, l, rc, reply->watch);
	listing_unref(l);
	pthread_mutex_unlock(&fs->lock);
	free(f);
	op_unref(op);
	op_resume_all(waiters, rc);
}

static void fetch_now(struct op *op, int rc)
{
	struct remote_reply reply = { 0 };
	struct remote_request rq = { .op = OP_LIST, .watch = true };
	auto_buf path = BUF_INIT(1);
	struct fetch *f = op->where;
	struct fs *fs = f->fs;

	pthread_mutex_lock(&fs->lock);
	reply.rc = node_path(f->folder, &path);
	pthread_mutex_unlock(&fs->lock);
	if (reply.rc < 0) {
		listed(f->op, &reply);
		return;
	}
	rq.path = buf_text(&path);
	rq.budget = &fs->listed;
	op_send(f->op, &rq, listed);
}

void dir_fetch(struct fs *fs, struct fetch *f)
{
	atomic_fetch_add(&fs->count.lists, 1);
	f->op = op_new(fs, NULL, "list", f->folder->id, NULL);
	f->op->where = f;
	pthread_mutex_lock(&fs->lock);
	if (making_wait_unlock(f->op, f->folder, fetch_now))
		return;
	pthread_mutex_unlock(&fs->lock);
	fetch_now(f->op, 0);
}

void dir_touch(struct node *n)
{
	n->touches++;
	if (n->dir)
		n->dir->fetch = NULL; /* those who wait for it are answered; nobody joins them */
}

/* Was it told of lately, and perhaps while the answer was on its way? */
static bool crossed(const struct item *item, uint32_t since)
{
	return item_lately(item->told_at) && (int32_t)(item->telling - since) > 0;
}

/* An answer about an item that a change was told of lately: which of the two is the newer? */
static void weigh(struct listing *l, struct item *item, struct attr *a)
{
	bool same = attr_same(&item->attr, a);
	bool file = item->attr.ino == a->ino && item->attr.dev == a->dev;

	if (file && !item->dead && attr_older(a, &item->attr))
		*a = item->attr;
	item->stale = file && !same && !attr_older(&item->attr, a) && !attr_older(a, &item->attr);
	listing_doubt(l, item, !file || item->dead);
	item->attr = *a;
}

struct item *dir_add(struct node *n, const char *name, const struct attr *a)
{
	struct item *item = item_new(name, a);

	changed(n->dir);
	listing_put(n->dir->now, item);
	n->box->fs->listed_items++;
	return item;
}

bool dir_full(const struct fs *fs)
{
	return fs->listed_items >= LISTED_ITEMS_MAX;
}

void dir_entry(struct node *n, const struct item *item, const struct attr *a)
{
	if (item->dead || item->attr.ino != a->ino || item->attr.dev != a->dev ||
		(item->attr.mode & S_IFMT) != (a->mode & S_IFMT))
		changed(n->dir);
}

void dir_dies(struct node *n, struct item *item)
{
	item->dead = true;
	changed(n->dir);
}

void dir_put(struct node *n, const char *name, struct attr *a, uint32_t since)
{
	struct listing *l;
	struct item *item;

	dir_touch(n);
	l = dir_now(n);
	if (!l)
		return;
	item = listing_any(l, name);
	if (item)
		dir_entry(n, item, a);
	if (!item) {
		item = dir_add(n, name, a);
	} else if (crossed(item, since)) {
		weigh(l, item, a);
	} else {
		item->attr = *a;
		item->stale = false;
		listing_doubt(l, item, false);
	}
	item->dead = false;
	item->own_at = item_now();
}

void dir_drop(struct node *n, const char *name, uint32_t since)
{
	struct listing *l;
	struct item *item;

	dir_touch(n);
	l = dir_now(n);
	item = l ? listing_find(l, name) : NULL;
	if (!item)
		return;
	dir_dies(n, item);
	item->own_at = item_now();
	listing_doubt(l, item, crossed(item, since));
}

void dir_doubt(struct node *n, const char *name)
{
	struct listing *l;
	struct item *item;

	dir_touch(n);
	l = dir_now(n);
	item = l ? listing_find(l, name) : NULL;
	if (item)
		item->stale = true;
}

void dir_new(struct node *n, int64_t took_ms)
{
	struct listing *l = xcalloc(1, sizeof(*l));

	l->refs = 1;
	l->read_ms = clock_now_ms();
	keep(n->box->fs, n, l, n->box->epoch, took_ms);
	listing_unref(l);
}

void dir_invalidate(struct fs *fs, struct node *n)
{
	dir_touch(n);
	if (n->dir)
		let_go(fs, n->dir);
}

void dir_forget(struct fs *fs, struct node *n)
{
	if (!n->dir)
		return;
	let_go(fs, n->dir);
	if (n->dir->watch)
		unwatch_later(n->box, n->dir->watch);
	dir_unwatched(n);
}

void dir_free(struct dir *d)
{
	if (d)
		listing_unref(d->now);
	free(d);
}
