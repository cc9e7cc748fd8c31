#include "common/remote/hello.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "common/remote/agent-text.h"
#include "common/remote/info.h"
#include "common/remote/placing.h"
#include "common/remote/proto.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

/*
 * `read` takes not a byte behind the LF from a pipe, so what follows is the
 * agent's; half a text ends without LF and is never evaluated. The text is
 * one line because bash takes 60 ms to put 30 KB together from many.
 */
static const char loader[] = HELLO_LIMIT "IFS= read -r l && eval \"$(printf %b \"$l\")\"";

const char *const *hello_argv(void)
{
	static const char *const argv[] = { "sh", "-c", loader, NULL };

	return argv;
}

const char *const *hello_boot(void)
{
	static const char *argv[] = { "sh", "-c", NULL, NULL };

	argv[2] = placing_boot();
	return argv;
}

static int send_text(int fd, const void *text, size_t n, int64_t deadline_ms, struct err *err)
{
	int rc = io_write_all(fd, text, n, deadline_ms);

	if (rc < 0 && rc != -ETIMEDOUT)
		rc = -EPIPE;
	return rc < 0 ? err_set(err, rc, "sending the agent to the sandbox's shell: %s",
				rc == -EPIPE ? "it has ended" : "it does not read")
		      : 0;
}

int hello_start(int fd, int64_t deadline_ms, struct err *err)
{
	static const char text[] = AGENT_TEXT;

	return send_text(fd, text, sizeof(text) - 1, deadline_ms, err);
}

/* --- placing the static agent --------------------------------------------- */

#define PEEK_BYTES 4096
#define WANT       "sbx want "
#define HELLO      "hello sbx " /* its own reader takes that: remote_open */

/* What has come and still is in the socket: how much, 0 at the end. */
static ssize_t peek(int fd, char *bytes, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n = recv(fd, bytes, PEEK_BYTES, MSG_PEEK | MSG_DONTWAIT);

		if (n >= 0)
			return n;
		if (errno != EAGAIN && errno != EINTR)
			return -EPIPE;
		if (deadline_passed(deadline_ms))
			return -ETIMEDOUT;
		if (poll(&p, 1, deadline_left(deadline_ms)) < 0 && errno != EINTR)
			return -errno;
	}
}

/* May bytes be the beginning of what begins a hello? Then they stay where they are. */
static bool maybe_hello(const struct buf *line, const char *bytes, size_t n)
{
	size_t most = n < strlen(HELLO) ? n : strlen(HELLO);

	return !line->len && memcmp(bytes, HELLO, most) == 0;
}

/* A hello that comes in pieces (nobody does that): until there are more than n bytes. */
static int more_than(int fd, size_t n, int64_t deadline_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };
	char bytes[PEEK_BYTES];
	ssize_t now;

	if (deadline_passed(deadline_ms))
		return -ETIMEDOUT;
	poll(&p, 1, 1); /* the bytes that are there would wake it at once */
	now = peek(fd, bytes, deadline_ms);
	return now == (ssize_t)n && p.revents ? -EPIPE : 0;
}

/* How much of bytes belongs to this line, its LF too. */
static size_t of_line(const char *bytes, size_t n)
{
	const char *lf = memchr(bytes, '\n', n);

	return lf ? (size_t)(lf - bytes) + 1 : n;
}

/* The next line, with its LF; 1: it is a hello, and was left. Noise counts down. */
static int next_line(int fd, struct buf *line, size_t *noise, int64_t deadline_ms)
{
	char bytes[PEEK_BYTES];

	buf_reset(line);
	while (!line->len || line->data[line->len - 1] != '\n') {
		ssize_t n = peek(fd, bytes, deadline_ms);
		size_t part;

		if (n <= 0)
			return n < 0 ? (int)n : -EPIPE;
		if (maybe_hello(line, bytes, (size_t)n)) {
			if ((size_t)n >= strlen(HELLO))
				return 1;
			n = more_than(fd, (size_t)n, deadline_ms);
			if (n < 0)
				return (int)n;
			continue;
		}
		part = of_line(bytes, (size_t)n);
		if (part > *noise)
			return -EBADMSG;
		*noise -= part;
		buf_add(line, bytes, part);
		if (recv(fd, bytes, part, MSG_DONTWAIT) != (ssize_t)part)
			return -EPIPE;
	}
	return 0;
}

/* `sbx want ARCH [dd]` */
struct want {
	const char *arch; /* borrowed, n bytes */
	size_t n;
	bool dd;
};

/* False: another line. A \r is a terminal's. */
static bool is_want(const struct buf *line, struct want *ret)
{
	const char *at = buf_text(line) + strlen(WANT);

	if (line->len <= strlen(WANT) || memcmp(line->data, WANT, strlen(WANT)) != 0)
		return false;
	ret->arch = at;
	ret->n = strcspn(at, " \r\n");
	ret->dd = strncmp(at + ret->n, " dd", 3) == 0;
	return true;
}

static void say_why(struct hello *h, const struct want *want, int asked)
{
	if (asked > 1)
		snprintf(h->why, sizeof(h->why),
			"the static agent could not be placed: no folder of the sandbox lets a "
			"file be written and executed");
	else if (want->n == 1 && *want->arch == '-')
		snprintf(h->why, sizeof(h->why),
			"no static agent: the sandbox cannot say its architecture");
	else
		snprintf(h->why, sizeof(h->why),
			"no static agent for this architecture is in this program");
}

/* Answers a want: the program the first time, agent.sh where that cannot be. 1: it was agent.sh. */
static int answer_want(int fd, struct hello *h, const struct want *want, int asked,
	int64_t deadline_ms, struct err *err)
{
	auto_buf text = BUF_INIT(PLACING_MAX);
	int rc;

	if (asked > 1 || h->only_there || !placing_has(want->arch, want->n)) {
		if (!h->only_there)
			say_why(h, want, asked);
		rc = hello_start(fd, deadline_ms, err);
		return rc < 0 ? rc : 1;
	}
	placing_text(&text, want->arch, want->n, want->dd);
	trace(FRAME, "placing the agent: %zu bytes%s", text.len, want->dd ? "" : " of text");
	h->sent = text.len;
	return send_text(fd, text.data, text.len, deadline_ms, err);
}

int hello_place(int fd, struct hello *h, int64_t deadline_ms, struct err *err)
{
	auto_buf line = BUF_INIT(PROTO_NOISE_MAX);
	size_t noise = PROTO_NOISE_MAX;
	int asked = 0;
	int rc;

	for (;;) {
		struct want want;

		rc = next_line(fd, &line, &noise, deadline_ms);
		if (rc == 1)
			return 0;
		if (rc < 0)
			return err_set(err, rc, "the sandbox's shell did not start an agent: %s",
				rc == -EPIPE       ? "it has ended"
				: rc == -ETIMEDOUT ? "it says nothing"
						   : "it says too much");
		if (!is_want(&line, &want))
			continue;
		rc = answer_want(fd, h, &want, ++asked, deadline_ms, err);
		if (rc != 0)
			return rc < 0 ? rc : 0;
	}
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
