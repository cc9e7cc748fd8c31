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
#include "common/base/log.h"

#define CONNECT_MS     15000
#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 5000
#define HANDLE_BITS    40 /* an agent's handle; the epoch stands above */

static void copy_spec(struct session *s, const struct session_spec *from)
{
	s->spec = *from;
	s->spec.ns = s->ns = xstrdup(from->ns ? from->ns : "-");
	s->spec.pod = s->pod = xstrdup(from->pod ? from->pod : "local");
	s->spec.container = s->container = xstrdup(from->container);
	s->root = xstrdup(from->root && strcmp(from->root, "/") != 0 ? from->root : "");
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

void session_unref_link(struct session *s, struct link *l)
{
	scoped_lock(&s->lock);
	if (--l->refs == 0) {
		l->next = s->garbage;
		s->garbage = l;
		pthread_cond_broadcast(&s->wake);
	}
}

void session_lose(struct session *s, struct link *l, int rc)
{
	pthread_mutex_lock(&s->lock);
	if (s->link != l) {
		pthread_mutex_unlock(&s->lock);
		return;
	}
	s->link = NULL;
	s->lost++;
	s->last_rc = 0; /* one attempt at once, before any back-off */
	l->next = s->dying;
	s->dying = l;
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	log_info("%s/%s: the stream was lost (%s); reconnecting at the next use", s->ns, s->pod,
		strerror(rc < 0 ? -rc : rc));
}

static void on_death(void *arg, int rc)
{
	struct link *l = arg;

	session_lose(l->session, l, rc);
}

static int64_t next_deadline(struct session *s)
{
	int64_t at = clock_now_ms() + 60000;

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

	a->rc = link_open(&s->spec, &s->stop, deadline_after(CONNECT_MS), &a->link, &a->err);
	pthread_mutex_lock(&s->lock);
	a->over = true;
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* session->lock held */
static void begin_attempt(struct session *s)
{
	struct attempt *a = xcalloc(1, sizeof(*a));

	a->s = s;
	s->attempt = a;
	if (pthread_create(&a->thread, NULL, try_it, a) != 0)
		abort(); /* out of memory by another name */
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
		l->next = s->dying;
		s->dying = l;
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
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s->ns);
	free(s->pod);
	free(s->container);
	free(s->root);
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
		if (s->closing && !s->closed && !s->attempt) {
			s->closed = true;
			pthread_cond_broadcast(&s->wake);
		}
		if (s->closed && s->links == 0 && s->released)
			break;
		if (s->queue && !s->link && !s->closing && !s->attempt)
			begin_attempt(s);
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
	pthread_mutex_init(&s->lock, NULL);
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
	struct waiter *left;

	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	s->bye_ms = timeout_ms;
	left = take_queue(s);
	if (s->link) {
		s->link->next = s->dying;
		s->dying = take_ptr(s->link);
	}
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	link_stop_now(&s->stop);
	fail_all(left, -ENOTCONN, NULL);
	pthread_mutex_lock(&s->lock);
	while (!s->closed) {
		if (pthread_cond_timedwait(&s->wake, &s->lock, &until) == ETIMEDOUT)
			break;
	}
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
		remote_kill(l->remote);
		session_unref_link(s, l);
	}
}

int session_state(struct session *s, struct err *err)
{
	scoped_lock(&s->lock);
	if (s->down_rc)
		return err_set(err, s->down_rc, "%s/%s is not running", s->ns, s->pod);
	if (s->link)
		return 0;
	if (s->last_rc && !deadline_passed(s->retry_at_ms)) {
		if (err)
			*err = s->last_err;
		return s->last_rc;
	}
	return -EINPROGRESS;
}

/* How a request ends whose stream is gone: as the sandbox's own state says, else by losing the
 * stream. */
int session_lost_rc(struct session *s, struct err *err)
{
	scoped_lock(&s->lock);
	if (s->down_rc)
		return err_set(err, s->down_rc, "%s/%s is not running any more", s->ns, s->pod);
	return err_set(err, -EIO, "the stream to %s/%s was lost", s->ns, s->pod);
}

int session_far(struct session *s, struct session_far *ret)
{
	const struct remote_info *info;

	scoped_lock(&s->lock);
	if (!s->link)
		return -ENOTCONN;
	info = remote_info(s->link->remote);
	*ret = (struct session_far){ .max = info->max, .uid = info->uid, .gid = info->gid };
	return 0;
}

void session_describe(struct session *s, struct buf *ret)
{
	const struct remote_info *info;

	scoped_lock(&s->lock);
	info = s->link ? remote_info(s->link->remote) : NULL;
	buf_printf(ret, "\"connected\":%s,\"opened\":%u,\"lost\":%u,\"queued\":%u",
		info ? "true" : "false", s->opened, s->lost, s->queued);
	if (!info)
		return;
	buf_printf(
		ret, ",\"agent\":\"%s\",\"uid\":%u,\"gid\":%u", info->kind, info->uid, info->gid);
}

uint64_t session_handle_up(uint32_t epoch, uint64_t handle)
{
	return (uint64_t)epoch << HANDLE_BITS | handle;
}

/* The agent's handle, or -ESTALE when it belongs to an older stream. */
int session_handle_down(uint32_t epoch, uint64_t handle, uint64_t *ret)
{
	if (handle >> HANDLE_BITS != epoch)
		return -ESTALE;
	*ret = handle & ((UINT64_C(1) << HANDLE_BITS) - 1);
	return 0;
}

bool session_handle_fits(uint64_t handle)
{
	return handle >> HANDLE_BITS == 0;
}
