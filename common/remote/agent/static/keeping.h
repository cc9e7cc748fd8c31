/* Requests about kept runs: each is a job's work (job.h), on a worker thread. */
#ifndef SBX_AGENT_KEEPING_H
#define SBX_AGENT_KEEPING_H

#include "common/remote/agent/static/job.h"

struct world;

/* How far `past` has come with an output: it is in order. The last ones; only a `past` touches it. */
#define KEEPING_PAST_AT 64
struct keeping_past_at {
	uint32_t id;
	int k;
	uint64_t next;
};

int keeping_runs(struct job *j);
int keeping_script(struct job *j);
int keeping_signal(struct job *j);
int keeping_forget(struct job *j);
int keeping_past(struct job *j);

/* The highest id that is kept; 0: none. */
uint32_t keeping_highest(const struct world *w);

#endif
