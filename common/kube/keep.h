/*
 * Keeps sandboxes that have an idle time-out from being called idle: says now and then that they are
 * in use, for as long as somebody has them open.
 *
 * Best effort: where these credentials may not patch Pods, nothing is said. At most one patch for
 * each quarter of a sandbox's time-out, and none when another client has said it lately. One thread,
 * started with the first such sandbox; it has all signals blocked.
 */
#ifndef SBX_KUBE_KEEP_H
#define SBX_KUBE_KEEP_H

#include "common/kube/sandbox.h"

struct keep;

/* NULL as keep is fine everywhere. */
struct keep *keep_open(struct kube *k);
/* Waits for a patch that is on its way, some seconds at most. NULL is fine. Before kube_close. */
void keep_close(struct keep *keep);

/*
 * Keeps s, as it is now: to be told again whenever it changed. One that does not run or has no idle
 * time-out is kept no more. Never blocks; any lock may be held.
 */
void keep_put(struct keep *keep, const struct sandbox *s);
void keep_drop(struct keep *keep, const char *uid);

/* The time between two patches for a time-out of idle_ms. */
int64_t keep_every_ms(int64_t idle_ms);

#endif
