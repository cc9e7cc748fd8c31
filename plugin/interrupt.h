/*
 * Ctrl-C and its kin, for verbs that have something to clean up.
 *
 * The first SIGINT, SIGTERM or SIGHUP is only noted; one more of them ends the
 * process at once. The same one from the same process within 100 ms is no second one:
 * timeout(1) sends each twice. The flag, its signal and its sender are the variables of this
 * folder that are not on a stack: a signal handler can be given nothing.
 */
#ifndef SBX_PLUGIN_INTERRUPT_H
#define SBX_PLUGIN_INTERRUPT_H

#include <stdbool.h>
#include <stddef.h>

struct kube;

/* From now on. Once a process. */
void interrupt_watch(void);

/*
 * Until the next call the first one also ends k's calls (-EINTR), a second later: for a creation, whose
 * answer is worth that wait, and which is looked after then. NULL: no more, and k's calls work again.
 */
void interrupt_halts(struct kube *k);

/* Which one it was; 0: none. */
int interrupt_signal(void);

/* True when one has come; for watch_until. */
const volatile bool *interrupt_flag(void);

/*
 * The other form, for a poll loop: blocks the signals and gives a descriptor that is readable when
 * one comes (signalfd). Call before any thread is started. fd or -errno.
 */
int interrupt_fd(void);

/* The same of other signals. */
int interrupt_fd_of(const int *which, size_t n);

/* The next signal from interrupt_fd's descriptor, or 0 when there is none. */
int interrupt_read(int fd);

/* Hands it on to a pipe, from which another thread takes it by interrupt_read. */
void interrupt_send(int fd, int sig);

#endif
