#include "fs/pool.h"

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "fs/output.h"

#include <utlist.h>

#define TICK_MS 500

void pool_init(struct pool *p, uint64_t max)
{
	*p = (struct pool){ .max = max };
	pthread_mutex_init(&p->lock, NULL);
}

void pool_fini(struct pool *p)
{
	pthread_mutex_destroy(&p->lock);
}

void pool_add(struct pool *p, struct output *o)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	DL_APPEND(p->outputs, o);
	pthread_mutex_unlock(&p->lock);
}

void pool_remove(struct pool *p, struct output *o)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	DL_DELETE(p->outputs, o);
	pthread_mutex_unlock(&p->lock);
}

bool pool_take(struct pool *p, uint64_t n)
{
	uint64_t held;

	if (!p)
		return true;
	held = atomic_load(&p->held);
	do {
		if (held >= p->max || n > p->max - held) {
			atomic_store(&p->wanted, n);
			return false;
		}
	} while (!atomic_compare_exchange_weak(&p->held, &held, held + n));
	return true;
}

void pool_force(struct pool *p, uint64_t n)
{
	if (p)
		atomic_fetch_add(&p->held, n);
}

void pool_give(struct pool *p, uint64_t n)
{
	if (!p || n == 0)
		return;
	atomic_fetch_sub(&p->held, n);
	atomic_store(&p->changed, true);
}

void pool_changed(struct pool *p)
{
	if (p)
		atomic_store(&p->changed, true);
}

static bool fits(struct pool *p, uint64_t n)
{
	uint64_t held = atomic_load(&p->held);

	return held < p->max && n <= p->max - held;
}

/* lock held */
static void make_room(struct pool *p, uint64_t n)
{
	struct output *o;

	DL_FOREACH(p->outputs, o)
	{
		if (fits(p, n))
			return;
		output_evict(o);
	}
}

static void ask_all(struct pool *p)
{
	uint64_t wanted = atomic_exchange(&p->wanted, 0);
	struct output *o;

	scoped_lock(&p->lock);
	if (wanted)
		make_room(p, wanted);
	DL_FOREACH(p->outputs, o)
	output_retry(o);
}

void pool_kick(struct pool *p)
{
	if (p && atomic_load(&p->hungry) > 0 && atomic_exchange(&p->changed, false))
		ask_all(p);
}

void pool_tick(struct pool *p)
{
	int64_t now_ms = clock_now_ms();

	if (now_ms - p->tick_ms < TICK_MS)
		return;
	p->tick_ms = now_ms;
	if (atomic_load(&p->hungry) > 0)
		ask_all(p);
}
