/* Connections that this end makes for the client: `dial` of proto.h. */
#ifndef SBX_AGENT_DIAL_H
#define SBX_AGENT_DIAL_H

#include "common/remote/agent/static/job.h"

/* text: the host; num: port, window. Takes j. */
void dial_begin(struct job *j);

#endif
