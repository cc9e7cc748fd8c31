/*
 * The objects that `create --via agent-sandbox` posts. Pure.
 */
#ifndef SBX_PLUGIN_VIABUILD_H
#define SBX_PLUGIN_VIABUILD_H

#include "plugin/pod.h"
#include "plugin/via.h"

/*
 * A Sandbox that makes that Pod (pod_build's, unlisted), under its name and with its labels. What is ours
 * of the Pod's annotations goes to the Sandbox.
 */
cJSON *via_build_sandbox(const struct kind *kind, const cJSON *pod);

/*
 * A claim of w's name (made up when NULL), labels, metadata and environment. template: what v1alpha1 names
 * it by; pool: likewise of v1beta1, and the one to take from in v1alpha1 (NULL: its default).
 */
cJSON *via_build_claim(
	const struct kind *kind, const struct pod_wish *w, const char *template, const char *pool);

/* A warm pool without spares, for a template that has none and a claim that must name one. */
cJSON *via_build_pool(const struct kind *kind, const char *ns, const char *template);

#endif
