#include "fs/reaper.h"

#include "common/base/cleanup.h"
#include "fs/box.h"

#include <pthread.h>
#include <signal.h>
#include <utlist.h>

#define BYE_MS 1000

struct item {
	struct box *box;
	struct item *prev, *next;
};

struct reaper {
	pthread_t thread;
	pthread_mutex_t lock; /* all below */
	pthread_cond_t wake;
	struct item *items;
	bool stop, hurry;
};

/* NULL: stop. */
static struct item *next_item(struct reaper *r, int *ret_bye_ms)
{
	struct item *item;

	scoped_lock(&r->lock);
	while (!r->items && !r->stop)
		pthread_cond_wait(&r->wake, &r->lock);
	item = r->items;
	if (item)
		DL_DELETE(r->items, item);
	*ret_bye_ms = r->hurry ? 0 : BYE_MS;
	return item;
}

static void *run(void *arg)
{
	struct item *item;
	int bye_ms;

	while ((item = next_item(arg, &bye_ms))) {
		box_close_session(item->box, bye_ms);
		free(item);
	}
	return NULL;
}

/* Signals are the main thread's. */
static int start(struct reaper *r)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&r->thread, NULL, run, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -rc;
}

int reaper_open(struct reaper **ret)
{
	struct reaper *r = xcalloc(1, sizeof(*r));
	int rc;

	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->wake, NULL);
	rc = start(r);
	if (rc < 0) {
		free(r);
		return rc;
	}
	*ret = r;
	return 0;
}

void reaper_take(struct reaper *r, struct box *b)
{
	struct item *item = xcalloc(1, sizeof(*item));

	item->box = b;
	pthread_mutex_lock(&r->lock);
	DL_APPEND(r->items, item);
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

void reaper_hurry(struct reaper *r)
{
	scoped_lock(&r->lock);
	r->hurry = true;
}

void reaper_close(struct reaper *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = r->hurry = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
