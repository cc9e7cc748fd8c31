/*
 * Control groups of our containers: where they are, and taking them away.
 * Both layouts (v1 with a mount a controller, and v2) are understood by looking
 * for our folder under every mount below /sys/fs/cgroup.
 */
#ifndef SBX_LOCAL_CGROUP_H
#define SBX_LOCAL_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

/* Why there are no resource limits (half a sentence, static), or NULL when there are. */
const char *cgroup_lacks(void);
bool cgroup_usable(void); /* root in the first user namespace, and the hierarchy is writable */

/* "/sbx-local/<tag of home>"; malloc'ed. */
char *cgroup_root(const char *home);

/* Removes path (as from cgroup_root, or below it) and its children in all hierarchies, and the
 * folder "/sbx-local" when nothing is left in it. */
void cgroup_remove(const char *path);

bool cgroup_oom_killed(const char *path); /* whether the kernel killed there for lack of memory */

#endif
