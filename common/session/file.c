#include "common/session/file.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/session/priv.h"

#define ASK_MS 10000

struct file {
	uint64_t key; /* its handle */
	UT_hash_handle hh;
	struct session *s;
	bool known;  /* its open was answered: dev and ino */
	bool writes; /* open for writing: order counts */
	bool appends;
	bool stays;     /* never to the bulk stream */
	bool unsure;    /* a change was given up on bulk, and may be done there yet */
	bool stale;     /* what became of a change is not known */
	bool listed;    /* in session->files: open */
	bool releasing; /* held ones are on their way */
	bool other;     /* neither a read nor a write is out on the first stream */
	uint32_t flags; /* of its open */
	uint64_t dev, ino;
	uint64_t bytes, requests; /* reads and writes so far */
	unsigned out[2];          /* under way on the first stream, on bulk */
	unsigned changing;        /* of those on bulk: that change it */
	uint64_t from, to;        /* what is out on the first stream lies between */
	struct asking *asking;
	struct link *bulk; /* referenced; has it open */
	uint64_t bulk_handle;
	struct waiter *held, **held_end; /* in order; each a call */
};

/* The bulk stream's agent is asked to open it. */
struct asking {
	struct file *f;
	struct link *first, *bulk; /* referenced */
	uint64_t handle;           /* the first agent's */
};

static bool changes(enum remote_op op)
{
	return op == OP_WRITE || op == OP_FSET || op == OP_FALLOCATE || op == OP_COPY;
}

static struct file *find(struct session *s, uint64_t key)
{
	struct file *f;

	HASH_FIND(hh, s->files, &key, sizeof(key), f);
	return f;
}

static struct file *file_new(struct session *s, uint64_t key, const struct remote_request *rq)
{
	struct file *f = find(s, key);

	if (f) /* a far end that gives a handle twice */
		return NULL;
	f = xcalloc(1, sizeof(*f));
	f->s = s;
	f->key = key;
	f->flags = rq->flags & (OPEN_READ | OPEN_WRITE | OPEN_APPEND);
	f->writes = rq->flags & (OPEN_WRITE | OPEN_APPEND);
	f->appends = rq->flags & OPEN_APPEND;
	f->listed = true;
	f->held_end = &f->held;
	HASH_ADD(hh, s->files, key, sizeof(f->key), f);
	return f;
}

/* --- session->lock held, down to where it says otherwise ------------------------- */

static void leave_bulk(struct file *f)
{
	struct link *l = take_ptr(f->bulk);

	if (!l)
		return;
	bulk_files(f->s, l, -1);
	session_unref_locked(f->s, l);
}

static void free_if_idle(struct file *f)
{
	if (f->listed || f->out[0] || f->out[1] || f->asking || f->held || f->releasing)
		return;
	leave_bulk(f);
	free(f);
}

static void unlist(struct file *f)
{
	if (f->listed)
		HASH_DEL(f->s->files, f);
	f->listed = false;
}

/* Its stream is gone. A change that may still be done there can come later than all that follows. */
static void bulk_gone(struct file *f)
{
	if (f->changing || f->unsure)
		f->stale = true;
	leave_bulk(f);
}

static void note_out(struct file *f, const struct remote_request *rq)
{
	uint64_t n = rq->op == OP_READ ? rq->size : rq->n;

	if (!f->out[0]++) {
		f->from = UINT64_MAX;
		f->to = 0;
		f->other = false;
	}
	if (rq->op != OP_READ && rq->op != OP_WRITE)
		f->other = true;
	if (rq->offset < f->from)
		f->from = rq->offset;
	if (rq->offset + n > f->to)
		f->to = rq->offset + n;
}

/* May it take effect before what is out on the first stream? */
static bool overtakes(const struct file *f, const struct remote_request *rq)
{
	if (!f->out[0] || !f->writes || rq->op == OP_CLOSE)
		return true;
	if (rq->op != OP_WRITE || f->appends || f->other)
		return false;
	return rq->offset >= f->to || rq->offset + rq->n <= f->from;
}

static bool by_bulk(const struct file *f, const struct remote_request *rq)
{
	/* A copy is of two files, which both are open on the first. */
	if (!f->bulk || rq->op == OP_CLOSE || rq->op == OP_COPY)
		return false;
	return f->writes || (rq->op == OP_READ && rq->size >= FILE_MOVES_PIECE);
}

static void hold(struct file *f, struct call *c)
{
	c->w.keep(&c->w);
	c->w.next = NULL;
	*f->held_end = &c->w;
	f->held_end = &c->w.next;
}

static struct waiter *take_held(struct file *f)
{
	struct waiter *all = f->held;

	f->held = NULL;
	f->held_end = &f->held;
	return all;
}

static bool has_much(const struct file *f)
{
	return f->bytes >= FILE_MOVES_AT && f->bytes / f->requests >= FILE_MOVES_PIECE;
}

static struct asking *count(struct file *f, const struct remote_request *rq, struct link *l)
{
	struct link *bulk;
	struct asking *a;

	if (rq->op != OP_READ && rq->op != OP_WRITE)
		return NULL;
	f->bytes += rq->op == OP_READ ? rq->size : rq->n;
	f->requests++;
	if (f->bulk || f->asking || f->stays || !f->known || !has_much(f))
		return NULL;
	bulk = bulk_wanted(f->s);
	if (!bulk)
		return NULL;
	a = f->asking = xcalloc(1, sizeof(*a));
	*a = (struct asking){ .f = f, .first = l, .bulk = bulk };
	session_handle_down(l->epoch, f->key, &a->handle);
	l->refs++;
	bulk->refs++;
	return a;
}

static void close_it(struct file *f, struct route *ret)
{
	unlist(f);
	if (!f->bulk)
		return;
	ret->close = f->bulk;
	ret->close->refs++;
	ret->close_handle = f->bulk_handle;
	leave_bulk(f);
}

/* c gets its stream, and a place in out: whoever called sends it at once. */
static int take_stream(struct file *f, struct call *c, struct link *l, struct route *ret)
{
	bool bulk;

	if (f->bulk && remote_dead(f->bulk->remote))
		bulk_gone(f);
	if (f->stale && c->rq.op != OP_CLOSE)
		return -ESTALE;
	bulk = by_bulk(f, &c->rq);
	c->file = f;
	c->link = bulk ? f->bulk : l;
	c->link->refs++;
	if (bulk) {
		ret->handle = f->bulk_handle;
		f->out[1]++;
		f->changing += changes(c->rq.op);
		return 0;
	}
	note_out(f, &c->rq);
	ret->ask = count(f, &c->rq, l);
	if (c->rq.op == OP_CLOSE)
		close_it(f, ret);
	return 0;
}

/* session->lock held */
static int handles_down(const struct call *c, const struct link *l, struct route *ret)
{
	int rc = session_handle_down(l->epoch, c->rq.handle, &ret->handle);

	if (rc == 0 && c->rq.op == OP_COPY)
		rc = session_handle_down(l->epoch, c->rq.handle2, &ret->handle2);
	return rc;
}

static int without_file(struct call *c, struct link *l)
{
	c->link = l;
	l->refs++;
	return 0;
}

int file_route(struct call *c, struct link *l, struct route *ret)
{
	struct session *s = c->s;
	struct file *f;
	int rc;

	scoped_lock(&s->lock);
	rc = handles_down(c, l, ret);
	if (rc < 0)
		return rc;
	f = find(s, c->rq.handle);
	if (!f && c->rq.op == OP_OPEN && s->link == l)
		f = file_new(s, c->rq.handle, &c->rq);
	if (!f)
		return without_file(c, l);
	if (f->releasing || f->held || (f->bulk && !overtakes(f, &c->rq))) {
		hold(f, c);
		return -EINPROGRESS;
	}
	return take_stream(f, c, l, ret);
}

/* --- without the lock -------------------------------------------------------------- */

static void closed(void *arg, struct remote_reply *reply)
{
	struct link *l = arg;

	session_unref_link(l->session, l);
}

/* Takes a reference of l. */
static void close_on(struct link *l, uint64_t handle)
{
	struct remote_request rq = { .op = OP_CLOSE, .handle = handle };

	remote_send(l->remote, &rq, deadline_after(ASK_MS), closed, l);
}

void file_fail_all(struct waiter *held)
{
	while (held) {
		struct waiter *next = held->next;

		held->fail(held, -ESTALE, NULL);
		held = next;
	}
}

/* One that was held back. */
static void send_held(struct file *f, struct waiter *w)
{
	struct call *c = (struct call *)w;
	struct session *s = f->s;
	struct route r = { 0 };
	int rc = -ESTALE;

	pthread_mutex_lock(&s->lock);
	if (s->link)
		rc = handles_down(c, s->link, &r);
	if (rc == 0)
		rc = take_stream(f, c, s->link, &r);
	pthread_mutex_unlock(&s->lock);
	call_send(c, rc, &r);
}

/* session->lock held on entry and return; lets go of it. What was held goes, in order, before all that comes. */
static void release(struct file *f)
{
	if (f->releasing || f->out[0])
		return;
	f->releasing = true;
	while (f->held) {
		struct waiter *list = take_held(f);

		pthread_mutex_unlock(&f->s->lock);
		while (list) {
			struct waiter *next = list->next;

			send_held(f, list);
			list = next;
		}
		pthread_mutex_lock(&f->s->lock);
	}
	f->releasing = false;
}

static void first_answered(struct file *f, const struct call *c, int rc, bool dead)
{
	f->out[0]--;
	if (dead) /* what follows it may not go on on bulk, which outlives the first by a moment */
		f->stale = true;
	if (rc == 0 || dead)
		return;
	if (c->rq.op == OP_OPEN)
		unlist(f);
	if (rc != -ETIMEDOUT || !changes(c->rq.op))
		return;
	/* It may be done yet. What follows it on the same stream does not mind. */
	f->stays = true;
	if (f->bulk)
		f->stale = true;
}

static bool bulk_answered(struct file *f, const struct call *c, int rc, bool dead)
{
	bool change = changes(c->rq.op);

	f->out[1]--;
	f->changing -= change;
	if (dead && change)
		f->stale = true;
	if (rc == -ETIMEDOUT && change)
		f->unsure = true;
	return dead && !change;
}

bool file_answered(struct call *c, int rc, bool dead)
{
	struct file *f = take_ptr(c->file);
	bool again = false;

	if (!f)
		return false;
	pthread_mutex_lock(&c->s->lock);
	if (c->link->bulk)
		again = bulk_answered(f, c, rc, dead);
	else
		first_answered(f, c, rc, dead);
	release(f);
	free_if_idle(f);
	pthread_mutex_unlock(&c->s->lock);
	return again;
}

void file_opened(struct call *c, uint64_t handle, const struct attr *attr)
{
	struct session *s = c->s;
	struct file *f;

	scoped_lock(&s->lock);
	if (s->link != c->link)
		return;
	f = c->file ? c->file : file_new(s, handle, &c->rq);
	if (!f)
		return;
	f->known = true;
	f->dev = attr->dev;
	f->ino = attr->ino;
	if ((f->flags & OPEN_READ) && attr->size >= FILE_LARGE)
		bulk_wanted(s);
}

struct waiter *files_drop(struct session *s)
{
	struct waiter *all = NULL, **end = &all;
	struct file *f, *next;

	HASH_ITER(hh, s->files, f, next)
	{
		*end = take_held(f);
		while (*end)
			end = &(*end)->next;
		unlist(f);
		leave_bulk(f);
		free_if_idle(f);
	}
	return all;
}

/* --- asking the bulk stream's agent to open it ---------------------------------------- */

static bool same_file(const struct file *f, const struct remote_reply *reply)
{
	return reply->rc == 0 && reply->attr.dev == f->dev && reply->attr.ino == f->ino;
}

/* The bulk stream carries it from now on, unless it is closed meanwhile. reply NULL: it was not even asked. */
static void asked(struct asking *a, const struct remote_reply *reply)
{
	struct file *f = a->f;
	struct session *s = f->s;
	bool unwanted;

	pthread_mutex_lock(&s->lock);
	f->asking = NULL;
	unwanted = !f->listed || f->stays || !reply || !same_file(f, reply);
	if (!unwanted) {
		f->bulk = a->bulk;
		f->bulk->refs++;
		f->bulk_handle = reply->handle;
		bulk_files(s, f->bulk, 1);
	} else if (!remote_dead(a->bulk->remote)) {
		f->stays = true;
	}
	trace(SESSION, "%s/%s: a file %s", s->spec.ns, s->spec.pod,
		unwanted ? "stays on the first stream" : "goes on on the bulk stream");
	free_if_idle(f);
	pthread_mutex_unlock(&s->lock);
	session_unref_link(s, a->first);
	if (reply && reply->rc == 0 && unwanted)
		close_on(a->bulk, reply->handle);
	else
		session_unref_link(s, a->bulk);
	free(a);
}

static void opened_there(void *arg, struct remote_reply *reply)
{
	asked(arg, reply);
}

static void told_where(void *arg, struct remote_reply *reply)
{
	struct asking *a = arg;
	struct remote_request rq = { .op = OP_OPEN, .path = reply->data, .flags = a->f->flags };

	if (reply->rc == 0)
		remote_send(a->bulk->remote, &rq, deadline_after(ASK_MS), opened_there, a);
	else
		asked(a, NULL);
}

void file_sent(struct route *r)
{
	struct remote_request rq = { .op = OP_WHERE };

	if (r->close)
		close_on(r->close, r->close_handle);
	if (!r->ask)
		return;
	rq.handle = r->ask->handle;
	remote_send(r->ask->first->remote, &rq, deadline_after(ASK_MS), told_where, r->ask);
}
