/*
 * Making a sandbox by agent-sandbox: its Sandbox or claim, and the wait until that is ready; or nothing.
 */
#ifndef SBX_PLUGIN_VIAMAKE_H
#define SBX_PLUGIN_VIAMAKE_H

#include "plugin/make.h"

struct via_spec {
	const struct make_spec *make;
	/* a claim: of this template, or of this warm pool; both NULL: a Sandbox of our own */
	const char *template, *pool;
};

/*
 * 0: it is there; *ret is its Pod with "via" (via_mark), or, when it was not waited for, the object itself;
 * the caller's. Else err says why, and nothing is left of it, or err says what. As make_sandbox.
 */
int via_make(struct kube *k, const struct via_spec *spec, cJSON **ret, struct err *err);

#endif
