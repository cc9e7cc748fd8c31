/*
 * The Pod of a new sandbox (DESIGN.md 6), from wishes and an optional base.
 *
 * What a wish says wins, then what the base says, then our defaults.
 */
#ifndef SBX_PLUGIN_POD_H
#define SBX_PLUGIN_POD_H

#include "common/base/buf.h"
#include "common/kube/sandbox.h"
#include "plugin/wishopts.h"

#define ANNOTATION_DEFAULT_CONTAINER "kubectl.kubernetes.io/default-container"
#define ANNOTATION_EXPIRES           "kubectl-sbx/expires-at"
#define ANNOTATION_NETWORK           "kubectl-sbx/network" /* "none" or "egress" */
#define ANNOTATION_REQUEST                                                                         \
	"kubectl-sbx/request" /* random; tells our Pod from another of its name */
#define LABEL_NETWORK                                                                              \
	"kubectl-sbx/network-id"         /* random; what the Pod's own NetworkPolicy selects */
#define LABEL_POLICY_OF "kubectl-sbx/of" /* of that policy: the Pod's name */

/* The name ($0) of our own endless wait, by which it is known again; $1 may be its seconds to live. */
#define POD_KEEPALIVE "kubectl-sbx-wait"

/* What that wait reads on SIGUSR1: its new seconds to live, or nothing, for no end. */
#define POD_LEFT_FILE "/dev/shm/.kubectl-sbx-left"

/* All borrowed; NULL: not wished. */
struct pod_wish {
	struct wish_opts o;
	const char *name;            /* NULL: the base's, else "sbx-" and five random letters */
	const char *ns;              /* the namespace it will be posted to */
	const char *otherwise_image; /* when nobody names one; NULL: the default */
	int64_t now_ms;              /* since 1970 */
	int64_t unfinished_ms; /* since 1970: until then it may be unfinished; 0: it never is */
	char *const *command;  /* the container's own; NULL: an endless sleep */
	int command_count;
	bool unlisted; /* no sandbox for ls and others: none of the labels of one */
};

/* -EINVAL: a wish is no good, or the base is no Pod that can be a sandbox. Sends nothing. */
int pod_build(const struct pod_wish *w, const cJSON *base, cJSON **ret, struct err *err);

/* What else belongs to the Pod as the server answered it, to be posted behind it: NULL, or a
 * NetworkPolicy that the Pod owns. The caller's. */
cJSON *pod_policy(const cJSON *pod);

/* "sbx-" and five random letters. */
void pod_made_up_name(char ret[static 16]);

/* n of them (at most 16) and a NUL, without vowels. */
void pod_random_letters(char *ret, size_t n);

#endif
