/* Attributes of the sandbox's files, links' targets, and the space that is left. */
#include "common/base/clock.h"
#include "common/base/path.h"
#include "fs/box.h"
#include "fs/dircache.h"
#include "fs/handle.h"
#include "fs/learn.h"
#include "fs/link.h"
#include "fs/making.h"
#include "fs/ops.h"
#include "fs/writer.h"

#include <limits.h>

#define STATFS_TTL_MS 30000

static bool is_top(const struct node *n)
{
	return n->parent && n->parent->kind != NODE_INSIDE;
}

void inside_show(struct op *op)
{
	struct stat st;
	double ttl_s;

	pthread_mutex_lock(&op->fs->lock);
	ttl_s = learn_show_attr(op->node, &st);
	if (writer_dirty(op->node)) /* an estimate */
		ttl_s = 0;
	if (is_top(op->node)) /* as it was before its attributes were known */
		st.st_ino = attr_ino(op->box, 0, 2);
	pthread_mutex_unlock(&op->fs->lock);
	op_reply_attr(op, &st, ttl_s);
}

/* fs/ itself is there also when nothing in it can be reached: ls of the sandbox's folder works. */
static void show_unreachable(struct op *op)
{
	struct stat st = {
		.st_ino = attr_ino(op->box, 0, 2),
		.st_mode = S_IFDIR | 0755,
		.st_nlink = 2,
		.st_blksize = 4096,
	};

	op_reply_attr(op, &st, 0);
}

static void fail(struct op *op, int rc)
{
	if (is_top(op->node) && rc != -ESTALE)
		show_unreachable(op);
	else
		op_reply_err(op, rc);
}

static void ask(struct op *op, int drained);

static void asked(struct op *op, struct remote_reply *reply)
{
	struct fs *fs = op->fs;
	int rc = reply->rc;

	if (rc == -ESTALE && op->h && !op->by_path) { /* a handle from before the line was lost */
		op->by_path = true;
		ask(op, 0);
		return;
	}
	if (rc == 0 && !reply->has_attr)
		rc = -EBADMSG;
	pthread_mutex_lock(&fs->lock);
	if (rc == -ENOENT && !op->node->gone && !is_top(op->node))
		learn_absent(fs, op->node->parent, op->node->name, op->tellings);
	if (rc == 0)
		rc = learn_or_detach(fs, op->node, &reply->attr);
	if (rc == 0)
		writer_settle(op->node, op->epoch);
	pthread_mutex_unlock(&fs->lock);
	if (rc == -ENOENT && op->by_path)
		rc = -ESTALE; /* a read by this handle may say it */
	if (rc < 0)
		fail(op, rc);
	else
		inside_show(op);
}

/* Over an open handle if there is one: that is right also when the name is gone. */
static void ask(struct op *op, int drained)
{
	struct remote_request rq = { .op = OP_STAT };
	auto_buf path = BUF_INIT(1);
	struct handle *h;
	bool gone;
	int rc = 0;

	pthread_mutex_lock(&op->fs->lock);
	op->epoch = writer_generation(op->node);
	h = op->h && op->h->remote_open ? op->h : handle_any(op->node);
	if (h && !op->h) {
		op->h = h; /* stays open until the answer */
		handle_ref(h);
	}
	if (h && h == op->h && !op->by_path) {
		rq.op = OP_FSTAT;
		rq.handle = h->remote;
	} else {
		rc = node_path(op->node, &path);
		rq.path = buf_text(&path);
	}
	gone = rc == -ESTALE && op->h && op->h->local && op->node->known;
	pthread_mutex_unlock(&op->fs->lock);
	if (gone) /* open here alone, and its name has gone: what is known is all */
		inside_show(op);
	else if (rc < 0)
		op_reply_err(op, rc);
	else
		op_send(op, &rq, asked);
}

/* Behind what is pending, without waiting for it. */
static void asked_behind(struct parcel *p, struct remote_reply *reply)
{
	p->op->epoch = p->generation;
	if (reply->rc == 0) {
		scoped_lock(&p->op->fs->lock);
		making_over(p->op->node);
	}
	if (reply->rc == -EBADF && p->h->open_rc < 0)
		reply->rc = p->h->open_rc;
	asked(p->op, reply);
}

static void listed(struct op *op, int rc)
{
	struct listing *l = op->where;
	struct fs *fs = op->fs;
	struct item *item = NULL;
	bool known = false;

	pthread_mutex_lock(&fs->lock);
	if (l)
		item = listing_find(l, op->node->name);
	if (item && !item->stale && !op->node->gone)
		known = node_learn(op->node, &item->attr, clock_now_ms() + BOX_TTL_MS);
	listing_unref(l);
	op->where = NULL;
	pthread_mutex_unlock(&fs->lock);
	if (known)
		inside_show(op);
	else if (!l && (rc == -ETIMEDOUT || rc == -ENOTCONN))
		op_reply_err(op, rc);
	else
		ask(op, 0);
}

/* fs->lock held. From memory? */
static bool remembered(struct node *n)
{
	struct item *item;
	int64_t until_ms;

	if (!n->known || (n->writer && n->writer->dirty))
		return false;
	if (clock_now_ms() < n->until_ms)
		return true;
	if (n->gone || is_top(n) || dir_find(n->parent, n->name, &item) != 1)
		return false;
	until_ms = dir_item_until(n->parent, item, n);
	return clock_now_ms() < until_ms && node_learn(n, &item->attr, until_ms);
}

/*
 * fs->lock held. Neighbours were looked at, too: then one listing is cheaper. Not for what was
 * written: only attributes of its own end a writer's estimate. Nor for what this mount alone has made
 * doubtful: of the neighbours nothing is.
 */
static bool wants_listing(struct node *n)
{
	struct item *item;

	if (!n->gone && !is_top(n) && dir_watched(n->parent) &&
		dir_find(n->parent, n->name, &item) == 1 && item->stale)
		return false;
	return !n->gone && !is_top(n) && !n->handles && !writer_dirty(n) && n->parent->dir &&
	       dir_worth_listing(n->parent);
}

static void answer_came(struct op *op, int rc)
{
	bool known;

	pthread_mutex_lock(&op->fs->lock);
	known = remembered(op->node);
	pthread_mutex_unlock(&op->fs->lock);
	if (known)
		inside_show(op);
	else
		ask(op, 0);
}

/* fs->lock held; let go when true: the attributes are on their way, as a flush has asked for them. */
static bool wait_for_answer(struct op *op)
{
	op->step = answer_came;
	if (!writer_drain_all(op->node, op))
		return false;
	op_ref(op);
	pthread_mutex_unlock(&op->fs->lock);
	op_arm(op, false);
	op_unref(op);
	return true;
}

void inside_getattr(struct op *op)
{
	struct fs *fs = op->fs;
	struct node *n = op->node;
	struct fetch *fetch = NULL;
	bool known, fresh = false;

	pthread_mutex_lock(&fs->lock);
	if (writer_pending(n)) {
		op_ref(op);
		writer_ask(n, NULL, OP_FSTAT, asked_behind)->op = op;
		pthread_mutex_unlock(&fs->lock);
		op_arm(op, false);
		writer_push(fs, n, true);
		op_unref(op);
		return;
	}
	if (writer_dirty(n) && writer_asked(n) && wait_for_answer(op))
		return;
	known = remembered(n);
	if (!known && wants_listing(n)) {
		op->step = listed;
		op_ref(op);
		fresh = dir_wait(n->parent, op, &fetch);
	}
	pthread_mutex_unlock(&fs->lock);
	if (known) {
		inside_show(op);
	} else if (!fetch) {
		ask(op, 0);
	} else {
		op_arm(op, false);
		op_unref(op);
		if (fresh)
			dir_fetch(fs, fetch);
	}
}

/* --- readlink, statfs ----------------------------------------------------- */

static void link_read(struct op *op, struct remote_reply *reply)
{
	auto_buf dir = BUF_INIT(1), shown = BUF_INIT(PATH_MAX);
	int rc = reply->rc;

	if (rc == 0 && !reply->data)
		rc = -EBADMSG;
	if (rc == 0 && !op->fs->opt->raw_symlinks) {
		pthread_mutex_lock(&op->fs->lock);
		rc = op->node->gone ? -ESTALE : node_path(op->node->parent, &dir);
		pthread_mutex_unlock(&op->fs->lock);
		if (rc == 0)
			rc = link_contain(buf_text(&dir), reply->data, &shown);
	} else if (rc == 0) {
		buf_str(&shown, reply->data);
	}
	if (rc < 0)
		op_reply_err(op, rc);
	else
		op_reply_readlink(op, buf_text(&shown));
}

void inside_ask_path(struct op *op, enum remote_op what, op_done *done)
{
	struct remote_request rq = { .op = what };
	auto_buf path = BUF_INIT(1);
	int rc;

	pthread_mutex_lock(&op->fs->lock);
	rc = node_path(op->node, &path);
	pthread_mutex_unlock(&op->fs->lock);
	rq.path = buf_text(&path);
	if (rc < 0)
		op_reply_err(op, rc);
	else
		op_send(op, &rq, done);
}

void inside_readlink(struct op *op)
{
	inside_ask_path(op, OP_READLINK, link_read);
}

static void space_known(struct op *op, struct remote_reply *reply)
{
	const uint64_t *v = reply->statfs;
	struct statvfs st = {
		.f_bsize = v[0],
		.f_frsize = v[0],
		.f_blocks = v[1],
		.f_bfree = v[2],
		.f_bavail = v[3],
		.f_files = v[4],
		.f_ffree = v[5],
		.f_namemax = NAME_BYTES_MAX,
	};

	if (reply->rc < 0) { /* df of all mounts must not fail for one sandbox */
		st = (struct statvfs){ .f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255 };
	} else {
		scoped_lock(&op->fs->lock);
		op->box->statfs = st;
		op->box->statfs_ms = clock_now_ms();
	}
	op_reply_statfs(op, &st);
}

void inside_statfs(struct op *op)
{
	struct statvfs st;
	bool known;

	pthread_mutex_lock(&op->fs->lock);
	st = op->box->statfs;
	known = op->box->statfs_ms && clock_now_ms() - op->box->statfs_ms < STATFS_TTL_MS;
	pthread_mutex_unlock(&op->fs->lock);
	if (known)
		op_reply_statfs(op, &st);
	else
		inside_ask_path(op, OP_STATFS, space_known);
}
