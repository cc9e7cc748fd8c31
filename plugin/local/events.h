/*
 * Event objects about Pods. They live an hour, in memory.
 */
#ifndef SBX_LOCAL_EVENTS_H
#define SBX_LOCAL_EVENTS_H

#include "plugin/local/store.h"

/* container NULL: about the Pod itself. type: "Normal" or "Warning". Repeats are counted. */
void events_tell(struct store *st, const cJSON *pod, const char *container, const char *type,
	const char *reason, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

void events_expire(struct store *st);

#endif
