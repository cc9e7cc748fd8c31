#include "common/remote/agent/static/runs.h"

#include "common/base/clock.h"
#include "common/remote/agent/static/put.h"
#include "common/remote/agent/static/terminal.h"
#include "common/remote/proto.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static struct run *run_of(struct task *t)
{
	return (struct run *)t;
}

/* --- its end ------------------------------------------------------------------- */

static void end_flow(struct run_flow *f)
{
	f->over = true;
	watch_close(f->run->task.agent->loop, &f->watch);
}

static void put_end(struct run *r, struct buf *to)
{
	buf_add(to, "= ", 2);
	put_u64(to, r->task.tag);
	buf_char(to, ' ');
	buf_str(to, kept_state_name(r->state));
	put_words(to, (const uint64_t[]){ (uint64_t)r->code, r->task.sent[0], r->task.sent[1] }, 3);
	buf_char(to, '\n');
	/* Nothing may be said of its input behind the last word. */
	feed_close(&r->in);
	task_over(&r->task);
}

/* `!`, the last word of this tag or of a keep's. */
void run_say_failure(struct run *r, uint32_t tag, int rc)
{
	struct buf *b = &r->task.lines;

	buf_add(b, "! ", 2);
	put_u64(b, tag);
	buf_char(b, ' ');
	buf_str(b, put_errno(rc));
	buf_str(b, " -\n");
	task_wants(&r->task);
}

void run_fail(struct run *r, int rc)
{
	feed_close(&r->in);
	run_say_failure(r, r->task.tag, rc);
	task_over(&r->task);
}

static void linger(struct task *t)
{
	struct run *r = run_of(t);

	for (int k = 0; k < 2; k++) {
		struct run_flow *f = &r->flow[k];
		int there = 0;

		if (f->over || f->late)
			continue;
		if (r->terminal || ioctl(f->watch.fd, FIONREAD, &there) < 0)
			there = 64 * 1024;
		f->late = true;
		f->left = (size_t)there;
		f->ready = true;
		if (!there)
			end_flow(f);
	}
	task_wants(t);
}

/* --- outputs --------------------------------------------------------------------- */

static void on_output(void *arg, uint32_t events)
{
	struct run_flow *f = arg;

	f->ready = true;
	task_wants(&f->run->task);
}

/* A frame of this output; false: none is there, or it may not go. */
static bool put_some(struct run *r, int k, struct buf *to)
{
	struct run_flow *f = &r->flow[k];
	char bytes[OUT_FRAME];
	size_t room = task_room(&r->task, k);
	ssize_t n;

	if (f->late && room > f->left)
		room = f->left;
	if (f->over || !f->ready || !room || r->keep_tag)
		return false;
	n = read(f->watch.fd, bytes, room);
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN) {
		f->ready = false;
		if (f->late)
			end_flow(f);
		return false;
	}
	if (n <= 0) {
		end_flow(f);
		return false;
	}
	task_put_output(&r->task, k, bytes, (size_t)n, to);
	f->left -= f->late ? (size_t)n : 0;
	if (f->late && !f->left)
		end_flow(f);
	return true;
}

static bool may_have_more(const struct run *r)
{
	for (int k = 0; k < 2; k++) {
		if (r->flow[k].ready && !r->flow[k].over && task_room(&r->task, k))
			return !r->keep_tag;
	}
	return false;
}

static bool pull(struct source *s, struct buf *to)
{
	struct run *r = (struct run *)s;

	task_put_lines(&r->task, to);
	if (r->task.over || !r->pid)
		return false;
	if (put_some(r, r->turn, to) || put_some(r, !r->turn, to))
		r->turn = !r->turn;
	if (r->ended && !r->keep_tag && r->flow[0].over && r->flow[1].over) {
		if (!changes_told(&r->task, to))
			return false;
		put_end(r, to);
		return false;
	}
	return may_have_more(r);
}

/* --- input ----------------------------------------------------------------------- */

static void input_ends(struct task *t)
{
	struct run *r = run_of(t);
	char last[2];

	if (!r->terminal) {
		feed_close(&r->in);
		return;
	}
	buf_add(&r->in.queue, last, terminal_eof(r->in.watch.fd, r->in.last, last));
	r->in.last = '\n';
}

static void input(struct task *t, const char *bytes, size_t n)
{
	feed_put(&run_of(t)->in, bytes, n);
}

static void eof(struct task *t)
{
	feed_eof(&run_of(t)->in);
}

/* --- orders ---------------------------------------------------------------------- */

static void kill_it(struct task *t, int sig)
{
	struct run *r = run_of(t);

	if (r->pid)
		kill(-r->pid, sig);
}

static void timeout(struct task *t, uint64_t ms)
{
	struct order o = { .kind = ORDER_TIMEOUT, .ms = ms };

	send(run_of(t)->boss.fd, &o, sizeof(o), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void resize(struct task *t, unsigned cols, unsigned rows)
{
	struct run *r = run_of(t);

	if (r->terminal && !r->flow[0].over)
		terminal_resize(r->flow[0].watch.fd, cols, rows);
}

static void leave(struct task *t)
{
	/* Only who is attached can leave; this one is a child of the stream. */
}

/* The keeper sees that we go, and ends it. */
static void end(struct task *t)
{
	struct run *r = run_of(t);

	watch_close(r->task.agent->loop, &r->boss);
}

static void fini(struct task *t)
{
	struct run *r = run_of(t);

	for (int k = 0; k < 2; k++)
		watch_close(r->task.agent->loop, &r->flow[k].watch);
	watch_close(r->task.agent->loop, &r->boss);
	feed_fini(&r->in);
}

static const struct task_ops ops = { input, eof, kill_it, timeout, resize, leave, linger, end,
	fini };

struct run *run_find(struct agent *a, uint64_t tag)
{
	struct task *t = task_find(&a->tasks, tag);

	return t && t->ops == &ops ? run_of(t) : NULL;
}

struct run *run_new(struct agent *a, uint32_t tag)
{
	struct run *r = xcalloc(1, sizeof(*r));

	task_init(&r->task, a, tag, &ops);
	r->task.source.pull = pull;
	r->boss = (struct watch){ .fd = -1, .ready = boss_ready, .arg = r };
	feed_init(&r->in, &r->task, TASK_IN_CREDIT, input_ends);
	for (int k = 0; k < 2; k++) {
		r->flow[k].run = r;
		r->flow[k].watch =
			(struct watch){ .fd = -1, .ready = on_output, .arg = &r->flow[k] };
	}
	return r;
}
