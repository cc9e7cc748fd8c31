/*
 * The terminal that this process was started on.
 *
 * Whatever ends the process, SIGKILL alone left out, the terminal is as it was: tty_close, exit, and
 * the signals that end a process by default all restore it. That is why one variable here is not on
 * a stack: a signal handler can be given nothing. So there is one struct tty at a time.
 */
#ifndef SBX_PLUGIN_TTY_H
#define SBX_PLUGIN_TTY_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tty {
	/* Opened anew where that is possible: then they do not block, and no other process that
	 * has the same terminal open notices. */
	int in, out;
	bool out_is_tty;
};

/* On standard input, which must be a terminal (-ENOTTY), and standard output, which may be anything. */
int tty_open(struct tty *ret, struct err *err);
void tty_close(struct tty *t); /* restores */

/* interrupt_fd_of INT, TERM, HUP, TSTP, CONT and WINCH. */
int tty_signals(void);
/* The next one, or 0. One that timeout(1) sends twice comes twice: what it means is so already. */
int tty_signal(int fd);

int tty_raw(struct tty *t); /* every key is a byte for the program; -errno */
void tty_restore(struct tty *t);

/*
 * Written to the terminal whenever it is restored, until changed: what undoes what a program has done
 * to it. At most 256 bytes, else ignored.
 */
void tty_undo(struct tty *t, const void *bytes, size_t n);

/* Restores, stops this process as Ctrl-Z stops one; returns when it goes on. Not raw then. */
void tty_stop(struct tty *t);

/* False: it knows no size. */
bool tty_size(const struct tty *t, unsigned *ret_cols, unsigned *ret_rows);

#endif
