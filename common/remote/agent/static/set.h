/* Requests that set attributes: each is a job's work (job.h), on a worker thread. */
#ifndef SBX_AGENT_SET_H
#define SBX_AGENT_SET_H

#include "common/remote/agent/static/job.h"

/* Arguments SIZE and MODE when they are "-"; an id's is UINT32_MAX, as for chown(2). */
#define SET_KEEP UINT64_MAX

int set_handle(struct job *j); /* fset */
int set_path(struct job *j);

#endif
