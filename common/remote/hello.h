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

/*
 * { "sh", "-c", LOADER, NULL }. Static. The agent runs inside the loader, whose one variable is l;
 * its standard input is the stream, right behind the text.
 */
const char *const *hello_argv(void);

/* Sends agent.sh (embedded by embed.sh) to the loader at the other end of fd (borrowed). -EPIPE, -ETIMEDOUT. */
int hello_start(int fd, int64_t deadline_ms, struct err *err);

/*
 * For tests and debugging without a cluster: runs the loader as a local process (argv, or
 * hello_argv() when NULL) and gives a descriptor to speak on. The child is a process group of its
 * own and ends when the descriptor is closed. Its standard error is ours when
 * SBX_TRACE=frame, else nowhere. execvp(3)'s errno. Waiting for ret_pid is the caller's.
 */
int hello_spawn(const char *const *argv, int *ret_fd, int *ret_pid, struct err *err);

#endif
