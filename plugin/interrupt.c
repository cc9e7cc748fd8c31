#include "plugin/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static volatile bool interrupted;

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

#define SIGNALS (sizeof(signals) / sizeof(*signals))

static void note(int sig)
{
	if (interrupted)
		_exit(128 + sig);
	interrupted = true;
}

/* One that is ignored (nohup, a background job) stays so. */
static bool ignored(int sig)
{
	struct sigaction old;

	return !sigaction(sig, NULL, &old) && old.sa_handler == SIG_IGN;
}

void interrupt_watch(void)
{
	struct sigaction sa = { .sa_handler = note };

	for (size_t i = 0; i < SIGNALS; i++)
		if (!ignored(signals[i]))
			sigaction(signals[i], &sa, NULL);
}

const volatile bool *interrupt_flag(void)
{
	return &interrupted;
}

int interrupt_fd(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < SIGNALS; i++)
		if (!ignored(signals[i]))
			sigaddset(&set, signals[i]);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &set, NULL);
	return fd;
}

int interrupt_read(int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	return (int)info.ssi_signo;
}
