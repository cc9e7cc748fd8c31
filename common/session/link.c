#include "common/session/link.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/remote/hello.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool wants_static(const struct session_spec *spec)
{
	return !spec->agent_sh && !spec->local_argv;
}

static int open_exec(const struct session_spec *spec, const volatile bool *stop,
	int64_t deadline_ms, struct link *l, int *ret_fd, struct err *err)
{
	struct exec_spec x = {
		.ns = spec->ns,
		.pod = spec->pod,
		.container = spec->container,
		.argv = wants_static(spec) ? hello_boot() : hello_argv(),
		.protocol = spec->protocol,
		.stop = stop,
	};
	int rc = exec_open(spec->net, spec->target, &x, deadline_ms, &l->exec, err);

	if (rc < 0) /* no file of it is meant */
		return rc == -ENOENT ? -ESTALE : rc;
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

void link_stop_init(struct link_stop *stop)
{
	pthread_mutex_init(&stop->lock, NULL);
	stop->stop = false;
	stop->fd = -1;
}

void link_stop_fini(struct link_stop *stop)
{
	close_at(&stop->fd);
	pthread_mutex_destroy(&stop->lock);
}

void link_stop_now(struct link_stop *stop)
{
	scoped_lock(&stop->lock);
	__atomic_store_n(&stop->stop, true, __ATOMIC_RELAXED);
	if (stop->fd >= 0)
		shutdown(stop->fd, SHUT_RDWR);
}

/* A duplicate: remote_open takes the descriptor itself, and may close it while another thread stops
 * us. */
static void stoppable(struct link_stop *stop, int fd)
{
	scoped_lock(&stop->lock);
	close_at(&stop->fd);
	stop->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
	if (fd >= 0 && stop->stop)
		shutdown(fd, SHUT_RDWR);
}

static int greet(const struct session_spec *spec, struct link_stop *stop, int fd,
	int64_t deadline_ms, struct link *l, struct err *err)
{
	struct hello h = { .only_there = spec->agent_there };
	int rc;

	stoppable(stop, fd);
	if (wants_static(spec))
		rc = hello_place(fd, &h, deadline_ms, err);
	else
		rc = hello_start(fd, deadline_ms, err);
	if (rc < 0) {
		stoppable(stop, -1);
		close(fd);
		return explain(spec, l, rc, err);
	}
	snprintf(l->why, sizeof(l->why), "%s", h.why);
	rc = remote_open(fd, deadline_ms, &l->remote, err);
	stoppable(stop, -1);
	if (rc < 0)
		return explain(spec, l, rc, err);
	if (l->exec)
		remote_direct(l->remote, exec_duct(l->exec));
	return 0;
}

int link_open(const struct session_spec *spec, struct link_stop *stop, int64_t deadline_ms,
	struct link **ret, struct err *err)
{
	struct link *l = xcalloc(1, sizeof(*l));
	int64_t began = clock_now_ms();
	int rc, fd = -1;

	if (spec->target)
		rc = open_exec(spec, &stop->stop, deadline_ms, l, &fd, err);
	else
		rc = hello_spawn(
			wants_static(spec) ? hello_boot() : spec->local_argv, &fd, &l->pid, err);
	if (rc == 0)
		rc = greet(spec, stop, fd, deadline_ms, l, err);
	trace(SESSION, "%s/%s: opening took %lld ms: %s", spec->ns, spec->pod,
		(long long)(clock_now_ms() - began), rc ? err_text(err, rc) : "ok");
	if (rc < 0) {
		link_hang_up(l, 0);
		link_free(l);
		return rc;
	}
	l->refs = 1;
	*ret = l;
	return 0;
}

/* Until it has ended, or the deadline. */
static void await_process(int pid, int64_t deadline_ms)
{
	auto_close int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { fd, POLLIN, 0 };

	if (fd >= 0 && !deadline_passed(deadline_ms))
		poll(&p, 1, deadline_left(deadline_ms));
}

/*
 * An agent that was told bye ends its runs by itself, within the time there is. Those who look after
 * kept runs stand in its process group and go on: so it alone is killed.
 */
static void end_process(struct link *l, int64_t deadline_ms)
{
	if (l->remote)
		await_process(l->pid, deadline_ms);
	kill(l->remote ? l->pid : -l->pid, SIGKILL);
	waitpid(l->pid, NULL, 0);
	l->pid = 0;
}

void link_hang_up(struct link *l, int timeout_ms)
{
	int64_t deadline_ms = deadline_after(timeout_ms);

	if (l->remote)
		remote_bye(l->remote, timeout_ms);
	exec_close(l->exec);
	l->exec = NULL;
	if (l->pid > 0)
		end_process(l, deadline_ms);
}

void link_free(struct link *l)
{
	if (!l)
		return;
	if (l->remote)
		remote_close(l->remote, 0);
	free(l);
}
