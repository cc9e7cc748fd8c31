#include "fs/making.h"

#include "common/base/clock.h"
#include "fs/box.h"
#include "fs/dircache.h"
#include "fs/handle.h"
#include "fs/learn.h"
#include "fs/notify.h"
#include "fs/ops.h"
#include "fs/writer.h"

#include <fcntl.h>
#include <utlist.h>

/* One whose answer is still to come. */
struct make {
	struct node *folder; /* holds a reference */
	uint64_t serial;
	struct make *prev, *next;
};

/* --- who waits ---------------------------------------------------------------- */

/* fs->lock held. The newest of them; 0: none. */
static uint64_t newest(const struct box *b, const struct node *folder)
{
	uint64_t serial = 0;
	const struct make *m;

	DL_FOREACH(b->makes, m)
	{
		if (!folder || m->folder == folder)
			serial = m->serial;
	}
	return serial;
}

bool making_wait_unlock(struct op *op, const struct node *folder, op_step *step)
{
	struct box *b = op->box;

	op->target = newest(b, folder);
	if (!op->target)
		return false;
	op->step = step;
	op_ref(op);
	DL_APPEND(b->make_waiters, op);
	pthread_mutex_unlock(&op->fs->lock);
	op_arm(op, false);
	op_unref(op);
	return true;
}

/* fs->lock held. Those who need wait no longer. */
static struct op *through(struct box *b)
{
	uint64_t oldest = b->makes ? b->makes->serial : UINT64_MAX;
	struct op *op, *next, *list = NULL;

	DL_FOREACH_SAFE(b->make_waiters, op, next)
	{
		if (op->target >= oldest)
			continue;
		DL_DELETE(b->make_waiters, op);
		DL_APPEND(list, op);
	}
	return list;
}

void making_learn(struct node *folder, bool well)
{
	folder->makes_well = well;
}

void making_over(struct node *n)
{
	n->making = false;
}

bool making_is(struct fs *fs, struct node *folder, const char *name)
{
	struct node *n = node_child(&fs->nodes, folder, name);

	return n && n->making;
}

/* --- the answer ------------------------------------------------------------------ */

/* fs->lock held. There is no such file, or another one. */
static void unmake(struct fs *fs, struct node *n, struct handle *h, int rc)
{
	writer_fail(h, rc);
	h->open_rc = h->write_rc = rc; /* what came of the writes behind it says less */
	h->remote_open = false;
	making_learn(n->parent, false);
	dir_invalidate(fs, n->parent);
	node_doubt(n);
	if (!n->gone)
		notify_entry(fs->notifier, n->box, n->parent->id, n->name);
	node_detach(&fs->nodes, n);
}

static void forget(struct fs *fs, struct box *b, struct make *m)
{
	struct node *folder = m->folder;

	DL_DELETE(b->makes, m);
	free(m);
	learn_touched(folder);
	if (folder->shown_ms > 0) /* the kernel may have its times from before */
		notify_attr(fs->notifier, folder->id);
	node_unref(fs, folder);
}

static void made(struct parcel *p, struct remote_reply *reply)
{
	struct handle *h = p->h;
	struct node *n = h->node;
	struct box *b = n->box;
	struct fs *fs = b->fs;
	int rc = reply->rc == 0 && !reply->has_attr ? -EBADMSG : reply->rc;
	struct op *list;
	bool news;

	pthread_mutex_lock(&fs->lock);
	news = n->making;
	making_over(n);
	dir_touch(n->parent);
	if (rc < 0)
		unmake(fs, n, h, rc);
	else if (reply->attr.size)
		h->whole = false; /* somebody was first */
	pthread_mutex_unlock(&fs->lock);
	if (news || rc < 0)
		inside_settle(p, reply);
	pthread_mutex_lock(&fs->lock);
	forget(fs, b, p->make);
	list = through(b);
	pthread_mutex_unlock(&fs->lock);
	op_resume_all(list, 0);
}

/* --- the create --------------------------------------------------------------------- */

/* fs->lock held. Nothing speaks against it. */
static bool is_sure(const struct op *op)
{
	struct node *folder = op->node;
	struct item *item;

	if ((op->fi.flags & O_EXCL) || (op->fi.flags & O_ACCMODE) == O_RDONLY)
		return false; /* nobody flushes what he only reads */
	return folder->makes_well && !folder->gone && !node_is_virtual(folder) &&
	       dir_find(folder, op->name, &item) == 0 && !making_is(op->fs, folder, op->name);
}

/* fs->lock held. What it will be like, as far as that can be known. */
static void suppose(struct op *op, struct node *n)
{
	struct remote_request whose = { 0 };

	box_own(op->box, op->uid, op->gid, &whose);
	n->known = false;
	n->making = true;
	n->until_ms = 0;
	n->filled = (struct stamp){ 0 };
	n->attr = (struct attr){
		.mode = S_IFREG | (op->mode & 07777),
		.nlink = 1,
		.uid = whose.owned ? whose.uid : atomic_load(&op->box->far_uid),
		.gid = whose.owned ? whose.gid : atomic_load(&op->box->far_gid),
	};
	if (op->node->attr.mode & S_ISGID)
		n->attr.gid = op->node->attr.gid;
	clock_gettime(CLOCK_REALTIME, &n->attr.mtime);
	n->attr.atime = n->attr.ctime = n->attr.mtime;
}

/* fs->lock held */
static struct node *new_child(struct fs *fs, struct node *folder, const char *name)
{
	struct node *old = node_child(&fs->nodes, folder, name);

	if (old) /* of a file that is no more */
		node_detach(&fs->nodes, old);
	return node_make(&fs->nodes, folder, name, NODE_INSIDE, folder->box);
}

/* fs->lock held */
static struct make *note(struct node *folder)
{
	struct make *m = xcalloc(1, sizeof(*m));

	m->folder = folder;
	node_ref(folder);
	m->serial = ++folder->box->last_make;
	DL_APPEND(folder->box->makes, m);
	return m;
}

/* fs->lock held */
static struct handle *begin(struct op *op, struct node *n, uint64_t chosen, const struct buf *path)
{
	struct remote_reply supposed = { .handle = chosen, .attr = n->attr };
	struct handle *h = inside_handle_for(op, n, &supposed);
	struct parcel *p = writer_make(n, h, made);

	p->make = note(op->node);
	p->path = xstrdup(buf_text(path));
	p->rq.path = p->path;
	p->rq.flags = inside_open_flags(op->fi.flags) | OPEN_CREATE;
	p->rq.mode = op->mode & 07777;
	box_own(op->box, op->uid, op->gid, &p->rq);
	handle_changed(h, op);
	h->direct = false;
	op->fi.direct_io = false;
	dir_touch(op->node);
	learn_touched(op->node);
	return h;
}

bool making_create(struct op *op)
{
	struct fs *fs = op->fs;
	struct fuse_entry_param e;
	auto_buf path = BUF_INIT(1);
	struct session *session;
	struct handle *h;
	struct node *n;
	uint64_t chosen;

	if (box_session(op->box, &session) < 0 || !(chosen = session_handle(session)))
		return false;
	pthread_mutex_lock(&fs->lock);
	if (!atomic_load(&op->box->far_known) || !is_sure(op) || op_path(op, true, &path) < 0) {
		pthread_mutex_unlock(&fs->lock);
		return false;
	}
	n = new_child(fs, op->node, op->name);
	suppose(op, n);
	h = begin(op, n, chosen, &path);
	learn_show_entry(fs, n, true, &e);
	node_ref(n);
	pthread_mutex_unlock(&fs->lock);
	lane_push(fs, n, false);
	inside_reply_create(op, n, h, &e);
	pthread_mutex_lock(&fs->lock);
	node_unref(fs, n);
	pthread_mutex_unlock(&fs->lock);
	return true;
}
