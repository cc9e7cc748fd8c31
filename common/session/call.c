/*
 * Requests on a session: paths get the root in front, handles are told apart
 * by stream, and what is safe to repeat is repeated once when its stream dies.
 */
#include "common/session/priv.h"
#include "common/base/clock.h"

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
	case OP_PEEK:
	case OP_GETXATTR:
	case OP_LISTXATTR:
	case OP_STATFS:
	case OP_RUNS:
	case OP_SCRIPT:
		return true;
	case OP_OPEN:
		return !rq->handle && !(rq->flags & (OPEN_CREATE | OPEN_EXCL | OPEN_TRUNC));
	default:
		return false;
	}
}

/* Those of kept runs go by id, which is the sandbox's own. */
static bool uses_handle(const struct remote_request *rq)
{
	enum remote_op op = rq->op;

	return (op == OP_OPEN && rq->handle) || op == OP_FSTAT || op == OP_READ || op == OP_WRITE ||
	       op == OP_FSYNC || op == OP_CLOSE || op == OP_FSET || op == OP_FALLOCATE ||
	       op == OP_SEEK || op == OP_COPY;
}

static void finish(struct call *c, struct remote_reply *reply)
{
	c->done(c->arg, reply);
	free(c->path);
	free(c->path2);
	free(c->data);
	free(c->signal);
	free(c->name);
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

	if (!c->signal)
		c->rq.signal = c->signal = xstrdup(c->rq.signal);
	if (!c->name)
		c->rq.name = c->name = xstrdup(c->rq.name);
	if (c->data || !c->rq.data)
		return;
	c->data = xmalloc(c->rq.n);
	memcpy(c->data, c->rq.data, c->rq.n);
	c->rq.data = c->data;
}

static void opened(struct call *c, struct remote_reply *reply)
{
	if (!session_handle_fits(reply->handle)) {
		reply->rc = -EBADMSG;
		return;
	}
	reply->handle = session_handle_up(c->link->epoch, reply->handle);
	file_opened(c, reply->handle, &reply->attr);
}

static void answered(void *arg, struct remote_reply *reply)
{
	struct call *c = arg;
	struct session *s = c->s;
	struct link *l = c->link;
	int dead = reply->rc < 0 ? remote_dead(l->remote) : 0;
	bool again = dead && c->repeat;

	meter_answered(&s->meter, c->sent_us, reply->rc);
	if (reply->watch)
		reply->watch = session_watch_up(l->epoch, reply->watch);
	if (reply->rc == 0 && c->rq.op == OP_OPEN)
		opened(c, reply);
	again = file_answered(c, reply->rc, dead) || again;
	c->link = NULL;
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

void call_send(struct call *c, int rc, struct route *r)
{
	struct remote_request rq;
	struct session *s;
	struct link *l;

	if (rc == -EINPROGRESS)
		return; /* whoever opens the file sends c then, and may have done so: c may be gone */
	rq = c->rq;
	s = c->s;
	l = c->link;
	if (rc < 0) {
		call_fail(&c->w, rq.op == OP_CLOSE ? 0 : rc, NULL);
		return;
	}
	rq.handle = r->handle;
	rq.handle2 = r->handle2;
	/* c's reference goes with its answer, which may be here before remote_send has returned. */
	pthread_mutex_lock(&s->lock);
	l->refs++;
	pthread_mutex_unlock(&s->lock);
	c->sent_us = meter_sent(&s->meter);
	remote_send(l->remote, &rq, c->w.deadline_ms, answered, c);
	file_sent(r); /* c is gone */
	session_unref_link(s, l);
}

/*
 * Who asks one thing after the other (ls -l of many names) would else wait for each one's deadline, until the stream is
 * given up. What changes something, or goes on a handle, has its whole time.
 */
static bool in_vain(struct call *c, struct link *l)
{
	return repeatable(&c->rq) && c->rq.op != OP_PING &&
	       remote_silent(l->remote, c->w.deadline_ms - clock_now_ms());
}

static void call_go(struct waiter *w, struct link *l)
{
	struct call *c = (struct call *)w;
	struct route r = { .handle = c->rq.handle };
	int rc = 0;

	if (in_vain(c, l)) {
		call_fail(w, -ETIMEDOUT, NULL);
		return;
	}
	if (uses_handle(&c->rq)) {
		rc = file_route(c, l, &r);
	} else {
		scoped_lock(&c->s->lock);
		l->refs++;
		c->link = l;
	}
	call_send(c, rc, &r);
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

/* --- a stream, and no request on it ---------------------------------------- */

struct ready {
	struct waiter w;
	void (*done)(void *arg, int rc);
	void *arg;
};

static void ready_keep(struct waiter *w)
{
}

static void ready_fail(struct waiter *w, int rc, const struct err *err)
{
	struct ready *r = (struct ready *)w;

	r->done(r->arg, rc);
	free(r);
}

static void ready_go(struct waiter *w, struct link *l)
{
	ready_fail(w, 0, NULL);
}

void session_ready(
	struct session *s, int64_t deadline_ms, void (*done)(void *arg, int rc), void *arg)
{
	struct ready *r = xcalloc(1, sizeof(*r));

	*r = (struct ready){ .w = { .deadline_ms = deadline_ms,
				     .keep = ready_keep,
				     .go = ready_go,
				     .fail = ready_fail },
		.done = done,
		.arg = arg };
	session_submit(s, &r->w);
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
