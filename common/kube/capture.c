#include "common/kube/capture.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/path.h"
#include "common/kube/http.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define LOOK_MS 20
#define HALT_MS 100

struct child {
	pid_t pid;
	int out, pidfd;
	bool group;
};

static bool runs(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

char *capture_find(const char *command)
{
	const char *at = getenv("PATH");

	if (strchr(command, '/'))
		return runs(command) ? xstrdup(command) : NULL;
	for (at = at && *command ? at : ""; *at; at += strcspn(at, ":"), at += *at == ':') {
		auto_free char *dir = xstrndup(at, strcspn(at, ":"));
		auto_buf whole = BUF_INIT(64 * 1024);

		path_join(&whole, dir, command);
		if (dir[0] == '/' && runs(buf_text(&whole)))
			return buf_steal(&whole);
	}
	return NULL;
}

static int set_attributes(posix_spawnattr_t *attr, bool terminal)
{
	sigset_t none, all;
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(attr, &all);
	posix_spawnattr_setpgroup(attr, 0);
	return posix_spawnattr_setflags(
		attr, (short)(flags | (terminal ? 0 : POSIX_SPAWN_SETPGROUP)));
}

static int spawn(
	const char *path, char *const argv[], char *const env[], bool terminal, int out, pid_t *ret)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int rc;

	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	if (!terminal)
		posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, out, 1);
	posix_spawn_file_actions_addclosefrom_np(&files, 3);
	rc = set_attributes(&attr, terminal);
	if (rc == 0)
		rc = posix_spawn(ret, path, &files, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return -rc;
}

/* What is there now; 1 at the end of the output. */
static int drain(int fd, struct buf *ret)
{
	for (;;) {
		char piece[16 * 1024];
		ssize_t n = read(fd, piece, sizeof(piece));

		if (n == 0)
			return 1;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		buf_add(ret, piece, (size_t)n);
		if (buf_check(ret) < 0)
			return -EMSGSIZE;
	}
}

/* Not reaped by this. */
static bool has_ended(const struct child *c, const struct pollfd *p)
{
	siginfo_t info = { 0 };

	if (c->pidfd >= 0)
		return p->revents != 0;
	return waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	       info.si_pid != 0;
}

/*
 * Until the program has ended. Its output may end before (then only the end is waited for) or after
 * (a helper that it left running holds the pipe: nobody waits for that one). Where the kernel has
 * no pidfd the end is looked for now and then.
 */
static int listen_to(struct child *c, int64_t deadline_ms, const struct halt *halt, struct buf *ret)
{
	int most_ms = c->pidfd < 0 ? LOOK_MS : halt ? HALT_MS : INT_MAX;
	bool open = true;

	for (;;) {
		struct pollfd p[2] = { { c->pidfd, POLLIN, 0 }, { open ? c->out : -1, POLLIN, 0 } };
		int left = deadline_left(deadline_ms), rc;
		bool ended;

		rc = poll(p, 2, left > most_ms ? most_ms : left);
		if (rc < 0 && errno != EINTR)
			return -errno;
		ended = has_ended(c, &p[0]); /* before the last look at its output */
		rc = open ? drain(c->out, ret) : 0;
		if (rc < 0)
			return rc;
		open = open && rc == 0;
		if (ended)
			return 0;
		if (halt && halted(halt))
			return -EINTR;
		if (deadline_passed(deadline_ms))
			return -ETIMEDOUT;
	}
}

/* Where SIGCHLD is ignored the kernel reaps by itself and the status is lost: its output decides
 * then. */
static int reap(const struct child *c)
{
	int status = 0;

	while (waitpid(c->pid, &status, 0) < 0) {
		if (errno != EINTR)
			return 0;
	}
	return status;
}

int capture_run(const char *path, char *const argv[], char *const env[], bool terminal,
	int64_t deadline_ms, const struct halt *halt, struct buf *ret, int *ret_status)
{
	struct child c = { .group = !terminal };
	int fds[2], rc;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	rc = spawn(path, argv, env, terminal, fds[1], &c.pid);
	close(fds[1]);
	c.out = fds[0];
	if (rc < 0) {
		close(c.out);
		return rc;
	}
	c.pidfd = pidfd_open(c.pid, 0);
	rc = io_nonblock(c.out);
	if (rc == 0)
		rc = listen_to(&c, deadline_ms, halt, ret);
	if (rc < 0)
		kill(c.group ? -c.pid : c.pid,
			SIGKILL); /* not reaped yet, so the number is still its own */
	*ret_status = reap(&c);
	if (c.pidfd >= 0)
		close(c.pidfd);
	close(c.out);
	return rc;
}
