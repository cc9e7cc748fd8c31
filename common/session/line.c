#include "common/session/line.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/remote/hello.h"
#include "common/remote/proto.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define ASK    "1 pack\n"
#define ANSWER "= 1\n"

struct line {
	struct exec *exec;
	int fd;
	int pid; /* of a local one, or 0 */
};

static int open_stream(const struct session_spec *spec, const volatile bool *stop,
	int64_t deadline_ms, struct line *l, struct err *err)
{
	const struct exec_spec x = {
		.ns = spec->ns,
		.pod = spec->pod,
		.container = spec->container,
		.argv = hello_boot(),
		.protocol = spec->protocol,
		.stop = stop,
	};
	int rc;

	if (!spec->target)
		return hello_spawn(hello_boot(), &l->fd, &l->pid, err);
	rc = exec_open(spec->net, spec->target, &x, deadline_ms, &l->exec, err);
	if (rc == 0)
		l->fd = exec_take_fd(l->exec);
	return rc;
}

/* The agent says nothing behind its hello until it is asked: so nothing is read too far. */
static int read_hello(int fd, int64_t deadline_ms, struct buf *line)
{
	for (;;) {
		ssize_t n = line->len < line->max ? io_read_some(fd, buf_room(line, 1),
							    line->max - line->len > 0, deadline_ms)
						  : -EBADMSG;

		if (n <= 0)
			return n < 0 ? (int)n : -EPIPE;
		buf_grew(line, 1);
		if (line->data[line->len - 1] != '\n')
			continue;
		if (strncmp(buf_text(line), "hello sbx ", 10) == 0)
			return 0;
		buf_reset(line);
	}
}

/* Is it the static agent, and one that can do it? */
static bool can_pack(const char *hello)
{
	const char *ops = strstr(hello, " ops=");
	size_t n = ops ? strcspn(ops + 5, " \n") : 0;
	auto_free char *list = xstrndup(ops ? ops + 5 : "", n);

	for (char *at = list; *at;) {
		size_t word = strcspn(at, ",");

		if (word == 4 && memcmp(at, "pack", 4) == 0)
			return true;
		at += word + (at[word] == ',');
	}
	return false;
}

static int greet(struct line *l, int64_t deadline_ms, struct err *err)
{
	auto_buf line = BUF_INIT(PROTO_NOISE_MAX);
	char answer[sizeof(ANSWER) - 1];
	struct hello h = { 0 };
	int rc = hello_place(l->fd, &h, deadline_ms, err);

	if (rc < 0)
		return rc;
	rc = read_hello(l->fd, deadline_ms, &line);
	if (rc < 0)
		return err_set(err, rc, "the sandbox's agent did not say hello");
	if (!can_pack(buf_text(&line)))
		return err_set(err, -ENOSYS, "%s", *h.why ? h.why : "no static agent");
	rc = io_write_all(l->fd, ASK, sizeof(ASK) - 1, deadline_ms);
	if (rc == 0)
		rc = io_read_all(l->fd, answer, sizeof(answer), deadline_ms);
	if (rc == 0 && memcmp(answer, ANSWER, sizeof(answer)) != 0)
		rc = -EBADMSG;
	return rc < 0 ? err_set(err, rc, "the sandbox's agent does not take files") : 0;
}

/* As a session would say it: the API server's word is better than the end of a descriptor. */
static int explain(const struct session_spec *spec, struct line *l, int rc, struct err *err)
{
	struct exec_end end = { 0 };

	if (rc == -ENOSYS)
		return rc;
	if (!l->exec || exec_wait(l->exec, deadline_after(1000), &end) < 0 || end.rc >= 0)
		return err_wrap(err, rc, "cannot copy files of %s/%s", spec->ns, spec->pod);
	if (end.rc == -ENOEXEC)
		return err_set(err, -ENOEXEC,
			"cannot work in %s/%s: its image has no shell (sh); files need one (%s)",
			spec->ns, spec->pod, err_text(&end.err, end.rc));
	return err_set(err, end.rc, "cannot copy files of %s/%s: %s", spec->ns, spec->pod,
		err_text(&end.err, end.rc));
}

int line_open(const struct session_spec *spec, const volatile bool *stop, int64_t deadline_ms,
	struct line **ret, struct err *err)
{
	struct line *l = xcalloc(1, sizeof(*l));
	int rc;

	l->fd = -1;
	rc = open_stream(spec, stop, deadline_ms, l, err);
	if (rc == 0) {
		rc = greet(l, deadline_ms, err);
		rc = rc < 0 ? explain(spec, l, rc, err) : 0;
	}
	if (rc < 0) {
		line_close(l);
		return rc;
	}
	*ret = l;
	return 0;
}

int line_fd(const struct line *l)
{
	return l->fd;
}

void line_close(struct line *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd);
	exec_close(l->exec);
	if (l->pid > 0) {
		kill(-l->pid, SIGKILL);
		waitpid(l->pid, NULL, 0);
	}
	free(l);
}
