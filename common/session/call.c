/*
 * Requests on a session: paths get the root in front, handles are told apart
 * by stream, and what is safe to repeat is repeated once when its stream dies.
 */
#include "common/session/priv.h"
#include "common/base/clock.h"

struct call {
	struct waiter w;
	struct session *s;
	struct link *link; /* the stream it was sent on; referenced while it is out */
	struct remote_request rq;
	char *path, *path2; /* ours: with the root in front */
	void *data;         /* ours once kept */
	bool repeat;
	remote_done *done;
	void *arg;
};

static char *rooted(const struct session *s, const char *path)
{
	return path && s->root[0] ? xprintf("%s%s", s->root, strcmp(path, "/") == 0 ? "" : path)
				  : xstrdup(path);
}

static bool repeatable(const struct remote_request *rq)
{
	switch (rq->op) {
	case OP_PING:
	case OP_STAT:
	case OP_LIST:
	case OP_READLINK:
	case OP_STATFS:
		return true;
	case OP_OPEN:
		return !(rq->flags & (OPEN_CREATE | OPEN_EXCL | OPEN_TRUNC));
	default:
		return false;
	}
}

static bool uses_handle(enum remote_op op)
{
	return op == OP_FSTAT || op == OP_READ || op == OP_WRITE || op == OP_FSYNC ||
	       op == OP_CLOSE || op == OP_FTRUNCATE;
}

static void finish(struct call *c, struct remote_reply *reply)
{
	c->done(c->arg, reply);
	free(c->path);
	free(c->path2);
	free(c->data);
	free(c);
}

static void call_fail(struct waiter *w, int rc, const struct err *err)
{
	struct remote_reply reply = { .rc = rc };

	if (err)
		reply.err = *err;
	finish((struct call *)w, &reply);
}

static void call_keep(struct waiter *w)
{
	struct call *c = (struct call *)w;

	if (c->data || !c->rq.data)
		return;
	c->data = xmalloc(c->rq.n);
	memcpy(c->data, c->rq.data, c->rq.n);
	c->rq.data = c->data;
}

static void answered(void *arg, struct remote_reply *reply)
{
	struct call *c = arg;
	struct session *s = c->s;
	struct link *l = take_ptr(c->link);
	int dead = reply->rc < 0 ? remote_dead(l->remote) : 0;
	bool again = dead && c->repeat;

	if (reply->rc == 0 && c->rq.op == OP_OPEN) {
		if (session_handle_fits(reply->handle))
			reply->handle = session_handle_up(l->epoch, reply->handle);
		else
			reply->rc = -EBADMSG;
	}
	if (dead) {
		session_lose(s, l, dead);
		reply->rc = session_lost_rc(s, &reply->err);
	}
	session_unref_link(s, l);
	if (again && !deadline_passed(c->w.deadline_ms)) {
		c->repeat = false;
		session_submit(s, &c->w);
		return;
	}
	finish(c, reply);
}

static void call_go(struct waiter *w, struct link *l)
{
	struct call *c = (struct call *)w;
	struct remote_request rq = c->rq;

	if (uses_handle(rq.op) && session_handle_down(l->epoch, c->rq.handle, &rq.handle) < 0) {
		call_fail(w, rq.op == OP_CLOSE ? 0 : -ESTALE, NULL);
		return;
	}
	pthread_mutex_lock(&c->s->lock);
	l->refs++;
	pthread_mutex_unlock(&c->s->lock);
	c->link = l;
	remote_send(l->remote, &rq, c->w.deadline_ms, answered, c);
}

void session_send(struct session *s, const struct remote_request *rq, int64_t deadline_ms,
	remote_done *done, void *arg)
{
	struct call *c = xcalloc(1, sizeof(*c));

	c->w = (struct waiter){
		.deadline_ms = deadline_ms, .keep = call_keep, .go = call_go, .fail = call_fail
	};
	c->s = s;
	c->rq = *rq;
	c->rq.path = c->path = rooted(s, rq->path);
	c->rq.path2 = c->path2 = rq->op == OP_SYMLINK ? xstrdup(rq->path2) : rooted(s, rq->path2);
	c->repeat = repeatable(rq);
	c->done = done;
	c->arg = arg;
	session_submit(s, &c->w);
}

/* --- the blocking form ---------------------------------------------------- */

struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool is_done;
	struct remote_reply *ret;
};

static void wake(void *arg, struct remote_reply *reply)
{
	struct waiting *w = arg;

	scoped_lock(&w->lock);
	remote_reply_move(w->ret, reply);
	w->is_done = true;
	pthread_cond_signal(&w->done);
}

int session_call(struct session *s, const struct remote_request *rq, int64_t deadline_ms,
	struct remote_reply *ret)
{
	struct waiting w = { .ret = ret };

	*ret = (struct remote_reply){ 0 };
	pthread_mutex_init(&w.lock, NULL);
	clock_cond_init(&w.done);
	session_send(s, rq, deadline_ms, wake, &w);
	pthread_mutex_lock(&w.lock);
	while (!w.is_done) /* bounded: a call is completed at its deadline at the latest */
		pthread_cond_wait(&w.done, &w.lock);
	pthread_mutex_unlock(&w.lock);
	pthread_cond_destroy(&w.done);
	pthread_mutex_destroy(&w.lock);
	return ret->rc;
}
