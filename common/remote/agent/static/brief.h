/*
 * What the loop's thread does itself although it might have to wait: what is over in microseconds nearly
 * always (a name made, moved or taken away, some bytes written), on file systems of this machine. A worker
 * costs two switches of threads, which is more than the work, and an answer that goes alone.
 *
 * That one slow file delays no other request is the guard's work: a second thread, which looks once in
 * a millisecond while such jobs are done. It finds the loop at the same job twice: then it is the loop
 * from there on, and the thread that is stuck, once it has come through, hands its job in as a worker does
 * and is the guard. While nobody guards, all goes to the workers. So it does for a while after a job that
 * took long.
 */
#ifndef SBX_AGENT_BRIEF_H
#define SBX_AGENT_BRIEF_H

#include "common/remote/agent/static/job.h"

#include <pthread.h>

struct agent;

struct brief {
	struct jobs todo; /* the loop's */
	int64_t rest_us;  /* the loop's: all goes to the workers until then */
	int64_t done_ms;  /* the loop's: when one was done last */

	/* Of both threads. */
	int turn;       /* atomic: what the loop's thread is at */
	unsigned begun; /* atomic: jobs; */
	bool guarded;   /* atomic: somebody is there to take over */
	bool sleeps;    /* atomic: and sleeps until woken; changed under lock */
	pthread_mutex_t lock;
	pthread_cond_t woken;
};

/* Guards from now on. Where no thread can be had nothing is brief. */
void brief_init(struct agent *a);

/* Takes j if it is one to be done here: by brief_turn. False: a worker shall. */
bool brief_take(struct agent *a, struct job *j);

static inline bool brief_waits(const struct brief *b)
{
	return b->todo.first;
}

/* Does some of them. False: another thread is the loop by now; nothing of the agent is the caller's. */
bool brief_turn(struct agent *a);

/* Waits until it is to be the loop's thread. */
void brief_guard(struct brief *b);

#endif
