/* Names in a folder of the sandbox: looking one up, reading them all. */
#include "common/base/clock.h"
#include "common/base/path.h"
#include "fs/ahead.h"
#include "fs/box.h"
#include "fs/dircache.h"
#include "fs/handle.h"
#include "fs/learn.h"
#include "fs/making.h"
#include "fs/ops.h"

/* The node of an entry counts as looked up: it lives. */
static void reply_shown(struct op *op, const struct fuse_entry_param *e)
{
	struct node *n;

	pthread_mutex_lock(&op->fs->lock);
	n = node_get(&op->fs->nodes, e->ino);
	pthread_mutex_unlock(&op->fs->lock);
	op_reply_entry(op, n, e);
}

static void reply_found(struct op *op, const struct attr *a)
{
	struct fs *fs = op->fs;
	struct fuse_entry_param e;
	struct node *n;

	pthread_mutex_lock(&fs->lock);
	n = learn_child(fs, op->node, op->name, a, op->tellings);
	learn_show_entry(fs, n, false, &e);
	pthread_mutex_unlock(&fs->lock);
	op_reply_entry(op, n, &e);
}

static void looked_up(struct op *op, struct remote_reply *reply)
{
	if (reply->rc == 0 && reply->has_attr) {
		reply_found(op, &reply->attr);
		return;
	}
	if (reply->rc == -ENOENT) {
		scoped_lock(&op->fs->lock);
		learn_absent(op->fs, op->node, op->name, op->tellings);
	}
	op_reply_err(op, reply->rc < 0 ? reply->rc : -EIO);
}

/* Asks for this one name. */
static void lookup_single(struct op *op)
{
	struct remote_request rq = { .op = OP_STAT };
	auto_buf path = BUF_INIT(1);
	int rc;

	pthread_mutex_lock(&op->fs->lock);
	rc = op_path(op, true, &path);
	pthread_mutex_unlock(&op->fs->lock);
	if (rc < 0) {
		op_reply_err(op, rc);
		return;
	}
	rq.path = buf_text(&path);
	op_send(op, &rq, looked_up);
}

/* Not being able to list says nothing about the name. */
static bool may_ask_singly(int rc)
{
	return rc == -EACCES || rc == -EPERM || rc == -EMSGSIZE || rc == -ENOSYS || rc == -EIO ||
	       rc == -ENOMEM;
}

/*
 * fs->lock held. An item of a listing that may not be the one that is kept: not wanted any more, or
 * older. Then the kept one knows better, and the kernel is to ask again soon.
 */
static void show_listed(
	struct op *op, struct listing *l, struct item *item, struct fuse_entry_param *ret)
{
	struct listing *kept = dir_now(op->node);
	struct item *newer = kept == l || !kept ? NULL : listing_find(kept, item->name);
	struct fs *fs = op->fs;
	struct node *n;

	if (kept == l || newer) {
		learn_show_item(fs, op->node, newer ? newer : item, ret);
		return;
	}
	n = learn_item(fs, op->node, item->name, &item->attr);
	if (item->stale || kept)
		node_doubt(n);
	learn_show_entry(fs, n, item->stale || kept, ret);
	if (ret->entry_timeout > KERNEL_TTL_S)
		ret->entry_timeout = KERNEL_TTL_S;
}

/* Only this one name of a folder that is known otherwise. */
static bool in_doubt(const struct op *op, const struct item *item)
{
	return item && item->doubt;
}

static void lookup_listed(struct op *op, int rc)
{
	struct listing *l = op->where;
	struct fuse_entry_param e;
	struct fs *fs = op->fs;
	struct batch batch = { 0 };
	struct item *item;

	if (!l) {
		if (may_ask_singly(rc))
			lookup_single(op);
		else
			op_reply_err(op, rc);
		return;
	}
	pthread_mutex_lock(&op->fs->lock);
	ahead_listed(op->node, &batch);
	item = listing_find(l, op->name);
	if (item)
		show_listed(op, l, item, &e);
	listing_unref(l);
	op->where = NULL;
	pthread_mutex_unlock(&op->fs->lock);
	if (item)
		reply_shown(op, &e);
	else
		op_reply_err(op, -ENOENT);
	batch_send(fs, &batch);
}

static void lookup_made(struct op *op, int rc)
{
	inside_lookup(op);
}

void inside_lookup(struct op *op)
{
	struct fs *fs = op->fs;
	struct item *item = NULL;
	struct fetch *fetch = NULL;
	struct fuse_entry_param e;
	struct batch batch = { 0 };
	bool fresh = false;
	int rc;

	if (strlen(op->name) > NAME_BYTES_MAX) {
		op_reply_err(op, -ENAMETOOLONG);
		return;
	}
	pthread_mutex_lock(&fs->lock);
	if (making_is(fs, op->node, op->name) && making_wait_unlock(op, op->node, lookup_made))
		return;
	rc = op->node->gone ? -ESTALE : dir_find(op->node, op->name, &item);
	if (rc == 1)
		learn_show_item(fs, op->node, item, &e);
	if (rc == -EAGAIN && !in_doubt(op, item) && dir_worth_listing(op->node)) {
		op->step = lookup_listed;
		op_ref(op);
		fresh = dir_wait(op->node, op, &fetch);
	}
	ahead_into(op->node, fresh, &batch);
	pthread_mutex_unlock(&fs->lock);
	if (fetch) {
		op_arm(op, false);
		op_unref(op);
		if (fresh)
			dir_fetch(fs, fetch);
	} else if (rc == -EAGAIN) {
		lookup_single(op);
	} else if (rc == 1) {
		reply_shown(op, &e);
	} else {
		op_reply_err(op, rc == 0 ? -ENOENT : rc);
	}
	batch_send(fs, &batch);
}

/* fs->lock held. Takes a reference of l. */
static void hand_over(struct op *op, struct handle *h, struct listing *l)
{
	listing_ref(l);
	listing_unref(h->listing);
	h->listing = l;
	h->listed = l->count;
	h->listed_ms = clock_now_ms();
	h->touches = op->node->touches;
}

static void opened(struct op *op, struct listing *l)
{
	struct fs *fs = op->fs;
	struct handle *h;
	bool keep;

	pthread_mutex_lock(&fs->lock);
	h = handle_new(op->node);
	hand_over(op, h, l);
	h->pages = dir_pages_open(op->node, l, &keep);
	pthread_mutex_unlock(&fs->lock);
	op->fi.fh = (uintptr_t)h;
	op->fi.cache_readdir = h->pages != 0;
	op->fi.keep_cache = keep;
	if (!op_reply_open(op))
		handle_unref_unlocked(fs, h);
}

static void open_listed(struct op *op, int rc)
{
	struct listing *l = op->where;
	struct fs *fs = op->fs;
	struct batch batch = { 0 };
	struct node *n;

	if (!l) {
		op_reply_err(op, rc < 0 ? rc : -EIO);
		return;
	}
	op->where = NULL;
	n = op->node;
	pthread_mutex_lock(&fs->lock);
	node_ref(n);
	pthread_mutex_unlock(&fs->lock);
	opened(op, l);
	pthread_mutex_lock(&fs->lock);
	listing_unref(l);
	ahead_opened(n);
	ahead_listed(n, &batch);
	node_unref(fs, n);
	pthread_mutex_unlock(&fs->lock);
	batch_send(fs, &batch);
}

/* The folder's listing, from memory or from the line: then step runs, op->where is the listing. */
static void with_listing(struct op *op, op_step *step)
{
	struct fs *fs = op->fs;
	struct fetch *fetch = NULL;
	struct batch batch = { 0 };
	struct listing *l;
	bool fresh = false;

	op->step = step;
	op_ref(op);
	pthread_mutex_lock(&fs->lock);
	l = dir_fresh(op->node);
	op->where = l;
	if (l)
		listing_ref(l);
	else
		fresh = dir_wait(op->node, op, &fetch);
	ahead_into(op->node, fresh, &batch);
	pthread_mutex_unlock(&fs->lock);
	op_arm(op, false);
	if (l)
		step(op, 0);
	else if (fresh)
		dir_fetch(fs, fetch);
	op_unref(op);
	batch_send(fs, &batch);
}

static void opendir_made(struct op *op, int rc)
{
	with_listing(op, open_listed);
}

void inside_opendir(struct op *op)
{
	pthread_mutex_lock(&op->fs->lock);
	if (making_wait_unlock(op, op->node, opendir_made))
		return;
	pthread_mutex_unlock(&op->fs->lock);
	opendir_made(op, 0);
}

/* --- reading ------------------------------------------------------------ */

struct filling {
	struct op *op;
	bool plus;
	bool brief; /* the kernel asks for some of it soon again */
	char *bytes;
	size_t used;
};

/* fs->lock held. False: no room. */
static bool add(
	struct filling *f, const char *name, const struct fuse_entry_param *e, uint64_t next)
{
	size_t room = f->op->size - f->used, n;

	if (f->plus)
		n = fuse_add_direntry_plus(
			f->op->req, f->bytes + f->used, room, name, e, (off_t)next);
	else
		n = fuse_add_direntry(
			f->op->req, f->bytes + f->used, room, name, &e->attr, (off_t)next);
	if (n > room)
		return false;
	f->used += n;
	return true;
}

static bool add_dots(struct filling *f, uint64_t at)
{
	struct fuse_entry_param e = { .attr.st_mode = S_IFDIR, .attr.st_ino = 1 };

	return add(f, at == 0 ? "." : "..", &e, at + 1);
}

/* fs->lock held. Does the entry, and undoes its lookup if there is no room or nobody counts it. */
static bool add_looked_up(
	struct filling *f, const char *name, const struct fuse_entry_param *e, uint64_t next)
{
	bool fits = add(f, name, e, next);

	if (!fits || !f->plus)
		node_forget(f->op->fs, node_get(&f->op->fs->nodes, e->ino), 1);
	return fits;
}

static bool add_item(struct filling *f, struct item *item, uint64_t next)
{
	struct op *op = f->op;
	struct fuse_entry_param e = { 0 };

	if (!f->plus) {
		e.attr.st_ino = attr_ino(op->node->box, item->attr.dev, item->attr.ino);
		e.attr.st_mode = item->attr.mode;
		return add(f, item->name, &e, next);
	}
	show_listed(op, op->h->listing, item, &e);
	f->brief = f->brief || e.attr_timeout <= KERNEL_TTL_S;
	return add_looked_up(f, item->name, &e, next);
}

static void fill_inside(struct filling *f, struct listing *l)
{
	uint64_t at = f->op->offset;

	for (; at < 2; at++)
		if (!add_dots(f, at))
			return;
	for (; at - 2 < f->op->h->listed; at++) {
		struct item *item = l->items[at - 2];

		if (!item->dead && !add_item(f, item, at + 1))
			return;
	}
}

static void fill_listed(struct filling *f, struct handle *h)
{
	bool first = f->op->offset == 0;

	if (first)
		h->listed = h->listing->count;
	fill_inside(f, h->listing);
	dir_pages(h->node, h->listing, h->pages, first, f->brief);
}

static void fill_top(struct filling *f, struct handle *h)
{
	uint64_t at = f->op->offset;
	struct fuse_entry_param e;

	for (; at < 2; at++)
		if (!add_dots(f, at))
			return;
	for (; at - 2 < h->name_count; at++) {
		const char *name = h->names[at - 2];

		if (!top_entry(f->op->fs, f->op->node, name, &e))
			continue;
		if (!add_looked_up(f, name, &e, at + 1))
			return;
	}
}

static void fill_and_reply(struct op *op)
{
	struct filling f = { .op = op, .plus = op->flags, .bytes = xmalloc(op->size) };
	struct fs *fs = op->fs;

	/* claimed first: entries count as looked up, so the answer must go out */
	if (op_claim(op)) {
		pthread_mutex_lock(&fs->lock);
		if (op->h->listing)
			fill_listed(&f, op->h);
		else
			fill_top(&f, op->h);
		pthread_mutex_unlock(&fs->lock);
		op_said(op, 0, f.used);
		fuse_reply_buf(op->req, f.bytes, f.used);
	}
	free(f.bytes);
	op_unref(op);
}

static void reread(struct op *op, int rc)
{
	struct listing *l = op->where;
	struct fs *fs = op->fs;

	if (!l) {
		op_reply_err(op, rc < 0 ? rc : -EIO);
		return;
	}
	pthread_mutex_lock(&fs->lock);
	hand_over(op, op->h, l);
	listing_unref(l);
	op->where = NULL;
	pthread_mutex_unlock(&fs->lock);
	fill_and_reply(op);
}

/* What was made since the handle was opened is there when it is read from its beginning; as POSIX says of a
 * rewound one. */
static bool rewound(struct op *op)
{
	struct handle *h = op->h;

	scoped_lock(&op->fs->lock);
	return h->listing && op->offset == 0 && !op->node->gone &&
	       dir_now(op->node) != h->listing &&
	       (h->touches != op->node->touches || clock_now_ms() - h->listed_ms > BOX_TTL_MS);
}

void dir_read(struct op *op, bool plus)
{
	op->flags = plus;
	if (rewound(op))
		with_listing(op, reread);
	else
		fill_and_reply(op);
}
