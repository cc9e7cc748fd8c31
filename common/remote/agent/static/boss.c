#include "common/remote/agent/static/run.h"
#include "common/remote/agent/static/runs.h"

#include "common/base/clock.h"
#include "common/remote/agent/static/put.h"
#include "common/remote/proto.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

/* --- reports --------------------------------------------------------------------- */

static void say_started(struct run *r)
{
	struct buf *b = &r->task.lines;

	buf_add(b, "s ", 2);
	put_u64(b, r->task.tag);
	put_words(b, (const uint64_t[]){ (uint64_t)r->pid }, 1);
	buf_char(b, '\n');
	if (r->wants_in)
		task_say_input(&r->task, TASK_IN_CREDIT);
	task_wants(&r->task);
}

static void on_started(struct run *r, const struct report *p)
{
	struct kept_dir d;

	if (p->rc < 0) {
		run_fail(r, p->rc);
		return;
	}
	if (!p->id) {
		r->pid = p->pid;
		say_started(r);
		return;
	}
	/* It belongs to its keeper from the start: here it is one that is followed. */
	if (kept_find(&r->task.agent->world, p->id, &d) < 0) {
		run_fail(r, -EIO);
		return;
	}
	task_over(&r->task);
	follow_begin(r->task.agent, r->task.tag, &d, &r->follow);
}

/* What the client has sent and the command not yet taken comes first in the fifo. */
static void hand_input_over(struct run *r, uint32_t id)
{
	struct kept_dir d;
	int fd = -1;

	if (r->in.watch.fd < 0 || kept_find(&r->task.agent->world, id, &d) < 0)
		return;
	if (r->in.queue.len)
		fd = kept_open(&d, "in", O_WRONLY | O_NONBLOCK);
	if (fd >= 0) {
		ssize_t n = write(fd, r->in.queue.data, r->in.queue.len);

		(void)n; /* it holds more than the queue can */
		close(fd);
	}
	if (r->in.ending)
		follow_eof(&d);
}

static void on_kept(struct run *r, const struct report *p)
{
	struct buf *b = &r->task.lines;
	uint32_t tag = r->keep_tag;

	r->keep_tag = 0;
	r->in.held = false;
	if (p->rc < 0) {
		run_say_failure(r, tag, p->rc);
		feed_go(&r->in);
		return;
	}
	hand_input_over(r, p->id);
	feed_close(&r->in);
	buf_add(b, "= ", 2);
	put_u64(b, tag);
	buf_add(b, "\n= ", 3);
	put_u64(b, r->task.tag);
	buf_str(b, " kept");
	put_words(b, (const uint64_t[]){ p->id, r->task.sent[0], r->task.sent[1] }, 3);
	buf_char(b, '\n');
	task_wants(&r->task);
	task_over(&r->task);
}

static void on_ended(struct run *r, enum kept_state state, int code)
{
	r->ended = true;
	r->state = state;
	r->code = code;
	watch_close(r->task.agent->loop, &r->boss);
	if (r->keep_tag) {
		run_say_failure(r, r->keep_tag, -ESRCH);
		r->keep_tag = 0;
		r->in.held = false;
		feed_go(&r->in);
	}
	r->task.look_ms = deadline_after(PROTO_LINGER_MS);
	task_wants(&r->task);
}

/* Its keeper was killed: nobody knows how it ends, so it ends now. */
static void on_lost(struct run *r)
{
	watch_close(r->task.agent->loop, &r->boss);
	if (r->pid)
		kill(-r->pid, SIGKILL);
	run_fail(r, -EIO);
}

void boss_ready(void *arg, uint32_t events)
{
	struct run *r = arg;
	struct report p;

	while (r->boss.fd >= 0 && !r->task.over) {
		ssize_t n = recv(r->boss.fd, &p, sizeof(p), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n != (ssize_t)sizeof(p))
			on_lost(r);
		else if (p.kind == REPORT_STARTED)
			on_started(r, &p);
		else if (p.kind == REPORT_KEPT)
			on_kept(r, &p);
		else
			on_ended(r, p.state, p.code);
	}
}

/* --- keep ------------------------------------------------------------------------ */

static int send_keep(struct run *r, uint32_t id)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(3 * sizeof(int))];
	} control = { .space = { 0 } };
	struct order o = {
		.kind = ORDER_KEEP, .id = id, .sent = { r->task.sent[0], r->task.sent[1] }
	};
	const int ours[3] = { r->flow[0].watch.fd, r->flow[1].watch.fd, r->in.watch.fd };
	int fds[3], n = 0;
	struct iovec part = { &o, sizeof(o) };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control };

	for (int i = 0; i < 3; i++) {
		o.has[i] = ours[i] >= 0;
		if (o.has[i])
			fds[n++] = ours[i];
	}
	m.msg_controllen = n ? CMSG_SPACE((size_t)n * sizeof(int)) : 0;
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
	memcpy(CMSG_DATA(&control.header), fds, (size_t)n * sizeof(int));
	return sendmsg(r->boss.fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -ESRCH : 0;
}

/* J's answer comes in the run's own lines, so that it stands before the run's last. */
static int keep(struct job *j)
{
	struct task *t = task_find(&j->agent->tasks, j->num[0]);
	struct run *r = run_find(j->agent, j->num[0]);
	int rc;

	if (!j->num[1] || j->num[1] > PROTO_KEPT_ID_MAX)
		return -EINVAL;
	if (t && !r)
		return -EALREADY;
	if (!r || !r->pid || r->ended)
		return -ESRCH;
	if (r->keep_tag)
		return -EALREADY;
	rc = send_keep(r, (uint32_t)j->num[1]);
	if (rc == 0)
		r->keep_tag = j->tag;
	r->in.held = rc == 0;
	return rc;
}

void run_keep(struct job *j)
{
	j->rc = keep(j);
	if (j->rc < 0)
		job_answer(j);
	else
		job_free(j);
}
