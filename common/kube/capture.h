/*
 * Runs a program and keeps what it prints, with a ceiling and a deadline.
 * No shell; no descriptor but 0, 1 and 2 is passed on; stderr is ours.
 */
#ifndef SBX_KUBE_CAPTURE_H
#define SBX_KUBE_CAPTURE_H

#include "common/base/buf.h"

/*
 * Where command is, the caller's: itself when it has a slash, else from PATH (absolute folders
 * only, so that nothing runs from the present folder by accident). NULL: no such program.
 */
char *capture_find(const char *command);

struct halt; /* http.h */

/*
 * Blocks. ret gets the output; *ret_status is wait(2)'s. terminal: stdin is ours and the program
 * stays in our process group (a shell's Ctrl-C reaches it); else stdin is /dev/null and it leads a
 * group of its own.
 *
 * -ETIMEDOUT, -EMSGSIZE, -EINTR (halt, which may be NULL): it was killed, with its group when it
 * has one; else posix_spawn(3)'s errno.
 */
int capture_run(const char *path, char *const argv[], char *const env[], bool terminal,
	int64_t deadline_ms, const struct halt *halt, struct buf *ret, int *ret_status);

#endif
