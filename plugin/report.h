/*
 * Beside the reason why a sandbox did not come to run: what the cluster's
 * events and the container's own output say.
 */
#ifndef SBX_PLUGIN_REPORT_H
#define SBX_PLUGIN_REPORT_H

#include "common/kube/rest.h"

/* On standard error, indented; nothing when there is nothing or it may not be read. told: what has
 * been said. */
void report_failure(struct kube *k, const cJSON *pod, const char *told);

#endif
