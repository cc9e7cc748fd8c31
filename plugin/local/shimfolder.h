/*
 * A Pod's folder, seen from outside its shim: asking it to stop, and cleaning
 * up after one that was killed.
 */
#ifndef SBX_LOCAL_SHIMFOLDER_H
#define SBX_LOCAL_SHIMFOLDER_H

#include "common/base/err.h"

#include <stdint.h>
#include <sys/types.h>

int shimfolder_pid(const char *dir, pid_t *ret); /* -ESRCH: it does not run (any more) */
void shimfolder_stop(const char *dir, pid_t shim, int64_t grace_s, const char *reason);

/* Kills the first processes of its containers and removes them from the runtime. */
void shimfolder_clean(const char *home, const char *dir);

/* Ends every shim under home, at once, and cleans up. */
int shimfolder_end_all(const char *home, struct err *err);

#endif
