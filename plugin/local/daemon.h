/*
 * The daemon's life: the lock that says it runs, coming up, going down.
 */
#ifndef SBX_LOCAL_DAEMON_H
#define SBX_LOCAL_DAEMON_H

#include "common/base/err.h"

#include <sys/types.h>

/* The pid of the daemon that holds home's lock; -ESRCH when none runs. */
int daemon_pid(const char *home, pid_t *ret);

/*
 * Runs in this process until SIGTERM. ready(arg, NULL) when it serves; what keeps it from that is
 * returned instead.
 */
int daemon_run(const char *home, void (*ready)(void *arg), void *arg, struct err *err);

/* Starts one in the background and waits until it serves. An already running one is fine. */
int daemon_start(const char *home, struct err *err);

/* Ends the daemon and all containers; without keep, removes home too. */
int daemon_stop(const char *home, int keep, struct err *err);

#endif
