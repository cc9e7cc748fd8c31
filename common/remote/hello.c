#include "common/remote/hello.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "common/remote/agent-text.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

/*
 * `read` takes not a byte behind the LF from a pipe, so what follows is the
 * agent's; half a text ends without LF and is never evaluated. The text is
 * one line because bash takes 60 ms to put 30 KB together from many.
 */
static const char loader[] = "IFS= read -r l && eval \"$(printf %b \"$l\")\"";

const char *const *hello_argv(void)
{
	static const char *const argv[] = { "sh", "-c", loader, NULL };

	return argv;
}

int hello_start(int fd, int64_t deadline_ms, struct err *err)
{
	static const char text[] = AGENT_TEXT;
	int rc = io_write_all(fd, text, sizeof(text) - 1, deadline_ms);

	if (rc < 0 && rc != -ETIMEDOUT)
		rc = -EPIPE;
	return rc < 0 ? err_set(err, rc, "sending the agent to the sandbox's shell: %s",
				rc == -EPIPE ? "it has ended" : "it does not read")
		      : 0;
}

/* In the child: only what may be called between fork and exec. */
static void become(const char *const *argv, int fd, int err_fd, int tell_fd)
{
	sigset_t none;
	int code;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0);
	if (dup2(fd, 0) >= 0 && dup2(fd, 1) >= 0 && (err_fd < 0 || dup2(err_fd, 2) >= 0))
		execvp(argv[0], (char *const *)argv);
	code = errno;
	if (write(tell_fd, &code, sizeof(code)) < 0)
		_exit(126);
	_exit(127);
}

/* What the child could not do: its errno, or 0 when exec closed the pipe. */
static int exec_failure(int fd)
{
	int code = 0;

	if (io_read_all(fd, &code, sizeof(code), deadline_after(10000)) < 0)
		return 0;
	return -code;
}

int hello_spawn(const char *const *argv, int *ret_fd, int *ret_pid, struct err *err)
{
	auto_close int ours = -1;
	auto_close int theirs = -1;
	auto_close int tell = -1;
	auto_close int told = -1;
	auto_close int null = -1;
	int fds[2], pipes[2];
	pid_t pid;
	int rc;

	argv = argv ? argv : hello_argv();
	if (!trace_on(TRACE_FRAME))
		null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	rc = io_pair(fds);
	if (rc < 0)
		return err_set(err, rc, "a socket pair for %s: %s", argv[0], strerror(-rc));
	ours = fds[0];
	theirs = fds[1];
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_set(err, -errno, "a pipe for %s: %s", argv[0], strerror(errno));
	told = pipes[0];
	tell = pipes[1];
	pid = fork();
	if (pid < 0)
		return err_set(err, -errno, "starting %s: %s", argv[0], strerror(errno));
	if (pid == 0)
		become(argv, theirs, null, tell);
	close(take_fd(tell));
	rc = exec_failure(told);
	if (rc < 0) {
		waitpid(pid, NULL, 0);
		return err_set(err, rc, "starting %s: %s", argv[0], strerror(-rc));
	}
	*ret_fd = take_fd(ours);
	*ret_pid = pid;
	return 0;
}
