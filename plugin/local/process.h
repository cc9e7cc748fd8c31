/*
 * Other programs, by argument vectors; never through a shell.
 */
#ifndef SBX_LOCAL_PROCESS_H
#define SBX_LOCAL_PROCESS_H

#include "common/base/err.h"
#include "common/base/buf.h"

#include <sys/types.h>

struct spawn {
	const char *const *argv; /* argv[0] is looked up in PATH; NULL at the end */
	int in, out, err;        /* become 0, 1, 2; -1 is /dev/null; borrowed */
	bool session;            /* in a session of its own */
	int keep_fd;             /* stays open under its number; -1 none */
};

/* All other descriptors are closed in it by CLOEXEC; signals are as at login. -errno. */
int process_spawn(const struct spawn *s, pid_t *ret);

/*
 * Runs to its end, at most timeout_ms, then kills it. What it said on stderr (some of it) makes the
 * sentence. 0 when it ended with 0; -EIO it failed; -ETIMEDOUT; posix_spawn's errno.
 */
int process_run(const char *const *argv, int timeout_ms, struct err *err);
/* The same; its stdout goes to ret when not NULL. */
int process_read(const char *const *argv, int timeout_ms, struct buf *ret, struct err *err);

/* When a process began, in ticks since boot: with the pid, a name that is not used again. 0: none.
 */
uint64_t process_start_time(pid_t pid);
/* Whether that very process still runs (a zombie does not). */
bool process_alive(pid_t pid, uint64_t start_time);

int process_pidfd(pid_t pid); /* or -errno */

/* Waits until the process is gone. 0, -ETIMEDOUT. It need not be a child. */
int process_wait_gone(pid_t pid, uint64_t start_time, int64_t deadline_ms);

#endif
