#include "common/remote/agent/static/brief.h"

#include "common/base/clock.h"
#include "common/remote/agent/static/agent.h"

#include <time.h>

#define TURN_JOBS   32                /* then others have theirs */
#define BYTES_MAX   (64 * 1024)       /* of a write: more is better copied beside others */
#define LONG_US     500               /* as if it had waited */
#define REST_US     (20 * 1000)       /* after that */
#define LOOK_NS     (1000 * 1000)     /* how often the guard does, */
#define LOOKS_IDLE  8                 /* and how often in vain before it sleeps */
#define STACK_BYTES (4 * 1024 * 1024) /* touched as far as it is used: it may be the loop */

enum { AT_LOOP, AT_JOB, TAKEN };

/* --- the guard ------------------------------------------------------------ */

static unsigned begun(const struct brief *b)
{
	return __atomic_load_n(&b->begun, __ATOMIC_SEQ_CST);
}

static void sleep_until_woken(struct brief *b, unsigned seen)
{
	scoped_lock(&b->lock);
	__atomic_store_n(&b->sleeps, true, __ATOMIC_SEQ_CST);
	while (b->sleeps && begun(b) == seen)
		pthread_cond_wait(&b->woken, &b->lock);
	__atomic_store_n(&b->sleeps, false, __ATOMIC_SEQ_CST);
}

static void wake(struct brief *b)
{
	if (!__atomic_load_n(&b->sleeps, __ATOMIC_SEQ_CST))
		return;
	pthread_mutex_lock(&b->lock);
	__atomic_store_n(&b->sleeps, false, __ATOMIC_SEQ_CST);
	pthread_cond_signal(&b->woken);
	pthread_mutex_unlock(&b->lock);
}

static bool move(struct brief *b, int from, int to)
{
	return __atomic_compare_exchange_n(
		&b->turn, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

void brief_guard(struct brief *b)
{
	const struct timespec look = { 0, LOOK_NS };
	unsigned seen = begun(b), idle = 0;

	__atomic_store_n(&b->guarded, true, __ATOMIC_SEQ_CST);
	for (;;) {
		unsigned now;

		if (idle++ >= LOOKS_IDLE)
			sleep_until_woken(b, seen);
		nanosleep(&look, NULL);
		now = begun(b);
		if (now == seen && move(b, AT_JOB, TAKEN))
			break;
		if (now != seen)
			idle = 0;
		seen = now;
	}
	/* The other one finds it changed, whatever it is by then. */
	b->rest_us = clock_now_us() + REST_US;
	__atomic_store_n(&b->guarded, false, __ATOMIC_SEQ_CST);
	__atomic_store_n(&b->turn, AT_LOOP, __ATOMIC_RELEASE);
}

static void *guard(void *arg)
{
	struct agent *a = arg;

	brief_guard(&a->brief);
	agent_serve(a);
	return NULL;
}

void brief_init(struct agent *a)
{
	struct brief *b = &a->brief;
	pthread_attr_t attr;
	pthread_t thread;

	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->woken, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_create(&thread, &attr, guard, a);
	pthread_attr_destroy(&attr);
}

/* --- the loop --------------------------------------------------------------- */

static bool may_be_brief(const struct brief *b)
{
	return __atomic_load_n(&b->guarded, __ATOMIC_SEQ_CST) &&
	       (!b->rest_us || clock_now_us() >= b->rest_us);
}

/* Else a worker learns of the folder, for the next time. */
static bool place_is_local(struct job *j)
{
	const char *path = j->text[1] ? j->text[1] : j->text[0];

	j->place = quick_place(&j->agent->quick, path) ? NULL : path;
	return !j->place;
}

bool brief_take(struct agent *a, struct job *j)
{
	struct brief *b = &a->brief;

	if (j->brief == BRIEF_NOT || j->body_n > BYTES_MAX || !may_be_brief(b))
		return false;
	if (j->brief == BRIEF_HANDLE && !j->handle->local)
		return false;
	if (j->brief == BRIEF_NAME && !place_is_local(j))
		return false;
	jobs_put(&b->todo, j);
	return true;
}

/* False: this thread was too long at it. */
static bool work(struct agent *a, struct job *j)
{
	struct brief *b = &a->brief;
	int64_t began_us = clock_now_us(), ended_us;
	int rc;

	__atomic_add_fetch(&b->begun, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&b->turn, AT_JOB, __ATOMIC_SEQ_CST);
	wake(b);
	b->done_ms = began_us / 1000;
	rc = j->work(j);
	if (!move(b, AT_JOB, AT_LOOP)) {
		pool_hand_in(&a->pool, j, rc);
		return false;
	}
	ended_us = clock_now_us();
	b->rest_us = ended_us - began_us >= LONG_US ? ended_us + REST_US : 0;
	j->rc = rc;
	pool_finish(j);
	return true;
}

bool brief_turn(struct agent *a)
{
	struct brief *b = &a->brief;

	for (int i = 0; b->todo.first && i < TURN_JOBS; i++) {
		struct job *j = jobs_take(&b->todo);

		if (!may_be_brief(b))
			pool_work(&a->pool, j);
		else if (!work(a, j))
			return false;
	}
	return true;
}
