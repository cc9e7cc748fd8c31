/*
 * Threads for what may block: every file operation.
 *
 * A few are enough as long as none hangs; when all do and something has waited for some
 * milliseconds, there is one more, up to POOL_THREADS. What hangs in all of them stops further
 * file operations, nothing else.
 */
#ifndef SBX_AGENT_POOL_H
#define SBX_AGENT_POOL_H

#include "common/remote/agent/static/job.h"

#include <pthread.h>

#define POOL_USUAL   4
#define POOL_THREADS 16
#define POOL_WAIT_MS 5

struct pool {
	int loop;
	struct watch wake; /* an eventfd: something is done or has been put */
	struct out *out;

	pthread_mutex_t lock;
	pthread_cond_t work; /* there is a job */
	pthread_cond_t room; /* a listing may put more */
	struct jobs todo, done;
	struct job *poked;
	unsigned threads, idle;
	bool told;        /* the eventfd has been written to */
	int64_t since_ms; /* the first of todo waits since then */
};

int pool_init(struct pool *p, int loop, struct out *out); /* 0 or -errno */

/* Comes back on the loop's thread: its handle is let go, after() is called, its answer goes. */
void pool_submit(struct pool *p, struct job *j);

/* To a worker. */
void pool_work(struct pool *p, struct job *j);
/* On any thread but the loop's: j was done there, as by a worker. */
void pool_hand_in(struct pool *p, struct job *j, int rc);
/* On the loop's: j was done here. */
void pool_finish(struct job *j);

/* When the loop shall look after it at the latest, in ms; -1: it need not. */
int pool_timeout(struct pool *p);
void pool_look(struct pool *p);

/* On a worker, in a job that streams: bytes for its content. Waits while much is there already. */
void pool_put(struct pool *p, struct job *j, const struct buf *bytes);

#endif
