/*
 * sbx-agent: the far end as one static program. It serves common/remote/proto.h on its standard
 * input and output.
 *
 * One thread (the loop) reads requests, hands out answers and watches over the runs; worker threads
 * (pool.h) do what may block. Each run has a process of its own that waits for it (keeper.h), so
 * that it can outlive this one. No globals: all hangs on this struct.
 */
#ifndef SBX_AGENT_AGENT_H
#define SBX_AGENT_AGENT_H

#include "common/remote/agent/static/brief.h"
#include "common/remote/agent/static/changes.h"
#include "common/remote/agent/static/handle.h"
#include "common/remote/agent/static/keeping.h"
#include "common/remote/agent/static/out.h"
#include "common/remote/agent/static/pool.h"
#include "common/remote/agent/static/quick.h"
#include "common/remote/agent/static/request.h"
#include "common/remote/agent/static/task.h"
#include "common/remote/agent/static/world.h"

struct agent {
	int loop;
	struct out out;
	struct pool pool;
	struct quick quick;
	struct brief brief;
	struct input input;
	struct handles handles;
	struct tasks tasks;
	struct changes changes;
	struct world world; /* never changes: any thread */
	struct buf env;     /* of the next run: its body */
	size_t spent;       /* bytes that jobs hold or may come to hold */
	uint32_t jobs;      /* alive */
	struct jobs held;   /* for want of memory */
	struct handle past; /* no file: one `past` after the other */
	struct keeping_past_at past_at[KEEPING_PAST_AT];
	int64_t ending_ms; /* the input has ended: until then what was asked is answered */
	bool over;
};

/* Memory that a job takes, and gives back. */
void agent_spend(struct agent *a, size_t n);
void agent_spent(struct agent *a, size_t n);

/* As the loop's thread: until the end of the stream, which ends the process. Never comes back. */
void agent_serve(struct agent *a);

/* Does the job when there is memory for it. Takes j. */
void agent_submit(struct agent *a, struct job *j);

#endif
