/*
 * Ctrl-C and its kin, for verbs that have something to clean up.
 *
 * The first SIGINT, SIGTERM or SIGHUP is only noted; one more of them ends the
 * process at once. Which is why the flag is the one variable of this folder
 * that is not on a stack: a signal handler can be given nothing.
 */
#ifndef SBX_PLUGIN_INTERRUPT_H
#define SBX_PLUGIN_INTERRUPT_H

#include <stdbool.h>

/* From now on. Once a process. */
void interrupt_watch(void);

/* True when one has come; for watch_until. */
const volatile bool *interrupt_flag(void);

/*
 * The other form, for a poll loop: blocks the signals and gives a descriptor that is readable when
 * one comes (signalfd). Call before any thread is started. fd or -errno.
 */
int interrupt_fd(void);

/* The next signal from interrupt_fd's descriptor, or 0 when there is none. */
int interrupt_read(int fd);

#endif
