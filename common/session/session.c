/*
 * The policy: when to connect, what waits, what is repeated, what fails.
 *
 * One thread a session keeps the deadlines, starts an attempt and reaps. While there is no stream,
 * what is sent waits in `queue`; the first send wakes the thread. After a failed attempt everything
 * that waits fails with its reason, and so does what comes within the back-off: a dead cluster is
 * then noticed at once instead of after a deadline each time. The next send after that tries again.
 *
 * A lost stream is found by whoever sees it first, a completion with -EPIPE or
 * the remote's death; lose() is for both and may be called twice.
 */
#include "common/session/priv.h"
#include "common/base/clock.h"
#include "common/base/lock.h"
#include "common/base/log.h"
#include "common/session/gate.h"
#include "common/remote/proto.h"

#define CONNECT_MS     15000
#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 5000
#define HANDLE_BITS    40 /* an agent's handle; the epoch stands above */

static char **copy_argv(const char *const *argv)
{
	char **copy;
	size_t n = 0;

	if (!argv)
		return NULL;
	while (argv[n])
		n++;
	copy = xcalloc(n + 1, sizeof(*copy));
	for (size_t i = 0; i < n; i++)
		copy[i] = xstrdup(argv[i]);
	return copy;
}

static void copy_spec(struct session *s, const struct session_spec *from)
{
	s->spec = *from;
	s->spec.ns = s->ns = xstrdup(from->ns ? from->ns : "-");
	s->spec.pod = s->pod = xstrdup(from->pod ? from->pod : "local");
	s->spec.container = s->container = xstrdup(from->container);
	s->root = xstrdup(from->root && strcmp(from->root, "/") != 0 ? from->root : "");
	s->argv = copy_argv(from->local_argv);
	s->spec.local_argv = (const char *const *)s->argv;
}

/* --- the queue ------------------------------------------------------------ */

/* session->lock held */
static void enqueue(struct session *s, struct waiter *w)
{
	w->next = NULL;
	*s->queue_end = w;
	s->queue_end = &w->next;
	s->queued++;
	pthread_cond_broadcast(&s->wake);
}

/* session->lock held */
static struct waiter *take_queue(struct session *s)
{
	struct waiter *all = s->queue;

	s->queue = NULL;
	s->queue_end = &s->queue;
	s->queued = 0;
	return all;
}

static void fail_all(struct waiter *w, int rc, const struct err *err)
{
	while (w) {
		struct waiter *next = w->next;

		w->fail(w, rc, err);
		w = next;
	}
}

/* session->lock held; the reason why nothing can be sent now, or 0 */
static int refusal(struct session *s, struct err *err)
{
	if (s->closing)
		return err_set(err, -ENOTCONN, "the session is closing");
	if (s->down_rc)
		return err_set(err, s->down_rc, "%s/%s is not running", s->ns, s->pod);
	if (s->last_rc && !s->link && !deadline_passed(s->retry_at_ms)) {
		if (err)
			*err = s->last_err;
		return s->last_rc;
	}
	return s->queued >= SESSION_QUEUE_MAX ? -ENOBUFS : 0;
}

void session_submit(struct session *s, struct waiter *w)
{
	struct err err = { "" };
	struct link *l = NULL;
	int rc;

	pthread_mutex_lock(&s->lock);
	rc = refusal(s, &err);
	if (rc == 0 && s->link) {
		l = s->link;
		l->refs++;
	} else if (rc == 0) {
		w->keep(w);
		enqueue(s, w);
	}
	pthread_mutex_unlock(&s->lock);
	if (rc < 0)
		w->fail(w, rc, &err);
	else if (l) {
		w->go(w, l);
		session_unref_link(s, l);
	}
}

/* --- streams -------------------------------------------------------------- */

void session_unref_locked(struct session *s, struct link *l)
{
	if (--l->refs == 0) {
		l->next = s->garbage;
		s->garbage = l;
		pthread_cond_broadcast(&s->wake);
	}
}

void session_unref_link(struct session *s, struct link *l)
{
	scoped_lock(&s->lock);
	session_unref_locked(s, l);
}

/* session->lock held on entry and return; lets go of it to tell */
static void tell(struct session *s, uint64_t watch, const struct change *changes, size_t count)
{
	if (!s->spec.changed || s->closing)
		return;
	s->telling++;
	pthread_mutex_unlock(&s->lock);
	s->spec.changed(s->spec.changed_arg, watch, changes, count);
	pthread_mutex_lock(&s->lock);
	s->telling--;
	if (s->closing)
		pthread_cond_broadcast(&s->wake);
}

static void on_change(void *arg, uint64_t watch, const struct change *changes, size_t count)
{
	struct link *l = arg;
	struct session *s = l->session;

	scoped_lock(&s->lock);
	if (s->link == l)
		tell(s, session_watch_up(l->epoch, watch), changes, count);
}

void session_unwatch(struct session *s, uint64_t watch)
{
	struct link *l = NULL;

	pthread_mutex_lock(&s->lock);
	if (s->link && session_watch_up(s->link->epoch, (uint32_t)watch) == watch) {
		l = s->link;
		l->refs++;
	}
	pthread_mutex_unlock(&s->lock);
	if (!l)
		return;
	remote_unwatch(l->remote, (uint32_t)watch);
	session_unref_link(s, l);
}

void session_bury(struct session *s, struct link *l)
{
	l->next = s->dying;
	s->dying = l;
	pthread_cond_broadcast(&s->wake);
}

/* session->lock held. What waited for files of the first stream. */
static struct waiter *lose_first(struct session *s, struct link *l)
{
	s->link = NULL;
	s->lost++;
	s->last_rc = 0; /* one attempt at once, before any back-off */
	session_bury(s, l);
	bulk_lose(s, s->bulk.link);
	return files_drop(s);
}

void session_lose(struct session *s, struct link *l, int rc)
{
	static const struct change lost = { .kind = CHANGE_LOST };
	uint32_t epoch = l->epoch;
	struct waiter *held = NULL;
	char more[SELDOM_BYTES];
	unsigned left_out = 0;
	bool first, bulk, say;

	pthread_mutex_lock(&s->lock);
	first = s->link == l;
	bulk = bulk_lose(s, l);
	if (first)
		held = lose_first(s, l);
	if (first)
		tell(s, session_watch_up(epoch + 1, 0), &lost, 1);
	say = (first || bulk) && seldom_may(&s->log, clock_now_ms(), &left_out);
	pthread_mutex_unlock(&s->lock);
	file_fail_all(held);
	if (say)
		log_info("%s/%s: the stream%s was lost (%s); reconnecting at the next use%s", s->ns,
			s->pod, bulk ? " for bulk data" : "", strerror(rc < 0 ? -rc : rc),
			seldom_more(left_out, more));
}

static void on_death(void *arg, int rc)
{
	struct link *l = arg;

	session_lose(l->session, l, rc);
}

static int64_t next_deadline(struct session *s)
{
	int64_t at = clock_now_ms() + 60000;

	if (bulk_due_ms(s) < at)
		at = bulk_due_ms(s);

	for (struct waiter *w = s->queue; w; w = w->next) {
		if (w->deadline_ms < at)
			at = w->deadline_ms;
	}
	return at;
}

/* session->lock held on entry and return; lets go of it around every call-out */
static void clean_up(struct session *s)
{
	while (s->dying || s->garbage) {
		struct link *dying = s->dying, *garbage = s->garbage;
		int bye_ms = s->closing ? s->bye_ms : 0;

		if (dying)
			s->dying = dying->next;
		else
			s->garbage = garbage->next;
		pthread_mutex_unlock(&s->lock);
		if (dying) {
			link_hang_up(dying, bye_ms);
			session_unref_link(s, dying); /* the session's own */
		} else {
			link_free(garbage);
		}
		pthread_mutex_lock(&s->lock);
		if (!dying)
			s->links--;
	}
}

static void note_failure(struct session *s, int rc, const struct err *err)
{
	s->last_rc = rc;
	s->last_err = *err;
	s->backoff_ms = s->backoff_ms ? s->backoff_ms * 2 : BACKOFF_MIN_MS;
	if (s->backoff_ms > BACKOFF_MAX_MS)
		s->backoff_ms = BACKOFF_MAX_MS;
	s->retry_at_ms = clock_now_ms() + s->backoff_ms;
}

static void *try_it(void *arg)
{
	struct attempt *a = arg;
	struct session *s = a->s;
	struct session_spec spec = s->spec;

	/* the second stream is for much at once, which goes cheaper so (spdy.h) */
	if (a->stop == &s->bulk.stop && spec.protocol == EXEC_ANY)
		spec.protocol = EXEC_SPDY;
	if (gate_enter(s->spec.gate, &a->stop->stop)) {
		a->rc = link_open(&spec, a->stop, deadline_after(CONNECT_MS), &a->link, &a->err);
		if (!a->rc)
			remote_count(a->link->remote, &s->meter.traffic);
		gate_leave(s->spec.gate);
	} else {
		a->rc = err_set(&a->err, -EINTR, "the session is closing");
	}
	pthread_mutex_lock(&s->lock);
	a->over = true;
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

struct attempt *session_attempt(struct session *s, struct link_stop *stop)
{
	struct attempt *a = xcalloc(1, sizeof(*a));

	a->s = s;
	a->stop = stop;
	a->epoch = s->epoch;
	if (pthread_create(&a->thread, NULL, try_it, a) != 0)
		abort(); /* out of memory by another name */
	return a;
}

/* session->lock held. The link becomes the session's own, if anybody still wants it. */
static int adopt(struct session *s, struct attempt *a)
{
	struct link *l = a->link;

	if (a->rc < 0) {
		note_failure(s, a->rc, &a->err);
		return a->rc;
	}
	s->links++;
	s->opened++;
	l->session = s;
	l->epoch = ++s->epoch;
	if (s->closing || s->down_rc) {
		session_bury(s, l);
		return s->closing ? -ENOTCONN : s->down_rc;
	}
	s->last_rc = 0;
	s->backoff_ms = 0;
	s->link = l;
	l->refs++;
	return 0;
}

/* session->lock held on entry and return */
static void end_attempt(struct session *s)
{
	struct attempt *a = take_ptr(s->attempt);
	int rc = adopt(s, a);
	struct waiter *ready = take_queue(s);

	pthread_mutex_unlock(&s->lock);
	pthread_join(a->thread, NULL);
	if (rc < 0) {
		fail_all(ready, rc, &a->err);
	} else {
		remote_on_change(a->link->remote, on_change, a->link);
		remote_on_death(a->link->remote, on_death, a->link);
		while (ready) {
			struct waiter *next = ready->next;

			ready->go(ready, a->link);
			ready = next;
		}
		session_unref_link(s, a->link);
	}
	free(a);
	pthread_mutex_lock(&s->lock);
}

/* session->lock held on entry and return */
static void expire(struct session *s)
{
	struct waiter *late = NULL, **at = &s->queue;

	while (*at) {
		struct waiter *w = *at;

		if (deadline_passed(w->deadline_ms)) {
			*at = w->next;
			w->next = late;
			late = w;
			s->queued--;
		} else {
			at = &w->next;
		}
	}
	s->queue_end = at;
	if (!late)
		return;
	pthread_mutex_unlock(&s->lock);
	fail_all(late, -ETIMEDOUT, NULL);
	pthread_mutex_lock(&s->lock);
}

static void free_session(struct session *s)
{
	link_stop_fini(&s->stop);
	bulk_fini(&s->bulk);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s->ns);
	free(s->pod);
	free(s->container);
	free(s->root);
	for (char **at = s->argv; at && *at; at++)
		free(*at);
	free(s->argv);
	free(s);
}

/*
 * Runs on after session_close until the last run that somebody still holds has been let go; it
 * touches neither net nor target then.
 */
static void *work(void *arg)
{
	struct session *s = arg;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		struct timespec until;

		clean_up(s);
		expire(s);
		if (s->attempt && s->attempt->over) {
			end_attempt(s);
			continue;
		}
		if (bulk_turn(s))
			continue;
		if (s->closing && !s->closed && !s->attempt && !s->bulk.attempt) {
			s->closed = true;
			pthread_cond_broadcast(&s->wake);
		}
		if (s->closed && s->links == 0 && s->released)
			break;
		if (s->queue && !s->link && !s->closing && !s->attempt)
			s->attempt = session_attempt(s, &s->stop);
		until = deadline_timespec(next_deadline(s));
		if (!s->dying && !s->garbage)
			pthread_cond_timedwait(&s->wake, &s->lock, &until);
	}
	pthread_mutex_unlock(&s->lock);
	free_session(s);
	return NULL;
}

int session_open(const struct session_spec *spec, struct session **ret)
{
	struct session *s = xcalloc(1, sizeof(*s));
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	copy_spec(s, spec);
	s->queue_end = &s->queue;
	link_stop_init(&s->stop);
	bulk_init(&s->bulk);
	lock_init(&s->lock);
	clock_cond_init(&s->wake);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &attr, work, s);
	pthread_attr_destroy(&attr);
	if (rc) {
		free_session(s);
		return -rc;
	}
	*ret = s;
	return 0;
}

void session_close(struct session *s, int timeout_ms)
{
	struct timespec until = deadline_timespec(deadline_after(timeout_ms + 3000));
	struct waiter *left, *held;

	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	s->bye_ms = timeout_ms;
	left = take_queue(s);
	held = files_drop(s);
	bulk_lose(s, s->bulk.link);
	if (s->link)
		session_bury(s, take_ptr(s->link));
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	link_stop_now(&s->stop);
	link_stop_now(&s->bulk.stop);
	file_fail_all(held);
	fail_all(left, -ENOTCONN, NULL);
	pthread_mutex_lock(&s->lock);
	while (!s->closed) {
		if (pthread_cond_timedwait(&s->wake, &s->lock, &until) == ETIMEDOUT)
			break;
	}
	while (s->telling) /* it never blocks */
		pthread_cond_wait(&s->wake, &s->lock);
	s->released = true;
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

void session_poke(struct session *s)
{
	scoped_lock(&s->lock);
	s->down_rc = 0;
	s->last_rc = 0;
	s->backoff_ms = 0;
	pthread_cond_broadcast(&s->wake);
}

void session_down(struct session *s, int rc)
{
	struct waiter *left;
	struct link *l;

	pthread_mutex_lock(&s->lock);
	s->down_rc = rc;
	left = take_queue(s);
	l = s->link;
	if (l)
		l->refs++;
	pthread_mutex_unlock(&s->lock);
	fail_all(left, rc, NULL);
	if (l) {
		session_lose(s, l, rc); /* now, so that nothing more is sent on it after a poke */
		remote_kill(l->remote);
		session_unref_link(s, l);
	}
}

uint64_t session_handle_up(uint32_t epoch, uint64_t handle)
{
	return (uint64_t)epoch << HANDLE_BITS | handle;
}

uint64_t session_handle(struct session *s)
{
	scoped_lock(&s->lock);
	return s->link ? session_handle_up(
				 s->link->epoch, PROTO_HANDLE_MIN + (uint64_t)s->handles++)
		       : 0;
}

/* The agent's handle, or -ESTALE when it belongs to an older stream. */
int session_handle_down(uint32_t epoch, uint64_t handle, uint64_t *ret)
{
	if (handle >> HANDLE_BITS != epoch)
		return -ESTALE;
	*ret = handle & ((UINT64_C(1) << HANDLE_BITS) - 1);
	return 0;
}

uint64_t session_watch_up(uint32_t epoch, uint64_t watch)
{
	return (uint64_t)epoch << 32 | watch;
}

bool session_handle_fits(uint64_t handle)
{
	return handle >> HANDLE_BITS == 0;
}
