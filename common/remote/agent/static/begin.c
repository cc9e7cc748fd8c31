#include "common/remote/agent/static/run.h"
#include "common/remote/agent/static/runs.h"

#include "common/base/io.h"
#include "common/remote/agent/static/terminal.h"
#include "common/remote/proto.h"

#include <fcntl.h>
#include <sys/socket.h>

void run_env(struct job *j)
{
	struct buf *env = &j->agent->env;

	j->rc = child_check_env(j->body, j->body_n);
	buf_reset(env);
	if (j->rc == 0)
		buf_add(env, j->body, j->body_n);
	job_answer(j);
}

static int pipe_of(int ret[2])
{
	return pipe2(ret, O_CLOEXEC) < 0 ? -errno : 0;
}

/* The command's descriptors into stdio, ours into the run. What was made is closed by the caller. */
static int make_stdio(struct run *r, int stdio[3])
{
	int pair[2], rc;

	if (r->terminal) {
		rc = terminal_open(&r->flow[0].watch.fd, &stdio[0]);
		if (rc < 0)
			return rc;
		stdio[1] = stdio[2] = stdio[0];
		r->flow[1].over = true;
		r->in.watch.fd = fcntl(r->flow[0].watch.fd, F_DUPFD_CLOEXEC, 3);
		r->in.on = r->in.watch.fd >= 0;
		return r->in.on ? 0 : -errno;
	}
	for (int k = 0; k < 2; k++) {
		rc = pipe_of(pair);
		if (rc < 0)
			return rc;
		r->flow[k].watch.fd = pair[0];
		stdio[k + 1] = pair[1];
		io_nonblock(pair[0]);
	}
	if (!r->wants_in)
		return 0;
	rc = pipe_of(pair);
	if (rc < 0)
		return rc;
	stdio[0] = pair[0];
	r->in.watch.fd = pair[1];
	r->in.on = true;
	return io_nonblock(pair[1]);
}

static void close_stdio(int stdio[3])
{
	for (int i = 0; i < 3; i++) {
		if (stdio[i] >= 0 && (i == 0 || stdio[i] != stdio[0]))
			close(stdio[i]);
	}
}

static int fork_keeper(struct run *r, struct start *s)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	s->boss = pair[1];
	pid = fork();
	if (pid == 0)
		keeper_main(s);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return -EAGAIN;
	}
	r->boss.fd = pair[0];
	return 0;
}

static int watch_all(struct run *r)
{
	int loop = r->task.agent->loop;
	int rc = watch_set(loop, &r->boss, EPOLLIN);

	for (int k = 0; k < 2 && rc == 0; k++) {
		if (r->flow[k].watch.fd >= 0)
			rc = watch_set(loop, &r->flow[k].watch, EPOLLIN | EPOLLET);
	}
	return rc;
}

static int begin(struct run *r, struct start *s)
{
	int rc = r->kept ? 0 : make_stdio(r, s->stdio);

	if (rc == 0)
		rc = fork_keeper(r, s);
	close_stdio(s->stdio);
	return rc < 0 ? rc : watch_all(r);
}

static void start(struct run *r, struct job *j, struct buf *env)
{
	struct start s = { .world = &j->agent->world,
		.script = j->body,
		.script_n = j->body_n,
		.cwd = j->text[0],
		.user = j->text[1],
		.env = buf_text(env),
		.env_n = env->len,
		.timeout_ms = j->num[0],
		.keep = (uint32_t)j->num[2],
		.tag = j->tag,
		.wants_in = r->wants_in,
		.terminal = r->terminal,
		.stdio = { -1, -1, -1 } };
	int rc = begin(r, &s);

	if (rc < 0)
		run_fail(r, rc);
}

void run_begin(struct job *j)
{
	const char *flags = j->word[0];
	struct buf *env = &j->agent->env;
	struct run *r;

	if (!task_flags_ok(flags, "it") || !j->num[1] || j->num[2] > PROTO_KEPT_ID_MAX ||
		(*j->text[0] && *j->text[0] != '/')) {
		j->rc = -EINVAL;
		buf_reset(env);
		job_answer(j);
		return;
	}
	r = run_new(j->agent, j->tag);
	r->terminal = strchr(flags, 't');
	r->wants_in = strchr(flags, 'i');
	r->kept = (uint32_t)j->num[2];
	r->follow = (struct follow_spec){
		.window = j->num[1], .wanted = { true, true }, .wants_in = r->wants_in
	};
	for (int k = 0; k < 2; k++) {
		r->task.credit[k] = j->num[1];
		r->task.wanted[k] = true;
	}
	start(r, j, env);
	buf_reset(env);
	job_free(j);
}
