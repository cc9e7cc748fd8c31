/*
 * Telling the endless wait that keeps a sandbox running (pod.h, POD_KEEPALIVE) how long it has left.
 */
#ifndef SBX_PLUGIN_TELLWAIT_H
#define SBX_PLUGIN_TELLWAIT_H

#include "common/kube/rest.h"

/* ttl_ms from now; 0: without end. One exec; what says it was heard is said inside. */
int tell_wait(struct kube *k, const char *ns, const char *name, int64_t ttl_ms, struct err *err);

#endif
