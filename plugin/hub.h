/*
 * One thread that waits for many descriptors, and for what other threads want done on it.
 *
 * Watches and works lie in their owners' memory, which may be freed between two turns only.
 */
#ifndef SBX_PLUGIN_HUB_H
#define SBX_PLUGIN_HUB_H

#include "common/base/cleanup.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct hub_watch {
	int fd;
	bool polled;
	uint32_t events; /* asked for */
	void (*ready)(void *arg, uint32_t events);
	void *arg;
};

struct hub_work {
	struct hub_work *next;
	bool waits;
	void (*run)(struct hub_work *w);
};

struct hub {
	int epoll;
	struct hub_watch wake;
	pthread_mutex_t lock; /* the next, and every work's first two */
	struct hub_work *first, **end;
};

int hub_open(struct hub *h); /* -errno */
void hub_close(struct hub *h);

/* Waits for these events; 0: for errors and hang-ups alone, which are always told. */
int hub_want(struct hub *h, struct hub_watch *w, uint32_t events);
void hub_forget(struct hub *h, struct hub_watch *w); /* is not told of anything any more */
void hub_drop(struct hub *h, struct hub_watch *w);   /* the same, and closes it */

/* Any thread: w is run on the hub's, soon and once. */
void hub_poke(struct hub *h, struct hub_work *w);

/* Waits at most timeout_ms (-1: without end), and does what there is. */
void hub_turn(struct hub *h, int timeout_ms);

#endif
