/*
 * What keeps a Pod out, or off the node: the namespace's quota and its Pod Security level, service
 * account and RuntimeClass; node selector and size.
 */
#ifndef SBX_LOCAL_ADMIT_H
#define SBX_LOCAL_ADMIT_H

#include "plugin/local/store.h"

/* NULL, or the Status (403) that says why, in Kubernetes' words. The caller's. Of Pod Security the
 * levels baseline and restricted are looked at, as far as this engine has what they forbid. */
cJSON *admit_pod(struct store *st, const char *ns, const cJSON *pod);

/* NULL, or why this one node is not for it, as a scheduler says it. malloc'ed. */
char *admit_misfit(struct store *st, const cJSON *pod);

#endif
