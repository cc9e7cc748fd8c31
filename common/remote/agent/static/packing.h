/*
 * The stream becomes one of files (common/remote/pack/pack.h): the request `pack`.
 */
#ifndef SBX_AGENT_PACKING_H
#define SBX_AGENT_PACKING_H

#include "common/remote/agent/static/job.h"

/* On the loop's thread; answers, copies, and ends this process. EBUSY when anything else was asked before. */
void packing_begin(struct job *j);

#endif
