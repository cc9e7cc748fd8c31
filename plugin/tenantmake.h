/*
 * Making a tenant so that a failure in the middle leaves nothing.
 */
#ifndef SBX_PLUGIN_TENANTMAKE_H
#define SBX_PLUGIN_TENANTMAKE_H

#include "plugin/tenantplan.h"

struct tenant_made {
	cJSON *namespace; /* as the cluster has it */
	bool adopted;     /* it was there before */
	struct {
		const struct kind *kind;
		cJSON *object;
	} parts[TENANT_PARTS];
	size_t count;
};

/*
 * All of it. adopt: the namespace may be there; it must be nobody's tenant and none of the cluster's
 * own. *stop ends it between two steps (-EINTR). On failure everything that was made is in ret, for
 * tenant_undo. -EEXIST: the namespace is there.
 */
int tenant_make(struct kube *k, const struct tenant_wish *w, bool adopt, const volatile bool *stop,
	struct tenant_made *ret, struct err *err);

/* Until the cluster lets Pods be made there: its controllers are behind by a moment. Best effort. */
void tenant_settle(struct kube *k, const struct tenant_made *made, const volatile bool *stop);

/*
 * A token for its account. ttl_ms is a wish; *ret_expires (malloc'ed) is what the cluster gave.
 * -EOPNOTSUPP: this server makes none.
 */
int tenant_token(struct kube *k, const char *ns, int64_t ttl_ms, char **ret_token,
	char **ret_expires, struct err *err);

/* Deletes what was made, the namespace unless it was adopted. Says what it could not. */
void tenant_undo(struct kube *k, struct tenant_made *made);
void tenant_made_fini(struct tenant_made *made);

/* For tenant rm as well: takes label and annotation off a namespace that was there before. */
int tenant_release(struct kube *k, const cJSON *namespace, struct err *err);

#endif
