#include "fs/lane.h"

#include "common/base/clock.h"
#include "fs/box.h"
#include "fs/fs.h"
#include "fs/handle.h"
#include "fs/notify.h"
#include "fs/op.h"
#include "fs/writer.h"

#include <utlist.h>

struct parcel *lane_add(struct lane *l, struct handle *h, enum remote_op what, parcel_back *back)
{
	struct parcel *p = xcalloc(1, sizeof(*p));

	p->what = what == OP_WRITE  ? "write-behind"
		  : what == OP_FSET ? "set"
		  : what == OP_OPEN ? "make"
				    : "ask";
	p->h = h;
	handle_ref(h);
	p->rq.op = what;
	p->changes = what == OP_WRITE || what == OP_FSET || what == OP_OPEN;
	p->back = back;
	p->serial = ++l->last;
	if (p->changes)
		l->changes++;
	DL_APPEND(l->all, p);
	if (!l->unsent)
		l->unsent = p;
	return p;
}

struct parcel *lane_open_end(struct lane *l)
{
	struct parcel *tail = l->all ? l->all->prev : NULL;

	return tail && !tail->sent && tail->rq.op == OP_WRITE ? tail : NULL;
}

void lane_remove(struct lane *l, struct parcel *p)
{
	if (l->unsent == p)
		l->unsent = p->next;
	if (p->changes && !p->answered)
		l->changes--;
	DL_DELETE(l->all, p);
}

void parcel_free(struct fs *fs, struct parcel *p)
{
	handle_unref_unlocked(fs, p->h);
	free(p->path);
	free(p->data);
	free(p);
}

/* Could it matter which of them is done first? */
static bool meet(const struct parcel *a, const struct parcel *b)
{
	const struct remote_request *x = &a->rq, *y = &b->rq;

	if (!a->changes && !b->changes)
		return false;
	if (x->op != OP_WRITE || y->op != OP_WRITE || a->append || b->append)
		return true;
	return x->offset < y->offset + y->n && y->offset < x->offset + x->n;
}

static bool must_wait(const struct lane *l, const struct parcel *p)
{
	for (const struct parcel *e = l->all; e != p; e = e->next)
		if (e->h != p->h && !e->answered && meet(e, p))
			return true;
	return false;
}

static bool hurries(const struct lane *l, const struct parcel *p)
{
	return p->next || p->serial <= l->hurry || p->rq.op != OP_WRITE;
}

/* A last write that is small waits for company while another is under way, has just gone, or is to come. */
static bool lingers(struct lane *l, const struct parcel *p, size_t max, bool *just)
{
	*just = false;
	if (hurries(l, p) || p->rq.n >= max)
		return false;
	if (l->all != p)
		return true;
	if (p->h->wrote)
		*just = p->rq.n < LANE_SMALL && clock_now_ms() - l->sent_ms < LANE_WAIT_MS;
	else
		*just = p->rq.n <= LANE_FIRST;
	return *just;
}

struct later {
	struct fs *fs;
	struct node *n;
};

static void look_again(void *arg)
{
	struct later *later = arg;
	struct fs *fs = later->fs;
	struct node *n = later->n;

	pthread_mutex_lock(&fs->lock);
	n->writer->lane.timed = false;
	pthread_mutex_unlock(&fs->lock);
	lane_push(fs, n, true);
	pthread_mutex_lock(&fs->lock);
	node_unref(fs, n);
	pthread_mutex_unlock(&fs->lock);
	free(later);
}

static void look_later(struct fs *fs, struct node *n)
{
	struct later *later;

	if (n->writer->lane.timed)
		return;
	n->writer->lane.timed = true;
	later = xmalloc(sizeof(*later));
	*later = (struct later){ .fs = fs, .n = n };
	node_ref(n);
	notify_later(fs->notifier, LANE_WAIT_MS, look_again, later);
}

/* The next one that may go; it counts as gone. */
static struct parcel *take(struct fs *fs, struct node *n)
{
	struct lane *l = &n->writer->lane;
	struct parcel *p = l->unsent;
	bool just;

	if (!p || must_wait(l, p))
		return NULL;
	if (lingers(l, p, box_max(n->box), &just)) {
		if (just)
			look_later(fs, n);
		return NULL;
	}
	if (p->rq.op == OP_WRITE) {
		l->sent_ms = clock_now_ms();
		p->h->wrote = true;
	}
	p->sent = true;
	l->unsent = p->next;
	return p;
}

static void came_back(struct op *op, struct remote_reply *reply)
{
	struct parcel *p = op->where;
	struct fs *fs = op->fs;
	struct node *n = op->node;

	pthread_mutex_lock(&fs->lock);
	p->answered = true;
	if (p->changes)
		n->writer->lane.changes--;
	pthread_mutex_unlock(&fs->lock);
	p->back(p, reply);
	writer_gone_through(fs, n, p);
	op_unref(op);
}

/* more: another one follows at once. */
static void send_one(struct fs *fs, struct node *n, struct parcel *p, bool more)
{
	struct op *op = op_new(fs, NULL, p->what, n->id, NULL);
	struct remote_request rq = p->rq;

	rq.handle = p->h->remote;
	rq.data = p->data;
	rq.patient = more;
	op->where = p;
	op_send(op, &rq, came_back);
}

void lane_push(struct fs *fs, struct node *n, bool hurry)
{
	struct parcel *p, *next;
	struct lane *l;

	pthread_mutex_lock(&fs->lock);
	l = n->writer ? &n->writer->lane : NULL;
	if (l && hurry)
		l->hurry = l->last;
	if (!l || l->sending || !l->unsent) {
		pthread_mutex_unlock(&fs->lock);
		return;
	}
	l->sending = true;
	node_ref(n);
	for (p = take(fs, n); p; p = next) {
		next = take(fs, n);
		pthread_mutex_unlock(&fs->lock);
		send_one(fs, n, p, next);
		pthread_mutex_lock(&fs->lock);
		if (!next)
			next = take(fs, n);
	}
	l->sending = false;
	node_unref(fs, n);
	pthread_mutex_unlock(&fs->lock);
}
