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

/* What is reported of one container, an init container too; NULL when nothing is. Borrowed. */
const cJSON *podstatus_of(const cJSON *pod, const char *container);

bool podstatus_is_over(const cJSON *pod); /* Succeeded or Failed */

#endif
