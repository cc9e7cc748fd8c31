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
#define KILL_WAIT_MS 3000 /* for the end after the second interrupt */

struct pump_out {
	struct buf arrived; /* pump->lock; filled by the session's thread */
	struct buf writing; /* the rest: the poll loop's alone */
	size_t written;     /* of writing */
	const struct sink *sink;
	bool closed;    /* nobody reads any more: what comes is dropped */
	uint64_t total; /* since the run's beginning */
};

struct pump {
	const struct pump_spec *spec;
	struct session_run *run;
	struct pump_out out[2]; /* standard output, standard error */
	int bell;               /* eventfd: something has come */
	bool eof;               /* of our standard input */
	int64_t give_up_ms;     /* 0, or when a killed run is left alone */
	int signal;             /* the first that came, or 0 */
	bool leaving, late;     /* we let go of it; because time is over */

	pthread_mutex_t lock; /* all below, and out[].arrived */
	size_t credit;        /* bytes of standard input that may be sent */
	bool started, ended, overrun;
	uint32_t kept_id;
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

static void on_started(void *arg, int pid, uint32_t kept_id)
{
	struct pump *p = arg;

	scoped_lock(&p->lock);
	p->started = true;
	p->kept_id = kept_id;
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

/* The descriptor is shared, so no O_NONBLOCK. */
static void write_some(struct pump *p, struct pump_out *o)
{
	size_t left = o->writing.len - o->written;
	ssize_t n;

	if (!o->closed) {
		n = sink_write(o->sink, o->writing.data + o->written, left);
		if (n >= 0)
			o->written += (size_t)n;
		else if (n != -EAGAIN && n != -EINTR)
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

const char *pump_signal_word(int sig)
{
	return sig == SIGINT ? "INT" : sig == SIGHUP ? "HUP" : "TERM";
}

/* The far end says RUN_KEPT, or the end if that was first. */
static void let_go(struct pump *p)
{
	if (p->leaving)
		return;
	p->leaving = true;
	session_run_leave(p->run);
	p->give_up_ms = deadline_after(KILL_WAIT_MS);
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
	if (p->spec->leaves)
		let_go(p);
	else
		session_run_kill(p->run, p->signal ? "KILL" : pump_signal_word(sig));
	if (p->signal && !p->give_up_ms)
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
		fds[FD_OUT + i] =
			(struct pollfd){ waits_to_write(&p->out[i]) ? p->out[i].sink->fd : -1,
				POLLOUT, 0 };
}

static bool wanted(const struct pump *p, int i)
{
	return !p->spec->run.attach || p->spec->run.wants & (i ? RUN_WANTS_ERR : RUN_WANTS_OUT);
}

static void check_bounds(struct pump *p)
{
	const struct pump_spec *s = p->spec;

	if (s->deadline_ms && !p->leaving && deadline_passed(s->deadline_ms)) {
		p->late = true;
		let_go(p);
	}
	for (int i = 0; i < 2; i++)
		if (!s->bounded || (wanted(p, i) && p->out[i].total < s->until[i]))
			return;
	let_go(p);
}

static int wait_ms(const struct pump *p)
{
	int left = p->spec->deadline_ms ? deadline_left(p->spec->deadline_ms) : POLL_MS;

	return left < POLL_MS && !p->leaving ? left + 1 : POLL_MS;
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
		if (p->started && p->spec->detach)
			return 1;
	}
	refill(p, 0);
	refill(p, 1);
	if (ended && !waits_to_write(&p->out[0]) && !waits_to_write(&p->out[1]))
		return 1;
	if (p->give_up_ms && deadline_passed(p->give_up_ms))
		return p->leaving ? 1 : -EINTR;
	check_bounds(p);
	fill_poll(p, fds, credit);
	if (poll(fds, FD_COUNT, wait_ms(p)) <= 0)
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

static int check_counts(const struct pump *p, struct err *err)
{
	const uint64_t said[2] = { p->end.out, p->end.err_bytes };

	for (int i = 0; i < 2; i++)
		if (wanted(p, i) && said[i] != p->out[i].total)
			return err_set(err, -EBADMSG,
				"the output is not complete: %llu of %llu bytes came",
				(unsigned long long)p->out[i].total, (unsigned long long)said[i]);
	return 0;
}

static int finish(struct pump *p, int rc, struct pump_end *ret, struct err *err)
{
	scoped_lock(&p->lock);
	ret->signal = p->signal;
	ret->started = p->started;
	ret->kept_id = p->kept_id;
	if (rc < 0)
		return rc;
	if (!p->ended) /* we have let go of it */
		p->end = (struct run_end){ .state = RUN_KEPT, .kept_id = p->kept_id };
	else if (p->end.state != RUN_LOST && !p->spec->detach)
		rc = check_counts(p, err);
	ret->run = p->end;
	return rc < 0 ? rc : p->late && p->end.state == RUN_KEPT ? -ETIMEDOUT : 0;
}

int pump_run(const struct pump_spec *spec, struct pump_end *ret, struct err *err)
{
	static const struct run_ops ops = {
		.started = on_started, .output = on_output, .input = on_input, .ended = on_ended
	};
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
		p.out[i].sink = &spec->out[i];
		p.out[i].total = run.attach && wanted(&p, i) ? run.from[i] : 0;
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
		sink_end(&spec->out[i]);
		buf_fini(&p.out[i].arrived);
		buf_fini(&p.out[i].writing);
	}
	close(p.bell);
	return rc;
}
