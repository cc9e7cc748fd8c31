/* Attributes of the sandbox's files, links' targets, and the space that is left. */
#include "common/base/clock.h"
#include "common/base/path.h"
#include "fs/box.h"
#include "fs/dircache.h"
#include "fs/handle.h"
#include "fs/learn.h"
#include "fs/link.h"
#include "fs/ops.h"
#include "fs/writer.h"

#include <limits.h>

#define STATFS_TTL_MS 1000

static bool is_top(const struct node *n)
{
	return n->parent && n->parent->kind != NODE_INSIDE;
}

static void show(struct op *op)
{
	struct stat st;
	double ttl_s;

	pthread_mutex_lock(&op->fs->lock);
	ttl_s = learn_show_attr(op->node, &st);
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
		learn_absent(fs, op->node->parent, op->node->name);
	if (rc == 0 && !learn_attr(fs, op->node, &reply->attr)) {
		node_detach(&fs->nodes, op->node); /* another file has the name now */
		rc = -ESTALE;
	}
	if (rc == 0)
		writer_settle(op->node, op->epoch);
	pthread_mutex_unlock(&fs->lock);
	if (rc < 0)
		fail(op, rc);
	else
		show(op);
}

/* Over an open handle if there is one: that is right also when the name is gone. */
static void ask(struct op *op, int drained)
{
	struct remote_request rq = { .op = OP_STAT };
	auto_buf path = BUF_INIT(1);
	struct handle *h;
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
	pthread_mutex_unlock(&op->fs->lock);
	if (rc < 0)
		op_reply_err(op, rc);
	else
		op_send(op, &rq, asked);
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
		show(op);
	else if (!l && (rc == -ETIMEDOUT || rc == -ENOTCONN))
		op_reply_err(op, rc);
	else
		ask(op, 0);
}

/* fs->lock held. From memory? */
static bool remembered(struct node *n)
{
	struct item *item;

	if (!n->known || (n->writer && n->writer->dirty))
		return false;
	if (clock_now_ms() < n->until_ms)
		return true;
	if (n->gone || is_top(n) || dir_find(n->parent, n->name, &item) != 1 || item->stale)
		return false;
	return node_learn(n, &item->attr, n->parent->dir->until_ms);
}

/*
 * fs->lock held. Neighbours were looked at, too: then one listing is cheaper. Not for what was
 * written: only attributes of its own end a writer's estimate.
 */
static bool wants_listing(struct node *n)
{
	return !n->gone && !is_top(n) && !n->handles && !writer_dirty(n) && n->parent->dir &&
	       dir_worth_listing(n->parent);
}

void inside_getattr(struct op *op)
{
	struct fs *fs = op->fs;
	struct node *n = op->node;
	struct fetch *fetch = NULL;
	bool known, fresh = false;

	pthread_mutex_lock(&fs->lock);
	if (writer_pending(n)) {
		if (!op_drain_unlock(op, n, ask))
			ask(op, 0);
		return;
	}
	known = remembered(n);
	if (!known && wants_listing(n)) {
		op->step = listed;
		op_ref(op);
		fresh = dir_wait(n->parent, op, &fetch);
	}
	pthread_mutex_unlock(&fs->lock);
	if (known) {
		show(op);
	} else if (!fetch) {
		ask(op, 0);
	} else {
		op_arm(op, false);
		op_unref(op);
		if (fresh)
			dir_fetch(fs, fetch);
	}
}

/* --- setattr ------------------------------------------------------------ */

#define SET_OWNER (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)
#define SET_TIMES                                                                                  \
	(FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |                     \
		FUSE_SET_ATTR_MTIME_NOW)

static void set_next(struct op *op, int drained);

static void was_set(struct op *op, struct remote_reply *reply)
{
	struct fs *fs = op->fs;
	int rc = reply->rc;

	if (rc == 0 && !reply->has_attr)
		rc = -EBADMSG;
	pthread_mutex_lock(&fs->lock);
	if (rc == 0 && !learn_attr(fs, op->node, &reply->attr)) {
		node_detach(&fs->nodes, op->node);
		rc = -ESTALE;
	}
	if (rc == 0)
		writer_settle(op->node, op->epoch);
	if (rc < 0)
		node_doubt(op->node);
	pthread_mutex_unlock(&fs->lock);
	if (rc < 0)
		op_reply_err(op, rc);
	else
		set_next(op, 0);
}

static struct timespec time_to_set(const struct op *op, int bit, int now_bit, struct timespec value)
{
	if (op->to_set & now_bit)
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	if (op->to_set & bit)
		return value;
	return (struct timespec){ .tv_nsec = UTIME_OMIT };
}

/* fs->lock held. Takes the next thing off to_set; false: nothing is left. */
static bool next_request(struct op *op, struct remote_request *rq)
{
	const struct stat *st = &op->stat;

	if (op->to_set & FUSE_SET_ATTR_SIZE) {
		op->to_set &= ~FUSE_SET_ATTR_SIZE;
		rq->op =
			op->h && op->h->remote_open && op->h->writable ? OP_FTRUNCATE : OP_TRUNCATE;
		rq->handle = rq->op == OP_FTRUNCATE ? op->h->remote : 0;
		rq->size = (uint64_t)st->st_size;
	} else if (op->to_set & FUSE_SET_ATTR_MODE) {
		op->to_set &= ~FUSE_SET_ATTR_MODE;
		rq->op = OP_CHMOD;
		rq->mode = st->st_mode & 07777;
	} else if (op->to_set & SET_OWNER) {
		rq->op = OP_CHOWN;
		rq->uid = op->to_set & FUSE_SET_ATTR_UID ? box_take_uid(op->box, st->st_uid)
							 : REMOTE_ID_KEEP;
		rq->gid = op->to_set & FUSE_SET_ATTR_GID ? box_take_gid(op->box, st->st_gid)
							 : REMOTE_ID_KEEP;
		op->to_set &= ~SET_OWNER;
	} else if (op->to_set & SET_TIMES) {
		rq->op = OP_UTIMENS;
		rq->atime =
			time_to_set(op, FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW, st->st_atim);
		rq->mtime =
			time_to_set(op, FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW, st->st_mtim);
		op->to_set &= ~SET_TIMES;
	} else {
		return false;
	}
	return true;
}

/* fs->lock held. tar's chmod and chown are mostly what is already so. */
static void skip_what_is_so(struct op *op)
{
	const struct attr *a = &op->node->attr;

	if (!op->node->known || clock_now_ms() >= op->node->until_ms)
		return;
	if ((op->to_set & FUSE_SET_ATTR_MODE) && (op->stat.st_mode & 07777) == (a->mode & 07777))
		op->to_set &= ~FUSE_SET_ATTR_MODE;
	if ((op->to_set & FUSE_SET_ATTR_UID) && op->stat.st_uid == box_show_uid(op->box, a->uid))
		op->to_set &= ~FUSE_SET_ATTR_UID;
	if ((op->to_set & FUSE_SET_ATTR_GID) && op->stat.st_gid == box_show_gid(op->box, a->gid))
		op->to_set &= ~FUSE_SET_ATTR_GID;
}

static void set_next(struct op *op, int drained)
{
	struct remote_request rq = { 0 };
	auto_buf path = BUF_INIT(1);
	struct fs *fs = op->fs;
	bool more;
	int rc = 0;

	pthread_mutex_lock(&fs->lock);
	op->epoch = writer_generation(op->node);
	more = next_request(op, &rq);
	if (more && rq.op != OP_FTRUNCATE)
		rc = node_path(op->node, &path);
	if (more && !op->node->gone && !is_top(op->node))
		dir_touch(op->node->parent);
	pthread_mutex_unlock(&fs->lock);
	rq.path = rq.op != OP_FTRUNCATE ? buf_text(&path) : NULL;
	if (rc < 0)
		op_reply_err(op, rc);
	else if (more)
		op_send(op, &rq, was_set);
	else
		inside_getattr(op);
}

/* A truncation changes the content: what was read ahead is old. */
static void set_first(struct op *op, int drained)
{
	set_next(op, 0);
}

void inside_setattr(struct op *op)
{
	struct fs *fs = op->fs;
	struct handle *h;

	pthread_mutex_lock(&fs->lock);
	skip_what_is_so(op);
	if (op->to_set & FUSE_SET_ATTR_SIZE) {
		for (h = op->node->handles; h; h = h->next)
			h->reader.generation--; /* whatever is held does not fit any more */
	}
	if (!op_drain_unlock(op, op->node, set_first))
		set_first(op, 0);
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

static void send_path(struct op *op, enum remote_op what, op_done *done)
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
	send_path(op, OP_READLINK, link_read);
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
		send_path(op, OP_STATFS, space_known);
}
