/*
 * The Pod of a new sandbox (DESIGN.md 6), from wishes and an optional base.
 *
 * What a wish says wins, then what the base says, then our defaults.
 */
#ifndef SBX_PLUGIN_POD_H
#define SBX_PLUGIN_POD_H

#include "common/base/buf.h"
#include "common/kube/sandbox.h"
#include "plugin/opts.h"

#define ANNOTATION_DEFAULT_CONTAINER "kubectl.kubernetes.io/default-container"
#define ANNOTATION_EXPIRES           "kubectl-sbx/expires-at"
#define ANNOTATION_REQUEST                                                                         \
	"kubectl-sbx/request" /* random; tells our Pod from another of its name */

/* All borrowed; NULL: not wished. */
struct pod_wish {
	const char *name; /* NULL: the base's, else "sbx-" and five random letters */
	const char *ns;   /* the namespace it will be posted to */
	const char *image;
	const char *otherwise_image; /* when nobody names one; NULL: the default */
	const char *runtime;         /* "node" or "python" */
	const struct opt_list *env;  /* KEY=VALUE */
	const struct opt_list *meta; /* KEY=VALUE */
	const char *cpu, *memory, *limit_cpu, *limit_memory;
	int64_t ttl_ms;   /* 0: none */
	int64_t now_ms;   /* since 1970 */
	const char *user; /* UID or UID:GID */
	const char *pull_policy, *service_account, *runtime_class;
	char *const *command; /* the container's own; NULL: an endless sleep */
	int command_count;
};

/* -EINVAL: a wish is no good, or the base is no Pod that can be a sandbox. Sends nothing. */
int pod_build(const struct pod_wish *w, const cJSON *base, cJSON **ret, struct err *err);

#endif
