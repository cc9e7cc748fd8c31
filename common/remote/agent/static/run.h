/* Requests about runs, on the loop's thread. All take j. */
#ifndef SBX_AGENT_RUN_H
#define SBX_AGENT_RUN_H

#include "common/remote/agent/static/job.h"

void run_env(struct job *j);   /* of the next run */
void run_begin(struct job *j); /* becomes a task (task.h) */
void run_keep(struct job *j);  /* a run of this stream becomes a kept one */

#endif
