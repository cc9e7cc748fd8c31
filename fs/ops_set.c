/* New attributes of the sandbox's files. */
#include "common/base/clock.h"
#include "fs/box.h"
#include "fs/dircache.h"
#include "fs/handle.h"
#include "fs/learn.h"
#include "fs/links.h"
#include "fs/notify.h"
#include "fs/ops.h"
#include "fs/writer.h"

#define SET_OWNER (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)
#define SET_TIMES                                                                                  \
	(FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |                     \
		FUSE_SET_ATTR_MTIME_NOW)
#define SET_ANY (FUSE_SET_ATTR_SIZE | FUSE_SET_ATTR_MODE | SET_OWNER | SET_TIMES)

static struct timespec time_to_set(const struct op *op, int bit, int now_bit, struct timespec value)
{
	if (op->to_set & now_bit)
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	if (op->to_set & bit)
		return value;
	return (struct timespec){ .tv_nsec = UTIME_OMIT };
}

/* All wishes in one. */
static void fill(const struct op *op, struct remote_request *rq)
{
	const struct stat *st = &op->stat;

	if (op->to_set & FUSE_SET_ATTR_SIZE)
		rq->sets |= SET_SIZE;
	if (op->to_set & FUSE_SET_ATTR_MODE)
		rq->sets |= SET_MODE;
	rq->size = (uint64_t)st->st_size;
	rq->mode = st->st_mode & 07777;
	rq->uid =
		op->to_set & FUSE_SET_ATTR_UID ? box_take_uid(op->box, st->st_uid) : REMOTE_ID_KEEP;
	rq->gid =
		op->to_set & FUSE_SET_ATTR_GID ? box_take_gid(op->box, st->st_gid) : REMOTE_ID_KEEP;
	rq->atime = time_to_set(op, FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW, st->st_atim);
	rq->mtime = time_to_set(op, FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW, st->st_mtim);
}

/* --- answered when it is done ------------------------------------------------ */

static void set_directly(struct op *op, bool by_path);

static void show(void *arg)
{
	inside_show(arg);
}

static void found(struct op *op, struct remote_reply *reply)
{
	struct fs *fs = op->fs;
	struct node *n = op->node;
	int rc = reply->rc == 0 && !reply->has_attr ? -EBADMSG : reply->rc;
	bool other;

	pthread_mutex_lock(&fs->lock);
	other = reply->attr.dev != n->attr.dev || reply->attr.ino != n->attr.ino;
	if (rc == 0 && other)
		node_detach(&fs->nodes, n);
	if (rc == 0)
		rc = other ? -ESTALE : learn_or_detach(fs, n, &reply->attr);
	pthread_mutex_unlock(&fs->lock);
	if (rc < 0)
		op_reply_err(op, rc == -ENOENT ? -ESTALE : rc);
	else
		set_directly(op, true);
}

/* Its handle is from before the line was lost. Meanwhile the name may have become another file's, which is not meant. */
static void set_if_same(struct op *op)
{
	inside_ask_path(op, OP_STAT, found);
}

static void was_set(struct op *op, struct remote_reply *reply)
{
	struct fs *fs = op->fs;
	int rc = reply->rc;
	bool told = false;

	if (rc == -ESTALE && op->h && !op->by_path) {
		set_if_same(op);
		return;
	}
	if (rc == 0 && !reply->has_attr)
		rc = -EBADMSG;
	pthread_mutex_lock(&fs->lock);
	if (rc == 0)
		rc = learn_or_detach(fs, op->node, &reply->attr);
	if (rc == 0)
		writer_settle(op->node, op->epoch);
	if (rc == 0)
		told = learn_other_names(fs, op->node);
	if (rc < 0)
		node_doubt(op->node);
	pthread_mutex_unlock(&fs->lock);
	if (rc < 0)
		op_reply_err(op, rc);
	else if (told)
		notify_then(fs->notifier, show, op);
	else
		inside_show(op);
}

/* fs->lock held. One by which it can be done, also when the name is gone; NULL. */
static struct handle *handle_for_set(const struct op *op)
{
	struct handle *h;

	if (op->h && op->h->remote_open && op->h->writable)
		return op->h;
	for (h = op->node->handles; h; h = h->next)
		if (h->remote_open && (h->writable || !(op->to_set & FUSE_SET_ATTR_SIZE)))
			return h;
	return NULL;
}

static void set_directly(struct op *op, bool by_path)
{
	struct remote_request rq = { .op = OP_SET };
	auto_buf path = BUF_INIT(1);
	struct fs *fs = op->fs;
	struct handle *h;
	int rc = 0;

	fill(op, &rq);
	pthread_mutex_lock(&fs->lock);
	op->epoch = writer_generation(op->node);
	op->by_path = by_path;
	h = by_path ? NULL : handle_for_set(op);
	if (h && !op->h) {
		op->h = h; /* stays open until the answer */
		handle_ref(h);
	}
	if (h && h == op->h) {
		rq.op = OP_FSET;
		rq.handle = h->remote;
	} else {
		rc = node_path(op->node, &path);
		rq.path = buf_text(&path);
	}
	pthread_mutex_unlock(&fs->lock);
	if (rc < 0)
		op_reply_err(op, rc);
	else
		op_send(op, &rq, was_set);
}

static void set_behind_back(struct parcel *p, struct remote_reply *reply)
{
	struct node *n = p->h->node;

	if (reply->rc < 0) {
		scoped_lock(&n->box->fs->lock);
		n->writer->asked = 0;
	}
	p->op->epoch = p->generation;
	was_set(p->op, reply);
}

/* --- answered ahead ------------------------------------------------------------ */

/* By whom it is asked, or for want of a tool: the next one would be, too. */
static bool is_refused(int rc)
{
	return rc == -EPERM || rc == -EACCES || rc == -EOPNOTSUPP || rc == -ENOSYS;
}

static void set_ahead_back(struct parcel *p, struct remote_reply *reply)
{
	struct node *n = p->h->node;
	struct fs *fs = n->box->fs;

	pthread_mutex_lock(&fs->lock);
	if (reply->rc < 0) {
		writer_fail(p->h, reply->rc);
		node_doubt(n);
		n->box->set_waits = n->box->set_waits || is_refused(reply->rc);
		notify_attr(fs->notifier, n->id);
	}
	pthread_mutex_unlock(&fs->lock);
	inside_settle(p, reply);
}

/*
 * fs->lock held. The handle of one who has changed the file, asks for what nobody refuses, and will hear
 * of a failure when he closes it; NULL: the answer must be waited for.
 */
static struct handle *handle_ahead(const struct op *op)
{
	struct box *b = op->box;
	uint32_t uid = atomic_load(&b->far_uid);

	if (b->set_waits || !atomic_load(&b->far_known) || links_of(op->node))
		return NULL;
	if (uid && ((op->to_set & SET_OWNER) || op->node->attr.uid != uid))
		return NULL;
	return handle_changed_by(op->node, op);
}

/* fs->lock held. Behind what is pending: answered at once when h is NULL, else op is when it is done. */
static struct parcel *behind(struct op *op, struct handle *h, parcel_back *back)
{
	struct parcel *p = writer_change(op->node, h, back);

	fill(op, &p->rq);
	return p;
}

/* --- set-id bits and who writes ------------------------------------------------------ */

/* It is no error of the write's: a kernel that does not let the agent has done it itself. */
static void setid_killed(struct parcel *p, struct remote_reply *reply)
{
	inside_settle(p, reply);
}

static uint32_t setid_to_kill(uint32_t mode)
{
	uint32_t group = (mode & S_IXGRP) ? S_ISGID : 0;

	return S_ISREG(mode) ? mode & (S_ISUID | group) : 0;
}

/* fs->lock held */
static void kill_setid(struct op *op)
{
	struct node *n = op->node;
	struct stat st = { 0 };
	struct parcel *p;

	if (!n->known || !setid_to_kill(n->attr.mode))
		return;
	n->attr.mode &= ~setid_to_kill(n->attr.mode);
	st.st_mode = n->attr.mode;
	p = writer_change(n, op->h, setid_killed);
	p->rq.sets = SET_MODE;
	p->rq.mode = n->attr.mode & 07777;
	p->rq.uid = p->rq.gid = REMOTE_ID_KEEP;
	p->rq.atime.tv_nsec = p->rq.mtime.tv_nsec = UTIME_OMIT;
	writer_believe(n, FUSE_SET_ATTR_MODE, &st);
}

void inside_kill_setid(struct op *op)
{
	if (!op->fs->opt->allow_other || !op->uid || !op->h->writable)
		return;
	pthread_mutex_lock(&op->fs->lock);
	kill_setid(op);
	pthread_mutex_unlock(&op->fs->lock);
}

/* --- which of them --------------------------------------------------------------- */

/* fs->lock held. The mode and owners that it has, as far as this side knows: false when not. */
static bool standing(const struct node *n, struct stat *ret)
{
	int sets = writer_dirty(n) ? n->writer->sets : 0;

	if (!n->known || (!writer_dirty(n) && clock_now_ms() >= n->until_ms))
		return false;
	node_stat(n, ret); /* without set-id bits */
	ret->st_mode = sets & FUSE_SET_ATTR_MODE ? n->writer->set.st_mode : n->attr.mode;
	return true;
}

/* fs->lock held. tar's chmod and chown are mostly what is already so. A chown takes set-id bits away all the same. */
static void skip_what_is_so(struct op *op)
{
	struct stat st;

	if (!standing(op->node, &st))
		return;
	if ((op->to_set & FUSE_SET_ATTR_MODE) && (op->stat.st_mode & 07777) == (st.st_mode & 07777))
		op->to_set &= ~FUSE_SET_ATTR_MODE;
	if (setid_to_kill(st.st_mode))
		return;
	if ((op->to_set & FUSE_SET_ATTR_UID) && op->stat.st_uid == st.st_uid)
		op->to_set &= ~FUSE_SET_ATTR_UID;
	if ((op->to_set & FUSE_SET_ATTR_GID) && op->stat.st_gid == st.st_gid)
		op->to_set &= ~FUSE_SET_ATTR_GID;
}

static void set_drained(struct op *op, int rc)
{
	set_directly(op, false);
}

void inside_forget_blocks(struct node *n)
{
	for (struct handle *h = n->handles; h; h = h->next)
		h->reader.generation--; /* whatever is held does not fit any more */
}

void inside_setattr(struct op *op)
{
	struct fs *fs = op->fs;
	struct node *n = op->node;
	struct handle *ahead, *pending;

	pthread_mutex_lock(&fs->lock);
	skip_what_is_so(op);
	if (op->to_set & FUSE_SET_ATTR_SIZE)
		inside_forget_blocks(n);
	if (!n->gone && n->parent->kind == NODE_INSIDE)
		dir_touch(n->parent);
	n->makes_well = false; /* who may write in a folder may be another now */
	ahead = handle_ahead(op);
	pending = writer_handle(n);
	if (!(op->to_set & SET_ANY)) {
		pthread_mutex_unlock(&fs->lock);
		if (writer_dirty(n))
			inside_show(op);
		else
			inside_getattr(op);
	} else if (ahead) {
		behind(op, ahead, set_ahead_back);
		writer_believe(n, op->to_set, &op->stat);
		pthread_mutex_unlock(&fs->lock);
		writer_push(fs, n, false);
		inside_show(op);
	} else if (pending && pending->writable) {
		behind(op, pending, set_behind_back)->op = op;
		if (op->to_set & FUSE_SET_ATTR_SIZE)
			writer_believe(n, FUSE_SET_ATTR_SIZE, &op->stat);
		op_ref(op);
		pthread_mutex_unlock(&fs->lock);
		op_arm(op, false);
		writer_push(fs, n, true);
		op_unref(op);
	} else if (!op_drain_unlock(op, n, set_drained)) {
		set_directly(op, false);
	}
}
