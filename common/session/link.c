#include "common/session/link.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/remote/hello.h"

#include <signal.h>
#include <sys/wait.h>

static int open_local(const struct session_spec *spec, int64_t deadline_ms, struct link *l,
	int *ret_fd, struct err *err)
{
	(void)deadline_ms;
	return hello_spawn(spec->local_argv, ret_fd, &l->pid, err);
}

static int open_exec(const struct session_spec *spec, const volatile bool *stop,
	int64_t deadline_ms, struct link *l, int *ret_fd, struct err *err)
{
	struct exec_spec x = {
		.ns = spec->ns,
		.pod = spec->pod,
		.container = spec->container,
		.argv = hello_argv(),
		.protocol = spec->protocol,
		.stop = stop,
	};
	int rc = exec_open(spec->net, spec->target, &x, deadline_ms, &l->exec, err);

	if (rc < 0)
		return rc;
	*ret_fd = exec_take_fd(l->exec);
	return 0;
}

/*
 * The agent did not answer. What the API server says of the command tells why better than the
 * end of a descriptor does: an image without sh fails there.
 */
static int explain(const struct session_spec *spec, struct link *l, int rc, struct err *err)
{
	auto_buf tail = BUF_INIT(EXEC_STDERR_TAIL * 4);
	struct exec_end end = { 0 };

	if (!l->exec || exec_wait(l->exec, deadline_after(1000), &end) < 0)
		return err_wrap(err, rc, "cannot start the agent in %s/%s", spec->ns, spec->pod);
	exec_stderr(l->exec, &tail);
	if (end.rc == -ENOEXEC)
		return err_set(err, -ENOEXEC,
			"cannot work in %s/%s: its image has no shell (sh); files and runs need "
			"one (%s)",
			spec->ns, spec->pod, err_text(&end.err, end.rc));
	if (end.rc < 0 && end.has_status)
		return err_set(err, end.rc, "cannot start the agent in %s/%s: %s", spec->ns,
			spec->pod, err_text(&end.err, end.rc));
	if (tail.len)
		return err_set(err, rc, "cannot start the agent in %s/%s: sh said: %s", spec->ns,
			spec->pod, buf_text(&tail));
	return err_wrap(err, rc, "cannot start the agent in %s/%s", spec->ns, spec->pod);
}

int link_open(const struct session_spec *spec, const volatile bool *stop, int64_t deadline_ms,
	struct link **ret, struct err *err)
{
	struct link *l = xcalloc(1, sizeof(*l));
	auto_close int fd = -1;
	int64_t began = clock_now_ms();
	int rc;

	if (spec->target && !spec->local)
		rc = open_exec(spec, stop, deadline_ms, l, &fd, err);
	else
		rc = open_local(spec, deadline_ms, l, &fd, err);
	if (rc == 0) {
		rc = hello_start(fd, deadline_ms, err);
		if (rc == 0)
			rc = remote_open(take_fd(fd), deadline_ms, &l->remote, err);
		if (rc < 0)
			rc = explain(spec, l, rc, err);
	}
	trace(SESSION, "%s/%s: opening took %lld ms: %s", spec->ns ? spec->ns : "-",
		spec->pod ? spec->pod : "local", (long long)(clock_now_ms() - began),
		rc ? err_text(err, rc) : "ok");
	if (rc < 0) {
		link_hang_up(l, 0);
		link_free(l);
		return rc;
	}
	l->refs = 1;
	*ret = l;
	return 0;
}

void link_hang_up(struct link *l, int timeout_ms)
{
	if (l->remote)
		remote_bye(l->remote, timeout_ms);
	exec_close(l->exec);
	l->exec = NULL;
	if (l->pid > 0) {
		kill(-l->pid, SIGKILL);
		waitpid(l->pid, NULL, 0);
		l->pid = 0;
	}
}

void link_free(struct link *l)
{
	if (!l)
		return;
	if (l->remote)
		remote_close(l->remote, 0);
	free(l);
}
