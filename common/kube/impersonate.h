/* Acting as somebody else: the Impersonate-* header lines (KUBERNETES.md 4.4). */
#ifndef SBX_KUBE_IMPERSONATE_H
#define SBX_KUBE_IMPERSONATE_H

#include "common/kube/kubeconfig.h"
#include "common/kube/target.h"

/*
 * Header lines, NULL-ended, the caller's; NULL when nobody is meant. user may be NULL; each flag
 * wins over its field there. -EINVAL: a control character, or groups without a user.
 */
int impersonate_lines(const struct kubeconfig_entry *user, const struct kube_flags *flags,
	char ***ret, struct err *err);
void impersonate_free(char **lines);

/* No control characters, so that it can be the value of a header. */
bool header_value_ok(const char *value);

#endif
