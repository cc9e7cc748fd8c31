/*
 * The process that holds a Pod: parent of its containers, owner of its
 * namespaces and mounts, keeper of its logs, carrier of its restart policy.
 * It outlives the daemon.
 *
 * The two speak by files in <home>/pods/<uid>/: the daemon writes pod.json before, and
 * stop.json ({"grace": SECONDS, "reason": TEXT}) followed by SIGTERM to end it; the shim
 * replaces status.json at each change ({"shim": {"pid", "start"}, "containers": [...],
 * "reason", "done"}).
 */
#ifndef SBX_LOCAL_SHIM_H
#define SBX_LOCAL_SHIM_H

/* The whole program. */
int shim_main(const char *home, const char *uid);

#endif
