#include "common/kube/keep.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <uthash.h>

#define EVERY_MIN_MS 500
#define EVERY_MAX_MS (5 * 60 * 1000)
#define PATCH_MS     3000
#define AGAIN_MS     10000         /* after a failure that may pass */
#define REFUSED_MS   (3600 * 1000) /* rights are not given by the minute */
#define REST_MS      60000         /* a look at the clock where nothing is due */

struct kept {
	char *ns, *name, *uid;
	int64_t idle_ms;
	int64_t due_ms; /* monotonic */
	UT_hash_handle hh;
};

struct keep {
	struct kube *kube;

	pthread_mutex_t lock; /* all below; a leaf */
	pthread_cond_t changed;
	struct kept *all; /* by uid */
	pthread_t thread;
	bool started, ending;
};

int64_t keep_every_ms(int64_t idle_ms)
{
	int64_t every = idle_ms / 4;

	if (every < EVERY_MIN_MS)
		return EVERY_MIN_MS;
	return every > EVERY_MAX_MS ? EVERY_MAX_MS : every;
}

static void forget(struct keep *keep, struct kept *one)
{
	HASH_DEL(keep->all, one);
	free(one->ns);
	free(one->name);
	free(one->uid);
	free(one);
}

/* lock held */
static struct kept *next_due(struct keep *keep)
{
	struct kept *one, *next, *first = NULL;

	HASH_ITER(hh, keep->all, one, next)
	if (!first || one->due_ms < first->due_ms)
		first = one;
	return first;
}

/* lock held at both ends, not in between: uid may be gone when the answer comes */
static void touch(struct keep *keep, struct kept *one)
{
	auto_free char *ns = xstrdup(one->ns);
	auto_free char *name = xstrdup(one->name);
	auto_free char *uid = xstrdup(one->uid);
	int64_t idle_ms = one->idle_ms;
	struct err err = { 0 };
	int rc;

	one->due_ms = clock_now_ms() + keep_every_ms(idle_ms);
	pthread_mutex_unlock(&keep->lock);
	rc = sandbox_touch(keep->kube, ns, name, uid, idle_ms, PATCH_MS, &err);
	if (rc < 0)
		trace(WATCH, "keeping %s/%s: %s", ns, name, err_text(&err, rc));
	pthread_mutex_lock(&keep->lock);
	HASH_FIND_STR(keep->all, uid, one);
	if (!one || rc >= 0)
		return;
	/* a conflict is a moment's, or a namesake's: then who keeps it drops it */
	if (rc == -ENOENT)
		forget(keep, one);
	else if (rc == -EACCES)
		one->due_ms = clock_now_ms() + REFUSED_MS;
	else if (one->due_ms > clock_now_ms() + AGAIN_MS)
		one->due_ms = clock_now_ms() + AGAIN_MS;
}

static void *run(void *arg)
{
	struct keep *keep = arg;

	pthread_mutex_lock(&keep->lock);
	while (!keep->ending) {
		struct kept *one = next_due(keep);
		struct timespec until =
			deadline_timespec(one ? one->due_ms : deadline_after(REST_MS));

		if (one && deadline_passed(one->due_ms))
			touch(keep, one);
		else
			pthread_cond_timedwait(&keep->changed, &keep->lock, &until);
	}
	pthread_mutex_unlock(&keep->lock);
	return NULL;
}

/* lock held */
static void start(struct keep *keep)
{
	sigset_t all, old;

	if (keep->started)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	keep->started = pthread_create(&keep->thread, NULL, run, keep) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct keep *keep_open(struct kube *k)
{
	struct keep *keep = xcalloc(1, sizeof(*keep));

	keep->kube = k;
	pthread_mutex_init(&keep->lock, NULL);
	clock_cond_init(&keep->changed);
	return keep;
}

void keep_close(struct keep *keep)
{
	struct kept *one, *next;

	if (!keep)
		return;
	pthread_mutex_lock(&keep->lock);
	keep->ending = true;
	pthread_cond_signal(&keep->changed);
	pthread_mutex_unlock(&keep->lock);
	if (keep->started)
		pthread_join(keep->thread, NULL);
	HASH_ITER(hh, keep->all, one, next)
	forget(keep, one);
	pthread_cond_destroy(&keep->changed);
	pthread_mutex_destroy(&keep->lock);
	free(keep);
}

/* When is it to be said next? What was said last, by whomever, is idle_ms before idle_until_ms. */
static int64_t due_of(const struct keep *keep, const struct sandbox *s)
{
	int64_t said_ms = s->idle_until_ms ? s->idle_until_ms - s->idle_ms : 0;
	int64_t left_ms = said_ms + keep_every_ms(s->idle_ms) - kube_wall_ms(keep->kube);

	if (left_ms > keep_every_ms(s->idle_ms))
		left_ms = keep_every_ms(s->idle_ms);
	return clock_now_ms() + (left_ms > 0 ? left_ms : 0);
}

static void put(struct keep *keep, const struct sandbox *s)
{
	struct kept *one;

	scoped_lock(&keep->lock);
	HASH_FIND_STR(keep->all, s->uid, one);
	if (s->idle_ms <= 0 || !s->running || s->deleting) {
		if (one)
			forget(keep, one);
		return;
	}
	if (!one) {
		one = xcalloc(1, sizeof(*one));
		one->ns = xstrdup(s->ns);
		one->name = xstrdup(s->name);
		one->uid = xstrdup(s->uid);
		HASH_ADD_KEYPTR(hh, keep->all, one->uid, strlen(one->uid), one);
	}
	/* what is told may be older than our own last patch */
	if (one->idle_ms != s->idle_ms || due_of(keep, s) > one->due_ms)
		one->due_ms = due_of(keep, s);
	one->idle_ms = s->idle_ms;
	start(keep);
	pthread_cond_signal(&keep->changed);
}

static void drop(struct keep *keep, const char *uid)
{
	struct kept *one;

	scoped_lock(&keep->lock);
	HASH_FIND_STR(keep->all, uid, one);
	if (one)
		forget(keep, one);
}

void keep_put(struct keep *keep, const struct sandbox *s)
{
	if (keep)
		put(keep, s);
}

void keep_drop(struct keep *keep, const char *uid)
{
	if (keep)
		drop(keep, uid);
}
