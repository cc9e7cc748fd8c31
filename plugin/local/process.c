#include "plugin/local/process.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/wire.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define SAID_BYTES (64u * 1024)

extern char **environ;

static void as_at_login(posix_spawnattr_t *attr, bool session)
{
	sigset_t none, all;
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(attr, &all);
	if (session)
		flags |= POSIX_SPAWN_SETSID;
	posix_spawnattr_setflags(attr, flags);
}

int process_spawn(const struct spawn *s, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int fds[] = { s->in, s->out, s->err };
	int rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	as_at_login(&attr, s->session);
	for (int i = 0; i < 3; i++) {
		if (fds[i] < 0)
			posix_spawn_file_actions_addopen(&actions, i, "/dev/null", O_RDWR, 0);
		else
			posix_spawn_file_actions_adddup2(&actions, fds[i], i);
	}
	if (s->keep_fd > 2)
		posix_spawn_file_actions_adddup2(&actions, s->keep_fd, s->keep_fd);
	rc = posix_spawnp(ret, s->argv[0], &actions, &attr, (char *const *)s->argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return -rc;
}

/* Reads both until both have ended. */
static int read_both(int out, int err, struct buf *said_out, struct buf *said_err, int64_t deadline)
{
	struct pollfd p[] = { { out, POLLIN, 0 }, { err, POLLIN, 0 } };
	struct buf *to[] = { said_out, said_err };

	while (p[0].fd >= 0 || p[1].fd >= 0) {
		if (poll(p, 2, deadline_left(deadline)) == 0)
			return -ETIMEDOUT;
		for (int i = 0; i < 2; i++) {
			char piece[4096];
			ssize_t n = p[i].fd >= 0 && p[i].revents
					    ? read(p[i].fd, piece, sizeof(piece))
					    : 1;

			if (n <= 0)
				p[i].fd = -1;
			else if (p[i].revents && p[i].fd >= 0)
				buf_add(to[i], piece, (size_t)n);
		}
	}
	return 0;
}

static int tell(struct err *err, const char *program, int status, struct buf *said)
{
	while (said->len && said->data[said->len - 1] == '\n')
		buf_trim(said, said->len - 1);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(err, -EIO, "%s failed: %s", program,
		said->len ? buf_text(said) : "it said nothing");
}

static int run(const struct spawn *s, int out_end, int err_end, int timeout_ms, struct buf *out,
	struct err *err)
{
	auto_buf said = BUF_INIT(SAID_BYTES);
	int64_t deadline = deadline_after(timeout_ms);
	struct spawn with = *s;
	int status, rc;
	pid_t pid;

	rc = process_spawn(&with, &pid);
	close(s->out);
	close(s->err);
	if (rc < 0)
		return err_set(err, rc, "starting %s: %s", s->argv[0], strerror(-rc));
	rc = read_both(out_end, err_end, out, &said, deadline);
	if (rc < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (rc < 0)
		return err_set(err, rc, "%s took longer than %d s", s->argv[0], timeout_ms / 1000);
	return tell(err, s->argv[0], status, &said);
}

int process_read(const char *const *argv, int timeout_ms, struct buf *ret, struct err *err)
{
	auto_buf ignored = BUF_INIT(SAID_BYTES);
	auto_close int out = -1, said = -1;
	struct spawn s = { .argv = argv, .in = -1, .keep_fd = -1 };
	int a[2], b[2];

	if (pipe2(a, O_CLOEXEC) < 0)
		return -errno;
	out = a[0];
	if (pipe2(b, O_CLOEXEC) < 0) {
		close(a[1]);
		return -errno;
	}
	said = b[0];
	s.out = a[1];
	s.err = b[1];
	return run(&s, out, said, timeout_ms, ret ? ret : &ignored, err);
}

int process_run(const char *const *argv, int timeout_ms, struct err *err)
{
	return process_read(argv, timeout_ms, NULL, err);
}

/* The fields behind the name, which may hold anything but ends at the last ')'. */
static uint64_t read_stat(pid_t pid, char *ret_state)
{
	auto_free char *path = xprintf("/proc/%d/stat", (int)pid);
	auto_buf text = BUF_INIT(4096);
	const char *at;

	if (pid <= 0 || io_read_file(path, &text) < 0)
		return 0;
	at = strrchr(buf_text(&text), ')');
	if (!at || at[1] != ' ')
		return 0;
	*ret_state = at[2];
	at += 2;
	for (int field = 3; field < 22 && at; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

uint64_t process_start_time(pid_t pid)
{
	char state;

	return read_stat(pid, &state);
}

bool process_alive(pid_t pid, uint64_t start_time)
{
	char state = 'X';
	uint64_t t = read_stat(pid, &state);

	return t && t == start_time && state != 'Z' && state != 'X';
}

int process_pidfd(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

int process_wait_gone(pid_t pid, uint64_t start_time, int64_t deadline_ms)
{
	auto_close int fd = process_pidfd(pid);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	/* Its first thread may be a zombie while others still hold its locks: the descriptor tells of the last. */
	if (fd < 0 || process_start_time(pid) != start_time)
		return 0;
	while (!deadline_passed(deadline_ms))
		if (poll(&p, 1, deadline_left(deadline_ms)) > 0)
			return 0;
	return -ETIMEDOUT;
}
