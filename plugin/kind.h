/*
 * The cluster's other objects: Services, policies, quotas, tenants' namespaces, pools. And Pods, where
 * they are looked at as objects.
 *
 * Errors: rest.h's. What is patched or deleted is bound to the uid it was seen with, so another object
 * that has come by its name meanwhile is never touched: -EBUSY then.
 */
#ifndef SBX_PLUGIN_KIND_H
#define SBX_PLUGIN_KIND_H

#include "common/kube/rest.h"

#include <stdbool.h>

struct kind {
	const char *name; /* "networkpolicy", for people and for -o name */
	const char *api;  /* "/apis/networking.k8s.io/v1" */
	const char *plural;
	const char *api_version; /* "networking.k8s.io/v1" */
	const char *kind;        /* "NetworkPolicy" */
};

extern const struct kind kind_pod, kind_service, kind_job, kind_policy, kind_podtemplate,
	kind_namespace, kind_quota, kind_limits, kind_account, kind_role, kind_binding;

/* The kind that an ownerReference names; NULL: none of ours. */
const struct kind *kind_of(const char *api_version, const char *kind);

/* With apiVersion, kind, name and (unless NULL) namespace. The caller's. */
cJSON *kind_new(const struct kind *kind, const char *ns, const char *name);

void kind_label(cJSON *object, const char *name, const char *value);
void kind_annotate(cJSON *object, const char *name, const char *value);
void kind_annotate_time(cJSON *object, const char *name, int64_t wall_ms);

/* Deleting owner deletes object too, by the cluster's own collector. Same namespace. */
void kind_set_owner(cJSON *object, const struct kind *kind, const cJSON *owner);

/* ns: NULL for what has none, or (list) for all. *ret is the caller's. */
int kind_get(struct kube *k, const struct kind *kind, const char *ns, const char *name, cJSON **ret,
	struct err *err);
/* cached: as the API server remembers it, which is cheaper and may be a moment old. */
int kind_list_cached(struct kube *k, const struct kind *kind, const char *ns, const char *selector,
	cJSON **ret, struct err *err);
int kind_list(struct kube *k, const struct kind *kind, const char *ns, const char *selector,
	cJSON **ret, struct err *err);
int kind_post(
	struct kube *k, const struct kind *kind, const cJSON *object, cJSON **ret, struct err *err);
/* When the answer was lost, looks whether it is there and ours after all (ANNOTATION_REQUEST). */
int kind_post_sure(
	struct kube *k, const struct kind *kind, const cJSON *object, cJSON **ret, struct err *err);

/*
 * Of one that was just posted: its times were told by this machine's clock, and where the cluster's
 * differs gc would take it at once, or never.
 */
void kind_set_right(struct kube *k, const struct kind *kind, cJSON **object);

/* A merge patch on seen, which need hold only metadata; ret may be NULL. */
int kind_patch(struct kube *k, const struct kind *kind, const cJSON *seen, const cJSON *patch,
	cJSON **ret, struct err *err);

/*
 * As it was seen: by uid, and (exactly) by resourceVersion, so that nothing that has changed since is
 * deleted. 0, -ENOENT it is gone already, -EBUSY it is not the one, or not as it was.
 */
int kind_delete(
	struct kube *k, const struct kind *kind, const cJSON *seen, bool exactly, struct err *err);

/* With all that it owns, in the background; uid NULL: whatever has the name. Not there is 0, and so is
 * another one under that name, which is left alone. */
int kind_remove(struct kube *k, const struct kind *kind, const char *ns, const char *name,
	const char *uid, struct err *err);

/* Takes ANNOTATION_UNFINISHED off: from now on gc lets it live. */
int kind_finish(struct kube *k, const struct kind *kind, const cJSON *seen, struct err *err);

#endif
