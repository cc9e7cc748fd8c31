/*
 * gc's work: finds what is ours and over, and deletes it as it was seen.
 *
 * What cannot be proven to be ours (lifetime.h) is passed by, whatever it is called.
 */
#ifndef SBX_PLUGIN_SWEEP_H
#define SBX_PLUGIN_SWEEP_H

#include "common/kube/rest.h"

#include <stdbool.h>
#include <stdint.h>

struct sweep {
	struct kube *kube;
	const char *ns; /* NULL: all, and tenants' namespaces too */
	bool dry_run;   /* delete nothing, say what would be */
	bool quiet;     /* say nothing */
	int64_t older_ms;
	int64_t now_ms; /* its own; by the cluster's clock */

	size_t count; /* out: deleted, or to be */
	bool failed;  /* out: something could not be listed or deleted; it has been said */
};

/* Says each on standard output, with the reason. */
void sweep_run(struct sweep *s);

#endif
