#include "common/session/gate.h"

#include "common/base/cleanup.h"
#include "common/base/clock.h"

#define STOP_MS 100

void gate_init(struct gate *g, unsigned most)
{
	*g = (struct gate){ .most = most };
	pthread_mutex_init(&g->lock, NULL);
	clock_cond_init(&g->left);
}

void gate_fini(struct gate *g)
{
	pthread_cond_destroy(&g->left);
	pthread_mutex_destroy(&g->lock);
}

static bool enter(struct gate *g, const bool *stop)
{
	scoped_lock(&g->lock);
	while (g->inside >= g->most) { /* bounded: each of those inside has its deadline */
		struct timespec until = deadline_timespec(deadline_after(STOP_MS));

		if (__atomic_load_n(stop, __ATOMIC_RELAXED))
			return false;
		pthread_cond_timedwait(&g->left, &g->lock, &until);
	}
	g->inside++;
	return true;
}

bool gate_enter(struct gate *g, const bool *stop)
{
	return !g || enter(g, stop);
}

static void leave(struct gate *g)
{
	scoped_lock(&g->lock);
	g->inside--;
	pthread_cond_signal(&g->left);
}

void gate_leave(struct gate *g)
{
	if (g)
		leave(g);
}
