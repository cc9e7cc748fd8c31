#include "plugin/pump.h"

#include "common/base/clock.h"
#include "plugin/interrupt.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>

#define WINDOW       (1024 * 1024)
#define INPUT_PIECE  (64 * 1024)
#define POLL_MS      1000
#define BYE_MS       1000
#define KILL_WAIT_MS 2000 /* for the end after the second interrupt */

struct pump_out {
	struct buf arrived; /* pump->lock; filled by the session's thread */
	struct buf writing; /* the rest: the poll loop's alone */
	size_t written;     /* of writing */
	int fd;
	bool closed; /* nobody reads any more: what comes is dropped */
	uint64_t total;
};

struct pump {
	const struct pump_spec *spec;
	struct session_run *run;
	struct pump_out out[2]; /* standard output, standard error */
	int bell;               /* eventfd: something has come */
	bool eof;               /* of our standard input */
	int64_t give_up_ms;     /* 0, or when a killed run is left alone */
	int signal;             /* the first that came, or 0 */

	pthread_mutex_t lock; /* all below, and out[].arrived */
	size_t credit;        /* bytes of standard input that may be sent */
	bool started, ended, overrun;
	struct run_end end;
};

/* --- on the session's thread ------------------------------------------------ */

static void ring(struct pump *p)
{
	uint64_t one = 1;

	/* a full counter rings too */
	if (write(p->bell, &one, sizeof(one)) < 0)
		return;
}

static void on_started(void *arg, int pid)
{
	struct pump *p = arg;

	scoped_lock(&p->lock);
	p->started = true;
	ring(p);
}

static void on_output(void *arg, int stream, const void *bytes, size_t n)
{
	struct pump *p = arg;
	struct buf *b = &p->out[stream == 2].arrived;

	scoped_lock(&p->lock);
	buf_add(b, bytes, n);
	if (buf_check(b) < 0)
		p->overrun = true;
	ring(p);
}

static void on_input(void *arg, size_t n)
{
	struct pump *p = arg;

	scoped_lock(&p->lock);
	p->credit += n < SIZE_MAX - p->credit ? n : 0;
	ring(p);
}

static void on_ended(void *arg, const struct run_end *end)
{
	struct pump *p = arg;

	scoped_lock(&p->lock);
	p->end = *end;
	p->ended = true;
	ring(p);
}

/* --- on the caller's thread -------------------------------------------------- */

/* Once all that was taken is written: gives the credit back and takes what has come meanwhile. */
static void refill(struct pump *p, int i)
{
	struct pump_out *o = &p->out[i];
	struct buf empty;

	if (o->written < o->writing.len)
		return;
	if (o->writing.len)
		session_run_more(p->run, i + 1, o->writing.len);
	buf_reset(&o->writing);
	o->written = 0;
	pthread_mutex_lock(&p->lock);
	empty = o->writing;
	o->writing = o->arrived;
	o->arrived = empty;
	pthread_mutex_unlock(&p->lock);
	o->total += o->writing.len;
}

static bool waits_to_write(const struct pump_out *o)
{
	return o->written < o->writing.len;
}

/* The reader is gone: as a local program would be, the remote one is told by SIGPIPE. */
static void broken(struct pump *p, struct pump_out *o)
{
	if (!o->closed && o == &p->out[0])
		session_run_kill(p->run, "PIPE");
	o->closed = true;
}

/* PIPE_BUF bytes never block where poll said writable; the descriptor is shared, so no O_NONBLOCK.
 */
static void write_some(struct pump *p, struct pump_out *o)
{
	size_t left = o->writing.len - o->written;
	ssize_t n;

	if (!o->closed) {
		n = write(o->fd, o->writing.data + o->written, left < PIPE_BUF ? left : PIPE_BUF);
		if (n >= 0)
			o->written += (size_t)n;
		else if (errno != EAGAIN && errno != EINTR)
			broken(p, o);
	}
	if (o->closed)
		o->written = o->writing.len;
}

static size_t input_credit(struct pump *p)
{
	scoped_lock(&p->lock);
	return p->ended ? 0 : p->credit;
}

static void read_some(struct pump *p, size_t credit)
{
	char bytes[INPUT_PIECE];
	ssize_t n = read(p->spec->in, bytes, credit < sizeof(bytes) ? credit : sizeof(bytes));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		p->eof = true;
		session_run_eof(p->run);
		return;
	}
	{
		scoped_lock(&p->lock);
		p->credit -= (size_t)n;
	}
	if (session_run_input(p->run, bytes, (size_t)n) < 0)
		p->eof = true;
}

static const char *signal_word(int sig)
{
	return sig == SIGINT ? "INT" : sig == SIGHUP ? "HUP" : "TERM";
}

/* The first is the command's, the second ends it. */
static int interrupted(struct pump *p)
{
	int sig = interrupt_read(p->spec->signals);
	bool started;

	if (!sig)
		return 0;
	{
		scoped_lock(&p->lock);
		started = p->started;
	}
	if (!started) {
		p->signal = sig;
		return -EINTR;
	}
	session_run_kill(p->run, p->signal ? "KILL" : signal_word(sig));
	if (p->signal)
		p->give_up_ms = deadline_after(KILL_WAIT_MS);
	p->signal = sig;
	return 0;
}

enum { FD_BELL, FD_SIGNALS, FD_IN, FD_OUT, FD_ERR, FD_COUNT };

static void fill_poll(struct pump *p, struct pollfd *fds, size_t credit)
{
	const struct pump_spec *s = p->spec;
	bool reads = s->run.wants_stdin && !p->eof && credit;

	fds[FD_BELL] = (struct pollfd){ p->bell, POLLIN, 0 };
	fds[FD_SIGNALS] = (struct pollfd){ s->signals, POLLIN, 0 };
	fds[FD_IN] = (struct pollfd){ reads ? s->in : -1, POLLIN, 0 };
	for (int i = 0; i < 2; i++)
		fds[FD_OUT + i] = (struct pollfd){ waits_to_write(&p->out[i]) ? p->out[i].fd : -1,
			POLLOUT, 0 };
}

/* 1: ended and all written; 0: go on; -EINTR, -EBADMSG. */
static int turn(struct pump *p)
{
	struct pollfd fds[FD_COUNT];
	size_t credit = input_credit(p);
	uint64_t rung;
	bool ended;

	{
		/* before the refill: what came before the end is then surely taken by it */
		scoped_lock(&p->lock);
		ended = p->ended;
		if (p->overrun)
			return -EBADMSG;
	}
	refill(p, 0);
	refill(p, 1);
	if (ended && !waits_to_write(&p->out[0]) && !waits_to_write(&p->out[1]))
		return 1;
	if (p->give_up_ms && deadline_passed(p->give_up_ms))
		return -EINTR;
	fill_poll(p, fds, credit);
	if (poll(fds, FD_COUNT, POLL_MS) <= 0)
		return 0;
	if (fds[FD_BELL].revents && read(p->bell, &rung, sizeof(rung)) < 0)
		return 0;
	if (fds[FD_IN].revents)
		read_some(p, credit);
	for (int i = 0; i < 2; i++)
		if (fds[FD_OUT + i].revents)
			write_some(p, &p->out[i]);
	return fds[FD_SIGNALS].revents ? interrupted(p) : 0;
}

static int finish(struct pump *p, int rc, struct pump_end *ret, struct err *err)
{
	scoped_lock(&p->lock);
	ret->signal = p->signal;
	ret->started = p->started;
	if (rc < 0)
		return rc;
	if (p->end.state != RUN_LOST &&
		(p->end.out != p->out[0].total || p->end.err_bytes != p->out[1].total))
		return err_set(err, -EBADMSG, "the output is not complete: %llu of %llu bytes came",
			(unsigned long long)(p->out[0].total + p->out[1].total),
			(unsigned long long)(p->end.out + p->end.err_bytes));
	ret->run = p->end;
	return 0;
}

int pump_run(const struct pump_spec *spec, struct pump_end *ret, struct err *err)
{
	static const struct run_ops ops = { on_started, on_output, on_input, on_ended };
	struct pump p = { .spec = spec, .lock = PTHREAD_MUTEX_INITIALIZER };
	struct run_spec run = spec->run;
	int rc;

	*ret = (struct pump_end){ 0 };
	p.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p.bell < 0)
		return err_set(err, -errno, "cannot make an event descriptor: %m");
	run.window = WINDOW;
	for (int i = 0; i < 2; i++) {
		buf_init(&p.out[i].arrived, WINDOW);
		buf_init(&p.out[i].writing, WINDOW);
		p.out[i].fd = i ? spec->err : spec->out;
	}
	session_run(spec->session, &run, spec->start_deadline_ms, &ops, &p, &p.run);
	do
		rc = turn(&p);
	while (!rc);
	rc = finish(&p, rc, ret, err);
	session_run_unref(p.run);
	/* only when it is closed does nobody call back any more */
	session_close(spec->session, rc == 0 ? BYE_MS : 0);
	for (int i = 0; i < 2; i++) {
		buf_fini(&p.out[i].arrived);
		buf_fini(&p.out[i].writing);
	}
	close(p.bell);
	return rc;
}
