#include "plugin/local/daemon.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "plugin/local/access.h"
#include "plugin/local/cert.h"
#include "plugin/local/folder.h"
#include "plugin/local/image.h"
#include "plugin/local/objects.h"
#include "plugin/local/pods.h"
#include "plugin/local/process.h"
#include "plugin/local/pump.h"
#include "plugin/local/server.h"
#include "plugin/local/shimfolder.h"
#include "plugin/local/userns.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define START_MS 60000
#define LOOK_MS  20
#define STOP_MS  30000

static struct flock whole_file(void)
{
	return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
}

int daemon_pid(const char *home, pid_t *ret)
{
	auto_free char *path = xprintf("%s/lock", home);
	auto_close int fd = open(path, O_RDWR | O_CLOEXEC);
	struct flock lock = whole_file();

	if (fd < 0 || fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return -ESRCH;
	*ret = lock.l_pid;
	return 0;
}

/* Held as long as the descriptor is open in this process (POSIX locks: it must be opened only
 * once). */
static int take_lock(const char *home, int *ret_fd, struct err *err)
{
	auto_free char *path = xprintf("%s/lock", home);
	auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct flock lock = whole_file();
	struct stat st;

	if (fd < 0)
		return err_set(err, -errno, "opening %s: %m", path);
	/* One that "down" has removed in between locks nothing. */
	if (fcntl(fd, F_SETLK, &lock) < 0 || fstat(fd, &st) < 0 || !st.st_nlink)
		return err_set(err, -EBUSY, "another sbx-local runs on %s already", home);
	*ret_fd = take_fd(fd);
	return 0;
}

/* A user's shims live in a user namespace; a later daemon must be in the same one to reach them. */
static int join_old_user_namespace(const char *home)
{
	auto_free char *all = xprintf("%s/pods", home);
	DIR *d = opendir(all);
	struct dirent *e;
	int rc = -ESRCH;

	while (rc < 0 && d && (e = readdir(d))) {
		auto_free char *dir = xprintf("%s/%s", all, e->d_name);
		pid_t pid;

		if (e->d_name[0] != '.' && shimfolder_pid(dir, &pid) == 0)
			rc = userns_join(pid);
	}
	if (d)
		closedir(d);
	return rc;
}

static int become_root(const char *home, struct err *err)
{
	if (geteuid() == 0)
		return 0;
	if (join_old_user_namespace(home) == 0)
		return 0;
	return userns_make(err);
}

static void store_changed(void *arg)
{
	struct engine *e = arg;

	server_wake(e->server);
	pods_kick(e->pods);
}

static int open_parts(struct engine *e, struct err *err)
{
	auto_free char *objects = xprintf("%s/objects", e->home);
	int port, rc;

	rc = access_port(e->home, &port, err);
	if (rc == 0)
		rc = access_token(e->home, &e->token, err);
	if (rc == 0)
		rc = cert_make(e->home, err);
	if (rc == 0)
		rc = image_make_host(e->home, err);
	if (rc == 0)
		rc = store_open(objects, &e->store, err);
	if (rc < 0)
		return rc;
	objects_seed(e->store);
	rc = pump_open(e->home, &e->pump, err);
	if (rc == 0)
		rc = server_open(e, port, &e->server, err);
	if (rc == 0) {
		store_listen(e->store, store_changed, e);
		rc = pods_open(e, server_wake, e->server, &e->pods, err);
	}
	if (rc == 0)
		rc = access_kubeconfig(e->home, port, e->token, err);
	return rc;
}

static void close_parts(struct engine *e)
{
	pods_close(e->pods);
	if (e->store)
		store_listen(e->store, NULL, NULL);
	server_close(e->server);
	pump_close(e->pump);
	store_close(e->store);
	free(e->token);
}

static void *wait_for_signal(void *arg)
{
	sigset_t set;
	int number;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigwait(&set, &number);
	server_stop(arg);
	return NULL;
}

static void block_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static int serve(struct engine *e, void (*ready)(void *arg), void *arg, struct err *err)
{
	pthread_t signals;
	int rc = open_parts(e, err);

	if (rc == 0)
		rc = -pthread_create(&signals, NULL, wait_for_signal, e->server);
	if (rc == 0) {
		pods_kick(e->pods);
		ready(arg);
		server_run(e->server);
		pthread_cancel(signals);
		pthread_join(signals, NULL);
	}
	close_parts(e);
	return rc;
}

int daemon_run(const char *home, void (*ready)(void *arg), void *arg, struct err *err)
{
	struct engine e = { .home = (char *)home };
	auto_close int lock = -1;
	int rc;

	if (strpbrk(home, ":,\\"))
		return err_set(err, -EINVAL,
			"the state folder's name may not hold ':', ',' or '\\': %s", home);
	rc = folder_make(home, geteuid() == 0 ? 0711 : 0700, err);
	if (rc == 0)
		rc = take_lock(home, &lock, err);
	if (rc == 0)
		rc = become_root(home, err);
	if (rc == 0)
		rc = userns_check(err);
	if (rc < 0)
		return rc;
	umask(022);
	block_signals();
	return serve(&e, ready, arg, err);
}

/* One line: "ready" or why not. */
static int wait_ready(int fd, int64_t deadline, struct err *err)
{
	auto_buf line = BUF_INIT(4096);

	for (;;) {
		char piece[512];
		ssize_t n = io_read_some(fd, piece, sizeof(piece), deadline);

		if (n < 0)
			return err_set(err, (int)n, "the engine did not come up within %d s",
				START_MS / 1000);
		if (n == 0)
			break;
		buf_add(&line, piece, (size_t)n);
		if (memchr(piece, '\n', (size_t)n))
			break;
	}
	if (line.len && line.data[line.len - 1] == '\n')
		buf_trim(&line, line.len - 1);
	if (!strcmp(buf_text(&line), "ready"))
		return 0;
	return err_set(err, -EIO, "%s",
		line.len ? buf_text(&line) : "the engine ended before it was ready");
}

/*
 * Whether one serves already. A holder of the lock may be on its way up, or (killed a moment ago)
 * on its way out: wait for the one or the other.
 */
static bool serves_already(const char *home, int64_t deadline)
{
	pid_t pid;

	while (daemon_pid(home, &pid) == 0 && !deadline_passed(deadline)) {
		if (access_answers(home))
			return true;
		process_wait_gone(pid, process_start_time(pid), deadline_after(LOOK_MS));
	}
	return false;
}

static int start_one(const char *home, struct err *err)
{
	auto_free char *log_path = xprintf("%s/log", home);
	auto_free char *number = NULL;
	auto_close int log = -1, ours = -1, theirs = -1;
	const char *argv[] = { "/proc/self/exe", "up", "--foreground", "--state", home,
		"--notify-fd", NULL, NULL };
	struct spawn s = { .argv = argv, .in = -1, .session = true };
	int pipe_fds[2], rc;
	pid_t pid;

	rc = folder_make(home, geteuid() == 0 ? 0711 : 0700, err);
	if (rc < 0)
		return rc;
	log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0 || pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_set(err, -errno, "opening %s: %m", log_path);
	ours = pipe_fds[0];
	theirs = fcntl(pipe_fds[1], F_DUPFD_CLOEXEC, 10);
	close(pipe_fds[1]);
	argv[6] = number = xprintf("%d", theirs);
	s.out = s.err = log;
	s.keep_fd = theirs;
	rc = process_spawn(&s, &pid);
	if (rc < 0)
		return err_set(err, rc, "starting the engine: %s", strerror(-rc));
	close(take_fd(theirs));
	return wait_ready(ours, deadline_after(START_MS), err);
}

/* Of several at once one takes the lock; the others fail, and then wait for that one. */
int daemon_start(const char *home, struct err *err)
{
	int64_t deadline = deadline_after(START_MS);
	pid_t pid;
	int rc;

	do {
		if (serves_already(home, deadline))
			return 0;
		rc = start_one(home, err);
	} while (rc < 0 && daemon_pid(home, &pid) == 0 && !deadline_passed(deadline));
	return rc;
}

/* What a Pod's users have made is not an ordinary user's to remove, but for his engine's user 0. */
static void remove_as_engine(const char *path)
{
	pid_t pid = geteuid() == 0 ? -1 : fork();
	int status;

	if (pid == 0)
		_exit(userns_make(NULL) < 0 || folder_remove(path, NULL) < 0);
	if (pid > 0)
		waitpid(pid, &status, 0);
}

/* Out of the way first: who starts an engine meanwhile gets a folder of his own. */
static int remove_home(const char *home, struct err *err)
{
	auto_free char *gone = xprintf("%s.gone-%d", home, (int)getpid());
	const char *path = rename(home, gone) == 0 ? gone : home;

	remove_as_engine(path);
	return folder_remove(path, err);
}

static int end_engine(pid_t pid, struct err *err)
{
	uint64_t began = process_start_time(pid);
	int rc;

	kill(pid, SIGTERM);
	if (process_wait_gone(pid, began, deadline_after(STOP_MS)) == 0)
		return 0;
	kill(pid, SIGKILL);
	rc = process_wait_gone(pid, began, deadline_after(STOP_MS));
	return rc < 0 ? err_set(err, rc, "the engine (process %d) does not end", (int)pid) : 0;
}

int daemon_stop(const char *home, int keep, struct err *err)
{
	auto_close int lock = -1;
	pid_t pid;
	int rc = 0;

	if (daemon_pid(home, &pid) == 0)
		rc = end_engine(pid, err);
	if (rc == 0 && access(home, F_OK) < 0 && errno == ENOENT)
		return 0;
	if (rc == 0)
		rc = take_lock(home, &lock, err);
	if (rc == 0)
		rc = shimfolder_end_all(home, err);
	if (rc == 0 && !keep)
		rc = remove_home(home, err);
	return rc;
}
