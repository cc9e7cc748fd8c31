#include "plugin/local/pump.h"
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/base/log.h"
#include "plugin/local/attach.h"
#include "plugin/local/exec.h"
#include "plugin/local/folder.h"
#include "plugin/local/forward.h"
#include "plugin/local/process.h"
#include "plugin/local/status.h"
#include "plugin/local/terminal.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define EVENTS  32
#define TICK_MS 5000
#define SIZE_MS 100 /* that a terminal waits for its first size, so that its program sees it */

struct pump {
	char *home;
	pthread_t thread;
	int wake;
	int poll;
	bool closing; /* atomic */

	pthread_mutex_t lock;
	struct stream *fresh; /* to be begun */
	int count;            /* fresh and streams */

	struct stream *streams; /* the thread's */
};

void pump_kick(struct pump *p)
{
	uint64_t one = 1;

	if (write(p->wake, &one, sizeof(one)) < 0)
		trace(EXEC, "waking the pump: %m");
}

int pump_start(struct pump *p, struct stream *s)
{
	pthread_mutex_lock(&p->lock);
	if (p->count >= STREAMS_MAX) {
		pthread_mutex_unlock(&p->lock);
		return -EAGAIN;
	}
	p->count++;
	s->next = p->fresh;
	p->fresh = stream_ref(s);
	pthread_mutex_unlock(&p->lock);
	pump_kick(p);
	return 0;
}

/* Wants what is asked; nothing at all takes it out of the set, since a hang-up is always told. */
static void want(struct pump *p, struct watched *w, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = w };

	if (w->fd < 0 || (w->polled && w->want == events && events) || (!w->polled && !events))
		return;
	epoll_ctl(p->poll,
		!events     ? EPOLL_CTL_DEL
		: w->polled ? EPOLL_CTL_MOD
			    : EPOLL_CTL_ADD,
		w->fd, &e);
	w->polled = events != 0;
	w->want = events;
}

static void drop(struct pump *p, struct watched *w)
{
	want(p, w, 0);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

static void finish(struct pump *p, struct stream *s, cJSON *status)
{
	stream_finish(s, status);
	drop(p, &s->in);
	drop(p, &s->out);
	drop(p, &s->err);
}

static void fail(struct pump *p, struct stream *s, const char *text)
{
	finish(p, s,
		status_make(500, "InternalError",
			"error executing command in container: failed to exec in container: failed "
			"to start "
			"exec: OCI runtime exec failed: %s: unknown",
			text));
}

/* All is said when the process has ended and its output too (others may still hold that). */
static void finish_when_over(struct pump *p, struct stream *s)
{
	if (!s->exited || s->phase != STREAM_RUNNING)
		return;
	if (s->out.fd >= 0 || s->err.fd >= 0)
		return;
	s->phase = STREAM_OVER;
	if (s->o.port)
		finish(p, s, NULL);
	else
		finish(p, s, s->exit_code ? status_exit(s->exit_code) : status_success());
}

/* There is no process: it is over when its connection is. */
static void begin_forward(struct pump *p, struct stream *s)
{
	int rc = forward_begin(s);

	s->phase = rc < 0 ? STREAM_OVER : STREAM_RUNNING;
	s->exited = true;
	stream_started(s);
	if (rc < 0)
		finish(p, s, NULL);
}

static void begin(struct pump *p, struct stream *s)
{
	struct err err = { "" };
	int rc;

	if (s->o.port) {
		begin_forward(p, s);
		return;
	}
	rc = s->o.attach ? attach_begin(s, &err) : exec_begin(p->home, s, &err);

	if (rc < 0) {
		s->phase = STREAM_OVER;
		fail(p, s, err_text(&err, rc));
		return;
	}
	if (s->o.attach) {
		s->phase = STREAM_RUNNING;
		stream_started(s);
		return;
	}
	s->phase = STREAM_STARTING;
	s->runtime.fd = process_pidfd(s->runtime_pid);
	want(p, &s->runtime, EPOLLIN);
}

static void take_fresh(struct pump *p)
{
	struct stream *s;

	for (;;) {
		pthread_mutex_lock(&p->lock);
		s = p->fresh;
		if (s)
			p->fresh = s->next;
		pthread_mutex_unlock(&p->lock);
		if (!s)
			return;
		s->next = p->streams;
		p->streams = s;
		s->begin_ms = deadline_after(s->o.tty && !s->o.attach ? SIZE_MS : 0);
	}
}

static void runtime_ended(struct pump *p, struct stream *s)
{
	struct err err = { "" };
	int status = -1, rc;

	if (waitpid(s->runtime_pid, &status, WNOHANG) != s->runtime_pid)
		return;
	drop(p, &s->runtime);
	rc = exec_started(s, WIFEXITED(status) && WEXITSTATUS(status) == 0, &err);
	exec_free(s->exec);
	s->exec = NULL;
	if (rc < 0) {
		s->phase = STREAM_OVER;
		fail(p, s, err_text(&err, rc));
		return;
	}
	s->phase = STREAM_RUNNING;
	stream_started(s);
	s->process.fd = process_pidfd(s->pid);
	want(p, &s->process, EPOLLIN);
}

static void process_ended(struct pump *p, struct stream *s)
{
	int status = 0;

	if (waitpid(s->pid, &status, WNOHANG) != s->pid)
		return;
	drop(p, &s->process);
	s->exited = true;
	s->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	if (s->o.tty)
		drop(p, &s->in);
	finish_when_over(p, s);
}

static void read_output(struct pump *p, struct stream *s, struct watched *w, uint8_t channel)
{
	struct piece *piece = piece_new();
	ssize_t n = read(w->fd, piece->bytes + STREAM_PRE + 1, STREAM_PIECE_BYTES);

	if (n > 0) {
		piece->bytes[STREAM_PRE] = channel;
		piece->len = (size_t)n + 1;
		stream_queue_output(s, piece);
		return;
	}
	free(piece);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	drop(p, w);
	finish_when_over(p, s);
}

/* The first piece of input that is not written; it stays in the queue. */
static struct piece *first_input(struct stream *s)
{
	scoped_lock(&s->lock);

	return s->input.first;
}

static void forget_first_input(struct stream *s)
{
	struct piece *p;

	pthread_mutex_lock(&s->lock);
	p = s->input.first;
	if (p) {
		s->input.first = p->next;
		if (!p->next)
			s->input.last = NULL;
		s->input.bytes -= p->len;
	}
	if (s->wake && s->input.bytes < STREAM_QUEUE_BYTES / 2)
		s->wake(s->wake_arg);
	pthread_mutex_unlock(&s->lock);
	free(p);
}

static void write_input(struct pump *p, struct stream *s)
{
	struct piece *piece;

	while ((piece = first_input(s))) {
		ssize_t n = write(s->in.fd, piece->bytes + piece->at, piece->len - piece->at);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 && errno != EINTR) {
			drop(p, &s->in);
			return;
		}
		if (n > 0)
			piece->at += (size_t)n;
		if (piece->at == piece->len)
			forget_first_input(s);
	}
}

static void apply_resize(struct stream *s)
{
	uint16_t columns, rows;
	bool due;

	pthread_mutex_lock(&s->lock);
	due = s->resized;
	s->resized = false;
	columns = s->columns;
	rows = s->rows;
	pthread_mutex_unlock(&s->lock);
	if (due && s->o.tty && s->out.fd >= 0)
		terminal_resize(s->out.fd, columns, rows);
}

static void begin_when_due(struct pump *p, struct stream *s)
{
	bool due;

	pthread_mutex_lock(&s->lock);
	due = s->resized || s->abandoned;
	pthread_mutex_unlock(&s->lock);
	if (due || deadline_passed(s->begin_ms))
		begin(p, s);
}

/* Also when woken for other reasons: the log may hold more than there was room for before. */
static void tend_attach(struct pump *p, struct stream *s, bool full)
{
	if (full || attach_read(s) == 0)
		return;
	s->phase = STREAM_OVER;
	finish(p, s, status_success());
}

/* What is wanted of a stream's descriptors now; and the ends of input. */
static void tend(struct pump *p, struct stream *s)
{
	bool full = stream_output_full(s), has_input, closed, abandoned;

	if (s->phase == STREAM_NEW)
		begin_when_due(p, s);
	pthread_mutex_lock(&s->lock);
	has_input = s->input.first;
	closed = s->input_closed;
	abandoned = s->abandoned;
	pthread_mutex_unlock(&s->lock);
	if (abandoned) {
		drop(p, &s->in);
		if (s->phase == STREAM_RUNNING && !s->o.attach) {
			drop(p, &s->out);
			drop(p, &s->err);
			finish_when_over(p, s);
		}
	}
	if (s->o.attach && abandoned && s->phase == STREAM_RUNNING) {
		s->phase = STREAM_OVER;
		finish(p, s, status_success());
	}
	if (s->phase != STREAM_RUNNING)
		return;
	if (s->o.attach) {
		tend_attach(p, s, full);
		if (s->phase != STREAM_RUNNING)
			return;
	}
	apply_resize(s);
	want(p, &s->out, full ? 0 : EPOLLIN);
	want(p, &s->err, full ? 0 : EPOLLIN);
	while (s->in.fd < 0 && has_input) {
		forget_first_input(s);
		has_input = first_input(s);
	}
	if (closed && !has_input && !s->o.tty)
		drop(p, &s->in);
	want(p, &s->in, has_input ? EPOLLOUT : 0);
}

/* A stream whose process is still there is kept, so that it is reaped, even when its client is
 * gone. */
static bool is_over(const struct stream *s)
{
	return s->phase == STREAM_OVER;
}

static void free_parts(struct stream *s)
{
	exec_free(s->exec);
	s->exec = NULL;
	attach_free(s->attach);
	s->attach = NULL;
}

static void tend_all(struct pump *p)
{
	struct stream **at = &p->streams, *s;

	while ((s = *at)) {
		tend(p, s);
		if (!is_over(s)) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		free_parts(s);
		pthread_mutex_lock(&p->lock);
		p->count--;
		pthread_mutex_unlock(&p->lock);
		stream_unref(s);
	}
}

static void serve(struct pump *p, struct watched *w)
{
	struct stream *s = w->stream;

	if (w->fd < 0)
		return;
	if (w == &s->runtime)
		runtime_ended(p, s);
	else if (w == &s->process)
		process_ended(p, s);
	else if (w == &s->out && s->o.attach)
		return; /* tend_attach, for all */
	else if (w == &s->out)
		read_output(p, s, w, s->o.port ? FORWARD_DATA : CHANNEL_STDOUT);
	else if (w == &s->err)
		read_output(p, s, w, CHANNEL_STDERR);
	else
		write_input(p, s);
}

static int next_wait(const struct pump *p)
{
	int wait = TICK_MS;

	for (const struct stream *s = p->streams; s; s = s->next)
		if (s->phase == STREAM_NEW && deadline_left(s->begin_ms) < wait)
			wait = deadline_left(s->begin_ms);
	return wait;
}

static void *main_loop(void *arg)
{
	struct pump *p = arg;
	struct epoll_event events[EVENTS];

	while (!__atomic_load_n(&p->closing, __ATOMIC_ACQUIRE)) {
		int n = epoll_wait(p->poll, events, EVENTS, next_wait(p));

		for (int i = 0; i < n; i++) {
			uint64_t count;

			if (events[i].data.ptr)
				serve(p, events[i].data.ptr);
			else if (read(p->wake, &count, sizeof(count)) > 0)
				take_fresh(p);
		}
		tend_all(p);
	}
	return NULL;
}

int pump_open(const char *home, struct pump **ret, struct err *err)
{
	auto_free char *dir = xprintf("%s/exec", home);
	struct epoll_event e = { .events = EPOLLIN };
	struct pump *p;
	int rc = folder_remove(dir, err);

	if (rc == 0)
		rc = folder_make(dir, 0700, err);
	if (rc < 0)
		return rc;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	p = xcalloc(1, sizeof(*p));
	p->home = xstrdup(home);
	pthread_mutex_init(&p->lock, NULL);
	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->poll = epoll_create1(EPOLL_CLOEXEC);
	if (p->wake < 0 || p->poll < 0 || epoll_ctl(p->poll, EPOLL_CTL_ADD, p->wake, &e) < 0)
		rc = err_set(err, -errno, "making the descriptors of the pump: %m");
	if (rc == 0)
		rc = -pthread_create(&p->thread, NULL, main_loop, p);
	if (rc < 0) {
		free(p->home);
		free(p);
		return rc;
	}
	*ret = p;
	return 0;
}

static void let_go(struct pump *p, struct stream *s)
{
	struct watched *all[] = { &s->in, &s->out, &s->err, &s->runtime, &s->process };

	for (int i = 0; i < 5; i++)
		drop(p, all[i]);
	free_parts(s);
	stream_unref(s);
}

static void let_go_all(struct pump *p, struct stream *s)
{
	while (s) {
		struct stream *next = s->next;

		let_go(p, s);
		s = next;
	}
}

void pump_close(struct pump *p)
{
	if (!p)
		return;
	__atomic_store_n(&p->closing, true, __ATOMIC_RELEASE);
	pump_kick(p);
	pthread_join(p->thread, NULL);
	let_go_all(p, p->streams);
	let_go_all(p, p->fresh);
	close(p->wake);
	close(p->poll);
	pthread_mutex_destroy(&p->lock);
	free(p->home);
	free(p);
}
