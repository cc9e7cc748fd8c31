/*
 * Waiting for a new Pod by one watch, and saying what it is doing.
 */
#ifndef SBX_PLUGIN_READY_H
#define SBX_PLUGIN_READY_H

#include "common/kube/rest.h"

#include <stdbool.h>

struct ready_spec {
	const cJSON *pod;   /* as the POST answered */
	int64_t started_ms; /* of the whole creation: what the printed times count from */
	int64_t deadline_ms;
	const volatile bool *stop;
	int settle_ms; /* it must have been running for so long */
	bool talk;     /* print each phase with its time on standard error */
};

/*
 * 0: it runs; *ret is the Pod as last seen, the caller's. -ETIMEDOUT, -EINTR (*stop), -ESTALE (it
 * was deleted or replaced meanwhile), else why it cannot run. The Pod is left as it is.
 */
int ready_wait(struct kube *k, const struct ready_spec *spec, cJSON **ret, struct err *err);

/* "0.3s text" on standard error. */
void ready_say(int64_t started_ms, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
