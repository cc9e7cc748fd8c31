/*
 * The other programs of the project, started from this one.
 */
#ifndef SBX_PLUGIN_PROGRAM_H
#define SBX_PLUGIN_PROGRAM_H

#include "common/base/buf.h"

#include <sys/types.h>

/* An argument vector that is being put together; NULL-ended; the words are copies. */
struct args {
	char **at;
	size_t count;
};

#define auto_args struct args auto_with(args_fini)

void args_add(struct args *a, const char *word);
void args_printf(struct args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void args_fini(struct args *a);

/*
 * name beside this executable, else at beside/name from there ("../fs": a build tree), else on
 * PATH. malloc'ed, or NULL.
 */
char *program_find(const char *name, const char *beside);

/* This one's path; malloc'ed, or NULL. */
char *program_own(void);

/*
 * Starts path with args (args[0] included). out, errs: descriptors for its stdout and stderr, or -1
 * to share ours; everything else that is not CLOEXEC is inherited. Signals are as a new program
 * expects them. The pid, or -errno.
 */
pid_t program_start(const char *path, const struct args *a, int out, int errs);

/*
 * Its word on a pipe, up to the end of a line, or less when it just ended. 0; io_read_some's errno.
 */
int program_hear(int fd, int64_t deadline_ms, struct buf *ret);

/* Becomes it. Only comes back with -errno. */
int program_become(const char *path, const struct args *a);

/* Waits for its end: the exit status a shell would show, or -errno. */
int program_wait(pid_t pid);

#endif
