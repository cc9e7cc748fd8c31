/*
 * A run of this stream, as run.c (its tag's life), begin.c (its start) and boss.c (what its keeper
 * says) share it.
 */
#ifndef SBX_AGENT_RUNS_H
#define SBX_AGENT_RUNS_H

#include "common/remote/agent/static/agent.h"
#include "common/remote/agent/static/feed.h"
#include "common/remote/agent/static/follow.h"
#include "common/remote/agent/static/keeper.h"

/* One output of a run. */
struct run_flow {
	struct watch watch; /* edge-triggered */
	struct run *run;
	bool ready; /* not known to be empty */
	bool over;
	bool late; /* the command ended long ago: only `left` bytes count */
	size_t left;
};

struct run {
	struct task task; /* first */
	pid_t pid;        /* 0: it has not started */
	bool terminal, wants_in;
	struct run_flow flow[2];
	int turn;          /* whose frame is next */
	struct watch boss; /* keeper.h */
	struct feed in;
	uint32_t keep_tag;         /* of a `keep` that is on its way; 0: none */
	struct follow_spec follow; /* when it is kept from its start */
	uint32_t kept;             /* wanted, or 0 */
	bool ended;
	enum kept_state state;
	int code;
};

struct run *run_new(struct agent *a, uint32_t tag);
struct run *run_find(struct agent *a, uint64_t tag); /* NULL: none, or one that is followed */
void run_fail(struct run *r, int rc);                /* `!`, the last word */
/* `!` for another tag, in the run's lines. */
void run_say_failure(struct run *r, uint32_t tag, int rc);

void boss_ready(void *arg, uint32_t events); /* of a run's boss: reports */

#endif
