#include "fs/mountwatch.h"

#include "common/base/clock.h"
#include "common/base/mountinfo.h"
#include "fs/mount.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define GRACE_MS                                                                                   \
	1000 /* for the kernel to write what is dirty, and to end an ordinary unmount itself */
#define TICK_MS 100

struct mountwatch {
	struct mountwatch_calls calls;
	dev_t dev;
	int list_fd, stop_fd;
	pthread_t thread;
	int64_t grace_ms; /* when that is over; 0: it is mounted */
};

/* One that cannot be read tells nothing: better on with it than an end for no reason. */
static bool is_mounted(const struct mountwatch *w)
{
	auto_mounts all = { 0 };

	return mounts_read(MOUNT_TYPE, &all, NULL) < 0 || mounts_has_dev(&all, w->dev);
}

/* A process's folder, without asking the file system that it is in: that would be us. */
static bool works_in(dev_t dev, int proc, const char *pid)
{
	auto_free char *path = xprintf("%s/cwd", pid);
	struct statx st;

	return statx(proc, path, AT_STATX_DONT_SYNC, 0, &st) == 0 &&
	       makedev(st.stx_dev_major, st.stx_dev_minor) == dev;
}

static bool somebody_works_in(dev_t dev)
{
	DIR *dir = opendir("/proc");
	const struct dirent *e;
	bool found = false;

	while (dir && !found && (e = readdir(dir)))
		found = *e->d_name >= '1' && *e->d_name <= '9' &&
			works_in(dev, dirfd(dir), e->d_name);
	if (dir)
		closedir(dir);
	return found;
}

static void look(struct mountwatch *w)
{
	if (is_mounted(w))
		w->grace_ms = 0;
	else if (!w->grace_ms)
		w->grace_ms = deadline_after(GRACE_MS);
	else if (deadline_passed(w->grace_ms) && !w->calls.in_use(w->calls.arg) &&
		 !somebody_works_in(w->dev))
		w->calls.gone(w->calls.arg);
}

static void *run(void *arg)
{
	struct mountwatch *w = arg;
	struct pollfd fds[2] = {
		{ .fd = w->stop_fd, .events = POLLIN },
		{ .fd = w->list_fd, .events = POLLPRI },
	};

	for (;;) {
		look(w);
		if (poll(fds, 2, w->grace_ms ? TICK_MS : -1) < 0 && errno != EINTR)
			return NULL;
		if (fds[0].revents)
			return NULL;
	}
}

/* Signals are the main thread's. Negative errno. */
static int start(struct mountwatch *w)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -rc;
}

int mountwatch_open(dev_t dev, const struct mountwatch_calls *calls, struct mountwatch **ret)
{
	auto_close int list = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	auto_close int stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	auto_free struct mountwatch *w = xcalloc(1, sizeof(*w));
	int rc;

	if (list < 0 || stop < 0)
		return -errno;
	*w = (struct mountwatch){ .calls = *calls, .dev = dev, .list_fd = list, .stop_fd = stop };
	rc = start(w);
	if (rc < 0)
		return rc;
	list = stop = -1;
	*ret = take_ptr(w);
	return 0;
}

void mountwatch_close(struct mountwatch *w)
{
	uint64_t one = 1;
	ssize_t rc;

	if (!w)
		return;
	rc = write(w->stop_fd, &one, sizeof(one));
	(void)rc;
	pthread_join(w->thread, NULL);
	close(w->list_fd);
	close(w->stop_fd);
	free(w);
}
