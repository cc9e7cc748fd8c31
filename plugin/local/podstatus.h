/*
 * A Pod's status, from what its shim reports. Pure.
 */
#ifndef SBX_LOCAL_PODSTATUS_H
#define SBX_LOCAL_PODSTATUS_H

#include "plugin/local/json.h"

/* report: status.json of the shim. Changes pod's status in place. */
void podstatus_apply(cJSON *pod, const cJSON *report);

/* All containers wait for this reason (no shim yet). */
void podstatus_waiting(cJSON *pod, const char *container, const char *reason, const char *message);

/* Failed, for a reason outside the containers. */
void podstatus_failed(cJSON *pod, const char *reason, const char *message);

bool podstatus_is_over(const cJSON *pod); /* Succeeded or Failed */

#endif
