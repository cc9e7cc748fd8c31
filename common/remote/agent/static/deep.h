/*
 * Paths longer than the kernel takes in one call: the folder far enough down is opened piece by piece,
 * and stands for the beginning of the path as /proc/self/fd/N while the job is done.
 */
#ifndef SBX_AGENT_DEEP_H
#define SBX_AGENT_DEEP_H

#include "common/remote/agent/static/job.h"

/* j has its work. Where a path of it is too long that becomes one that shortens it first. */
void deep_prepare(struct job *j);

#endif
