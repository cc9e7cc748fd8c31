/*
 * The OCI runtime: how it is called, and what it says when it fails.
 */
#ifndef SBX_LOCAL_RUNTIME_H
#define SBX_LOCAL_RUNTIME_H

#include "common/base/err.h"

#include <sys/types.h>

#define RUNTIME      "runc"
#define RUNTIME_MS   (60 * 1000)
#define RUNTIME_ARGS 24

/* A command line of the runtime; strings are kept until runtime_fini. */
struct runtime {
	const char *argv[RUNTIME_ARGS];
	int n;
	char *root; /* where it keeps its state */
	char *log;  /* where it writes what went wrong */
};

void runtime_init(struct runtime *r, const char *home, const char *log); /* --root, --log */
void runtime_add(struct runtime *r, const char *arg);                    /* borrowed */
void runtime_fini(struct runtime *r);                                    /* removes the log */

/* The last error in the log, as a sentence of err. Returns code. */
int runtime_said(const struct runtime *r, int code, struct err *err);

/* Kills what still runs of it and forgets it. */
void runtime_delete(const char *home, const char *id);

/* A pid file's number. -errno, -EBADMSG. */
int runtime_read_pid(const char *path, pid_t *ret);

#endif
