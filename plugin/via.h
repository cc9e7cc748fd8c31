/*
 * agent-sandbox's objects (KUBERNETES.md 8): found, followed to their Pods and back.
 *
 * Which of its API groups and versions there are is asked once by each struct via, and only when it is
 * wanted. Where they are not installed, or may not be read, all is as if there were none of its objects.
 */
#ifndef SBX_PLUGIN_VIA_H
#define SBX_PLUGIN_VIA_H

#include "plugin/kind.h"

#define VIA_NAME     "agent-sandbox"
#define VIA_GROUP    "agents.x-k8s.io"              /* of Sandbox */
#define VIA_GROUP2   "extensions.agents.x-k8s.io"   /* of the others */
#define VIA_SELECTOR VIA_GROUP "/sandbox-name-hash" /* each of its Pods has this label */

enum via_what { VIA_SANDBOX, VIA_CLAIM, VIA_TEMPLATE, VIA_POOL };
#define VIA_KINDS 4

struct via {
	struct kube *k;
	bool asked[2];  /* the Sandbox's group; the others' */
	int version[2]; /* 1 + its place in via.c's table; 0: none that we know */
};

void via_init(struct via *v, struct kube *k);

/* NULL: not to be had here. Static. */
const struct kind *via_kind(struct via *v, enum via_what what);

/* v1alpha1, where claims name a template and Sandboxes have replicas. */
bool via_is_alpha(const struct kind *kind);

struct via_object {
	const struct kind *kind; /* of Sandbox or SandboxClaim */
	cJSON *json;             /* as the server has it; NULL: none */
};

#define auto_via_object struct via_object auto_with(via_object_fini)

void via_object_fini(struct via_object *o);

/* The Sandbox of that name, else the claim. -ENOENT: neither; err is not touched. */
int via_find(struct via *v, const char *ns, const char *name, struct via_object *ret);

/* From a Sandbox up to its claim, if it has one. -EPERM: a spare of a warm pool, err says which. */
int via_up(struct via *v, struct via_object *o, struct err *err);

/*
 * Whose the Pod is, going up: the claim, else the Sandbox. ret->json NULL: nobody's. Also via_up's errors.
 */
int via_owner(struct via *v, const cJSON *pod, struct via_object *ret, struct err *err);

/* Its Pod, the caller's. -ENOTCONN: it has none now, err says why. */
int via_pod(struct via *v, const struct via_object *o, cJSON **ret, struct err *err);

/*
 * What a person calls a sandbox: the Pod of that name, else that of the Sandbox or claim of that name. The
 * errors of sandbox_get, and via_pod's.
 */
int via_get(struct kube *k, const char *ns, const char *name, cJSON **ret, struct err *err);

/* Is it ready? 1; 0 not yet; -ENOTCONN it never will be, err says why, in its controller's words. */
int via_progress(const struct via_object *o, struct err *err);

/* What its controller says of its being ready: "Reason: message", escaped; the caller's. */
char *via_why(const struct via_object *o);

/* When it ends by itself, since 1970; 0: not said. */
int64_t via_shutdown(const struct via_object *o);

/* Sets when, in an object to be posted or in a patch; 0: never. */
void via_put_shutdown(const struct kind *kind, cJSON *object, int64_t wall_ms);

/* The same for one that is there. */
int via_set_shutdown(struct kube *k, const struct via_object *o, int64_t wall_ms, struct err *err);

/* Who made the Pod, for people: "kubectl-sbx", "computesdk", "agent-sandbox", "opensandbox", or "". */
const char *via_by(const cJSON *pod);

/* Says in a Pod, under "via", which object it was reached by. */
void via_mark(cJSON *pod, const struct via_object *o);

#endif
