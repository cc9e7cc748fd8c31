/*
 * What a tenant is made of: a namespace and, in it, a quota, defaults for containers, a policy that
 * closes its network, and an account with the least Role. Pure.
 *
 * Each carries the label LABEL_TENANT with the tenant's name, which is the namespace's too.
 */
#ifndef SBX_PLUGIN_TENANTPLAN_H
#define SBX_PLUGIN_TENANTPLAN_H

#include "plugin/kind.h"

#include <stdint.h>

#define TENANT_OBJECT      "sbx"                 /* the name of each in the namespace */
#define TENANT_PARTS       6                     /* beside the namespace */
#define ANNOTATION_ADOPTED "kubectl-sbx/adopted" /* the namespace was there before */

/* Borrowed. */
struct tenant_wish {
	const char *name;
	const char *cpu, *memory;             /* what all its sandboxes may ask for together */
	const char *limit_cpu, *limit_memory; /* and use at most; NULL: as above */
	int64_t pods;
	const char *pod_security; /* "baseline", ... */
	bool egress;              /* its sandboxes may reach out */
	int64_t expires_ms;       /* since 1970; 0: never */
	int64_t unfinished_ms;
};

/* -EINVAL and the sentence for the first wish that no cluster would take. */
int tenant_check(const struct tenant_wish *w, struct err *err);

cJSON *tenant_namespace(const struct tenant_wish *w);

/* The i-th of TENANT_PARTS, in the order of making. The caller's. */
cJSON *tenant_part(const struct tenant_wish *w, size_t i, const struct kind **ret_kind);

/* Is a namespace one of ours? */
bool tenant_is(const cJSON *namespace);

struct kube_target;

/* A kubeconfig for token in namespace ns of the same server. The caller's. */
cJSON *tenant_kubeconfig(const struct kube_target *t, const char *ns, const char *token);

#endif
