#include "fs/dircache.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "fs/box.h"
#include "fs/fs.h"
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

static struct item *item_new(const char *name, const struct attr *a)
{
	size_t n = strlen(name) + 1;
	struct item *item = xcalloc(1, sizeof(*item) + n);

	item->attr = *a;
	memcpy(item->name, name, n);
	return item;
}

static void append(struct listing *l, struct item *item)
{
	if (l->count == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 32;
		l->items = xrealloc(l->items, l->cap * sizeof(*l->items));
	}
	l->items[l->count++] = item;
	HASH_ADD_STR(l->by_name, name, item);
}

struct listing *listing_of(struct remote_reply *reply)
{
	struct listing *l = xcalloc(1, sizeof(*l));

	l->refs = 1;
	l->cap = reply->entry_count;
	l->items = xcalloc(l->cap ? l->cap : 1, sizeof(*l->items));
	for (size_t i = 0; i < reply->entry_count; i++)
		if (!listing_find(l, reply->entries[i].name)) /* a hostile far end repeats itself */
			append(l, item_new(reply->entries[i].name, &reply->entries[i].attr));
	return l;
}

void listing_ref(struct listing *l)
{
	l->refs++;
}

void listing_unref(struct listing *l)
{
	if (!l || --l->refs > 0)
		return;
	HASH_CLEAR(hh, l->by_name);
	for (size_t i = 0; i < l->count; i++)
		free(l->items[i]);
	free(l->items);
	free(l);
}

struct item *listing_find(const struct listing *l, const char *name)
{
	struct item *item;

	HASH_FIND_STR(l->by_name, name, item);
	return item;
}

static struct dir *dir_of(struct node *n)
{
	if (!n->dir)
		n->dir = xcalloc(1, sizeof(*n->dir));
	return n->dir;
}

static void let_go(struct fs *fs, struct dir *d)
{
	if (!d->now)
		return;
	fs->listed_items -= d->now->count < fs->listed_items ? d->now->count : fs->listed_items;
	listing_unref(d->now);
	d->now = NULL;
}

struct listing *dir_now(struct node *n)
{
	struct dir *d = n->dir;

	if (!d || !d->now)
		return NULL;
	if (clock_now_ms() < d->until_ms && d->epoch == n->box->epoch)
		return d->now;
	let_go(n->box->fs, d);
	return NULL;
}

struct listing *dir_fresh(struct node *n)
{
	struct listing *l = dir_now(n);

	return l && clock_now_ms() < n->dir->fresh_until_ms ? l : NULL;
}

int dir_find(struct node *n, const char *name, struct item **ret)
{
	struct listing *l = dir_now(n);

	if (!l)
		return -EAGAIN;
	*ret = listing_find(l, name);
	if (*ret)
		return 1;
	return clock_now_ms() < n->dir->fresh_until_ms ? 0 : -EAGAIN;
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
	d->now = l;
	d->epoch = epoch;
	if (fresh_ms < DIR_FRESH_MIN_MS)
		fresh_ms = DIR_FRESH_MIN_MS;
	if (fresh_ms > DIR_FRESH_MAX_MS)
		fresh_ms = DIR_FRESH_MAX_MS;
	d->until_ms = clock_now_ms() + BOX_TTL_MS;
	d->fresh_until_ms = clock_now_ms() + fresh_ms;
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
static struct op *settle(struct fetch *f, struct listing *l, int rc)
{
	struct dir *d = dir_of(f->folder);
	struct op *waiters = f->waiters, *op;

	if (l) {
		d->last_count = l->count;
		d->misses = 0;
	} else if (rc == -EACCES || rc == -EPERM || rc == -EMSGSIZE || rc == -ENOSYS) {
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
	struct listing *l = reply->rc == 0 ? listing_of(reply) : NULL;
	struct op *waiters;

	pthread_mutex_lock(&fs->lock);
	waiters = settle(f, l, reply->rc);
	listing_unref(l);
	pthread_mutex_unlock(&fs->lock);
	free(f);
	op_unref(op);
	op_resume_all(waiters, reply->rc);
}

void dir_fetch(struct fs *fs, struct fetch *f)
{
	struct remote_reply reply = { 0 };
	struct remote_request rq = { .op = OP_LIST };
	auto_buf path = BUF_INIT(1);

	atomic_fetch_add(&fs->count.lists, 1);
	f->op = op_new(fs, NULL, "list", f->folder->id, NULL);
	f->op->where = f;
	pthread_mutex_lock(&fs->lock);
	reply.rc = node_path(f->folder, &path);
	pthread_mutex_unlock(&fs->lock);
	if (reply.rc < 0) {
		listed(f->op, &reply);
		return;
	}
	rq.path = buf_text(&path);
	op_send(f->op, &rq, listed);
}

void dir_touch(struct node *n)
{
	if (n->dir)
		n->dir->fetch = NULL; /* those who wait for it are answered; nobody joins them */
}

void dir_put(struct node *n, const char *name, const struct attr *a)
{
	struct listing *l;
	struct item *item;

	dir_touch(n);
	l = dir_now(n);
	if (!l)
		return;
	item = listing_find(l, name);
	if (item) {
		item->attr = *a;
		item->stale = false;
		return;
	}
	append(l, item_new(name, a));
	n->box->fs->listed_items++;
}

void dir_drop(struct node *n, const char *name)
{
	struct listing *l;
	struct item *item;

	dir_touch(n);
	l = dir_now(n);
	item = l ? listing_find(l, name) : NULL;
	if (!item)
		return;
	item->dead = true;
	HASH_DEL(l->by_name, item);
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
	if (n->dir)
		let_go(fs, n->dir);
}

void dir_free(struct dir *d)
{
	if (d)
		listing_unref(d->now);
	free(d);
}
