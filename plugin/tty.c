#include "plugin/tty.h"

#include "common/base/cleanup.h"
#include "plugin/interrupt.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>

#define UNDO_MAX 256

/* What a signal handler needs to restore the terminal with calls that it may make. */
static struct {
	volatile sig_atomic_t raw, undo_n;
	int in, out;
	struct termios before;
	char undo[UNDO_MAX];
} last;

/* A terminal that another process group has by now is that one's to care for. */
static bool in_foreground(void)
{
	pid_t group = tcgetpgrp(last.in);

	return group < 0 || group == getpgrp();
}

static void restore(void)
{
	int saved = errno;

	if (last.raw && in_foreground()) {
		if (last.undo_n && write(last.out, last.undo, (size_t)last.undo_n) < 0)
			errno = 0;
		tcsetattr(last.in, TCSANOW, &last.before);
	}
	last.raw = 0;
	errno = saved;
}

static void on_fatal(int sig)
{
	restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* Where the old action was the default, and that ends the process. */
static void watch_fatal(void)
{
	static const int fatal[] = { SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS, SIGQUIT,
		SIGALRM, SIGXCPU, SIGXFSZ, SIGUSR1, SIGUSR2, SIGVTALRM, SIGPROF, SIGIO };
	struct sigaction sa = { .sa_handler = on_fatal }, old;

	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		if (!sigaction(fatal[i], NULL, &old) && old.sa_handler == SIG_DFL)
			sigaction(fatal[i], &sa, NULL);
}

/* The same terminal by a descriptor of our own. */
static int reopen(int fd, int mode)
{
	char name[256];
	int own = -1;

	if (!ttyname_r(fd, name, sizeof(name)))
		own = open(name, mode | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	return own >= 0 ? own : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

int tty_open(struct tty *ret, struct err *err)
{
	struct tty t = { .in = -1, .out = -1 };

	if (tcgetattr(STDIN_FILENO, &last.before) < 0)
		return err_set(err, -ENOTTY, "standard input is not a terminal");
	t.out_is_tty = isatty(STDOUT_FILENO);
	t.in = reopen(STDIN_FILENO, O_RDWR);
	t.out = t.out_is_tty ? reopen(STDOUT_FILENO, O_WRONLY)
			     : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (t.in < 0 || t.out < 0) {
		int rc = err_set(err, -errno, "cannot open the terminal: %s", strerror(errno));

		close_at(&t.in);
		close_at(&t.out);
		return rc;
	}
	last.in = t.in;
	last.out = t.out;
	last.undo_n = 0;
	watch_fatal();
	atexit(restore);
	*ret = t;
	return 0;
}

void tty_close(struct tty *t)
{
	restore();
	close_at(&t->in);
	close_at(&t->out);
	t->in = t->out = -1;
}

int tty_signals(void)
{
	static const int watched[] = { SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH };

	return interrupt_fd_of(watched, sizeof(watched) / sizeof(*watched));
}

int tty_signal(int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	return (int)info.ssi_signo;
}

/* Not flushed: what was typed ahead is kept. Not drained: that may never end. */
int tty_raw(struct tty *t)
{
	struct termios raw = last.before;

	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	last.raw = 1; /* before: a signal between the two restores what was not changed */
	if (tcsetattr(t->in, TCSANOW, &raw) < 0)
		return -errno;
	return 0;
}

void tty_restore(struct tty *t)
{
	restore();
}

void tty_undo(struct tty *t, const void *bytes, size_t n)
{
	last.undo_n = 0;
	if (n > UNDO_MAX || !t->out_is_tty)
		return;
	memcpy(last.undo, bytes, n);
	last.undo_n = (sig_atomic_t)n;
}

void tty_stop(struct tty *t)
{
	restore();
	kill(getpid(), SIGSTOP);
}

bool tty_size(const struct tty *t, unsigned *ret_cols, unsigned *ret_rows)
{
	struct winsize size;

	if (ioctl(t->in, TIOCGWINSZ, &size) < 0 || !size.ws_col || !size.ws_row)
		return false;
	*ret_cols = size.ws_col;
	*ret_rows = size.ws_row;
	return true;
}
