/*
 * Waiting for a new Pod by one watch, and saying what it is doing.
 */
#ifndef SBX_PLUGIN_READY_H
#define SBX_PLUGIN_READY_H

#include "common/kube/rest.h"
#include "plugin/phases.h"

#include <stdbool.h>

struct ready_spec {
	const cJSON *pod; /* as the POST answered */
	/* each counts only what is its own: no node has room; its image is being pulled; all else */
	int64_t schedule_timeout_ms, pull_timeout_ms, timeout_ms;
	const volatile bool *stop;
	int settle_ms; /* it must have been running for so long */
	struct phases *phases;
};

/*
 * 0: it runs; *ret is the Pod as last seen, the caller's. -ETIMEDOUT, -EINTR (*stop), -ESTALE (it
 * was deleted or replaced meanwhile), else why it cannot run. The Pod is left as it is.
 */
int ready_wait(struct kube *k, const struct ready_spec *spec, cJSON **ret, struct err *err);

#endif
