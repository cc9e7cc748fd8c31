/*
 * Starting the far end over a fresh stream.
 *
 * The command in the exec URL is short and constant. There are two:
 *
 * hello_argv, for agent.sh: a loader of builtins that reads the agent's text from standard input
 * and evaluates it. hello_start writes that text.
 *
 * hello_boot, for the static agent: the loader looks for it where an earlier stream has placed it
 * (placing.h) and executes it. Else it asks, and gets the program or agent.sh:
 *
 *	sandbox                               client
 *	  | -- sbx want x86_64 dd ----------->  |   ARCH of uname -m, or -; dd takes an exact count
 *	  | <- a text, then the program ------  |   placed, tried, executed: its hello comes
 *	  | -- sbx want - ------------------->  |   or not: nowhere can a file be executed
 *	  | <- agent.sh ----------------------  |   whatever it asks: twice at most
 *
 * The agent's first line is its hello, which remote_open reads.
 */
#ifndef SBX_REMOTE_HELLO_H
#define SBX_REMOTE_HELLO_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A container's own limit on processes, from its environment: both loaders set it before anything else, and so
 * may an entrypoint. dash and busybox say -p for what others call -u.
 */
#define HELLO_PIDS "SBX_PIDS"
#define HELLO_LIMIT                                                                                \
	"[ -z \"$" HELLO_PIDS "\" ]||ulimit -u \"$" HELLO_PIDS "\" 2>/dev/null||"                  \
	"ulimit -p \"$" HELLO_PIDS "\" 2>/dev/null;"

/*
 * { "sh", "-c", LOADER, NULL }. Static. The agent runs inside the loader, whose one variable is l;
 * its standard input is the stream, right behind the text.
 */
const char *const *hello_argv(void);

/* The same for the static agent. Its variable is l, too. */
const char *const *hello_boot(void);

struct hello {
	bool only_there; /* in: the static agent if it is there, else agent.sh; nothing is placed */
	char why[160];   /* out: why it is not the static agent, or "" */
	size_t sent;     /* out: bytes that placing took, or 0 */
};

/*
 * What the loader of hello_boot asks for at the other end of fd (borrowed; a socket), until the hello is next to
 * be read. h is zeroed before but for what goes in. -EPIPE, -ETIMEDOUT; -EBADMSG it says too much.
 */
int hello_place(int fd, struct hello *h, int64_t deadline_ms, struct err *err);

/* Sends agent.sh (embedded by embed.sh) to the loader at the other end of fd (borrowed). -EPIPE, -ETIMEDOUT. */
int hello_start(int fd, int64_t deadline_ms, struct err *err);

/*
 * For tests and debugging without a cluster: runs the loader as a local process (argv, or
 * hello_argv() when NULL) and gives a descriptor to speak on. The child is a process group of its
 * own and ends when the descriptor is closed. Its standard error is ours when
 * SBX_TRACE=frame, else nowhere. execvp(3)'s errno. Waiting for ret_pid is the caller's.
 *
 * A local far end leaves in this machine's folders what it would leave in a sandbox's: the placed agent (placing.h)
 * and kept runs (proto.h). That is meant: they are found again. A test has folders of its own by a mount namespace
 * (tests/lib/owntmp.h, tests/lib/own-tmp), not by a setting that a sandbox's environment could hold as well.
 */
int hello_spawn(const char *const *argv, int *ret_fd, int *ret_pid, struct err *err);

#endif
