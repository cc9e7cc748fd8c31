/*
 * Posting a new sandbox so that nothing can be left behind unnoticed.
 */
#ifndef SBX_PLUGIN_POST_H
#define SBX_PLUGIN_POST_H

#include "plugin/pod.h"

/*
 * Builds and posts. A made-up name that is taken is made up again. When the answer is lost, looks
 * whether the Pod came to be (by its request annotation) and, if so, deletes it. *ret: as the
 * server answered.
 */
int post_sandbox(
	struct kube *k, const struct pod_wish *w, const cJSON *base, cJSON **ret, struct err *err);

#endif
