/*
 * Whether NetworkPolicy is enforced, by trying: two Pods, one listening, a policy that closes it, and a
 * connection before and after. All of it is gone afterwards; what a killed probe leaves, gc takes.
 */
#ifndef SBX_PLUGIN_CHECKPROBE_H
#define SBX_PLUGIN_CHECKPROBE_H

#include "plugin/checks.h"

#define PROBE_CLOSES_MS 20000 /* so long a network has to close what the policy closes */

/*
 * 1 enforced, 0 not; -EOPNOTSUPP: it cannot be tried with this image, or Pods do not reach each other
 * anyway; else as making a sandbox fails. Removes what it has made.
 */
int probe_policy(struct kube *k, const char *ns, const char *image, struct err *err);

#endif
