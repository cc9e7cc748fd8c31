#include "plugin/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/kube/rest.h"

#define ECHO_MS 100
#define HALT_S  1

static volatile bool interrupted;
static volatile int by;
static struct kube *volatile halts;

/* The last one that a process sent us. */
static struct {
	int sig;
	pid_t from;
	int64_t ms;
} sent;

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

#define SIGNALS (sizeof(signals) / sizeof(*signals))

/* timeout(1) sends each signal to its child and then to its group: that is one word, not two. */
static bool is_echo(int sig, int code, pid_t from)
{
	int64_t now_ms = clock_now_ms();

	if (code != SI_USER)
		return false;
	if (sig == sent.sig && from == sent.from && now_ms - sent.ms < ECHO_MS)
		return true;
	sent.sig = sig;
	sent.from = from;
	sent.ms = now_ms;
	return false;
}

static void note(int sig, siginfo_t *info, void *unused)
{
	(void)unused;
	if (is_echo(sig, info->si_code, info->si_pid))
		return;
	if (interrupted)
		_exit(128 + sig);
	by = sig;
	interrupted = true;
	if (halts)
		alarm(HALT_S);
}

static void halt(int sig)
{
	(void)sig;
	if (halts)
		kube_interrupt(halts);
}

/* One that is ignored (nohup, a background job) stays so. */
static bool ignored(int sig)
{
	struct sigaction old;

	return !sigaction(sig, NULL, &old) && old.sa_handler == SIG_IGN;
}

void interrupt_watch(void)
{
	struct sigaction sa = { .sa_sigaction = note, .sa_flags = SA_SIGINFO };

	for (size_t i = 0; i < SIGNALS; i++)
		if (!ignored(signals[i]))
			sigaction(signals[i], &sa, NULL);
	signal(SIGALRM, halt);
}

void interrupt_halts(struct kube *k)
{
	struct kube *before = halts;

	halts = k;
	if (k && interrupted)
		kube_interrupt(k);
	if (!k && before)
		kube_resume(before);
}

const volatile bool *interrupt_flag(void)
{
	return &interrupted;
}

int interrupt_signal(void)
{
	return by;
}

int interrupt_fd_of(const int *which, size_t n)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < n; i++)
		if (!ignored(which[i]))
			sigaddset(&set, which[i]);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &set, NULL);
	return fd;
}

int interrupt_fd(void)
{
	return interrupt_fd_of(signals, SIGNALS);
}

int interrupt_read(int fd)
{
	struct signalfd_siginfo info;

	do {
		if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
			return 0;
	} while (is_echo((int)info.ssi_signo, info.ssi_code, (pid_t)info.ssi_pid));
	return (int)info.ssi_signo;
}

void interrupt_send(int fd, int sig)
{
	struct signalfd_siginfo info = { .ssi_signo = (uint32_t)sig, .ssi_code = SI_QUEUE };

	/* a full pipe has enough of them */
	if (write(fd, &info, sizeof(info)) < 0)
		return;
}
