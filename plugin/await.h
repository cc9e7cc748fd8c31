/*
 * Waiting for one object of the cluster, by a watch.
 */
#ifndef SBX_PLUGIN_AWAIT_H
#define SBX_PLUGIN_AWAIT_H

#include "plugin/kind.h"

/* Until seen has gone. -ETIMEDOUT, -EINTR (stop; may be NULL). */
int await_gone(struct kube *k, const struct kind *kind, const cJSON *seen, int64_t deadline_ms,
	const volatile bool *stop, struct err *err);

/* Until the object is there and has something at path (json_at). */
int await_path(struct kube *k, const struct kind *kind, const char *ns, const char *name,
	const char *path, int64_t deadline_ms, const volatile bool *stop, struct err *err);

#endif
