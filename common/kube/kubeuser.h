/* A kubeconfig's user with the flags over it, checked: credentials. */
#ifndef SBX_KUBE_KUBEUSER_H
#define SBX_KUBE_KUBEUSER_H

#include "common/kube/cred.h"
#include "common/kube/kubeconfig.h"
#include "common/kube/target.h"

/* user may be NULL (flags only). cluster: for credexec_new. Errors: cred_new, credexec_new,
 * -EINVAL. */
int kubeuser_cred(const struct kubeconfig_entry *user, const struct kube_flags *flags,
	const cJSON *cluster, struct cred **ret, struct err *err);

/*
 * The old "auth-provider": a still valid id-token of oidc, as the caller's *ret with its end; else
 * -EINVAL or -EACCES (expired) and how to migrate.
 */
int authprovider_token(const struct kubeconfig_entry *user, char **ret,
	int64_t *ret_expires_wall_ms, struct err *err);

#endif
