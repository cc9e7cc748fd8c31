/*
 * Starting a process in a running container, by the runtime.
 */
#ifndef SBX_LOCAL_EXEC_H
#define SBX_LOCAL_EXEC_H

#include "plugin/local/streampriv.h"

struct exec;

/*
 * Starts the runtime for s; s->in, out, err get our ends (for a terminal: only after
 * exec_started). The runtime's pid goes to s->runtime_pid. 0 or -errno with a sentence.
 */
int exec_begin(const char *home, struct stream *s, struct err *err);

/* The runtime has ended, with ok: the process runs and s->pid is it. Else the sentence says why
 * not. */
int exec_started(struct stream *s, bool ok, struct err *err);
void exec_free(struct exec *e);

#endif
