/*
 * An ordinary user's engine runs as user 0 of a user namespace of its own. Where /etc/subuid and /etc/subgid give the
 * user more numbers and newuidmap(1) is there (Debian's package uidmap), it has users 1 to 65535, too; else that
 * one alone.
 */
#ifndef SBX_LOCAL_USERNS_H
#define SBX_LOCAL_USERNS_H

#include "common/base/err.h"

#include <stdbool.h>
#include <sys/types.h>

bool userns_inside(void);   /* we are in one that is not the machine's first */
bool userns_one_user(void); /* and it has user 0 alone */

/* Makes one with this user as 0, and a mount namespace; single-threaded. What is missing is said.
 */
int userns_make(struct err *err);

/* Joins that of a process of this user. -errno */
int userns_join(pid_t pid);

/* Whether all that an engine needs is here (runtime, overlayfs); says exactly what is not. */
int userns_check(struct err *err);

#endif
