/* Requests on extended attributes: each is a job's work (job.h), on a worker thread. */
#ifndef SBX_AGENT_XATTR_H
#define SBX_AGENT_XATTR_H

#include "common/remote/agent/static/job.h"

int xattr_get(struct job *j);
int xattr_list(struct job *j);
int xattr_set(struct job *j);
int xattr_remove(struct job *j);

#endif
