/*
 * Starting the far end over a fresh stream.
 *
 * The command in the exec URL is short and constant (hello_argv): a loader of
 * builtins that reads the agent's text from standard input and evaluates it.
 * hello_start writes that text; the agent's first line is its hello, which
 * remote_open reads.
 */
#ifndef SBX_REMOTE_HELLO_H
#define SBX_REMOTE_HELLO_H

#include "common/base/err.h"

#include <stdint.h>

/* { "sh", "-c", LOADER, NULL }. Static. */
const char *const *hello_argv(void);

/* Sends agent.sh to the loader at the other end of fd (borrowed). -EPIPE, -ETIMEDOUT. */
int hello_start(int fd, int64_t deadline_ms, struct err *err);

/*
 * For tests and debugging without a cluster: runs the loader as a local process (argv, or
 * hello_argv() when NULL) and gives a descriptor to speak on. The child dies with it.
 */
int hello_spawn(const char *const *argv, int *ret_fd, int *ret_pid, struct err *err);

#endif
