#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kube/portforward.h"
#include "plugin/farside.h"

#include <errno.h>
#include <sys/socket.h>

#define CONNECT_MS 30000
#define CREDIT     (64 * 1024)
#define PIECE      (64 * 1024)
/* The far side cannot be told that this one sends no more: when it says nothing either, it is over. */
#define QUIET_MS 10000

/* The hub's thread's, but for what the connecting one makes, which is joined first. */
struct farport {
	struct hub_work work; /* first: it is connected, or not */
	struct relay *relay;
	struct farport_where where;
	uint16_t port;
	pthread_t thread;
	bool connecting;
	struct portforward *forward;
	int rc;
	struct err err;
	struct hub_watch watch;
	size_t allowed; /* bytes of output that the relay has room for */
	struct buf in;  /* on its way there */
	bool ended, reset;
	bool hung_up;     /* the descriptor is at its end, but for what can be read still */
	int64_t quiet_ms; /* over by then; 0: this side has not ended */
};

static struct hub *hub_of(const struct farport *f)
{
	return relay_all(f->relay)->hub;
}

static void end(struct farport *f, int rc, const struct err *err)
{
	if (f->ended)
		return;
	f->ended = true;
	hub_forget(hub_of(f), &f->watch);
	relay_ended(f->relay, rc, err);
}

/* A hang-up is told again and again, so nothing is asked then until there is room for what came before. */
static void want(struct farport *f)
{
	uint32_t events = (f->allowed ? EPOLLIN : 0) | (f->in.len ? EPOLLOUT : 0);

	if (f->ended || !f->forward)
		return;
	if (f->hung_up && !f->allowed)
		hub_forget(hub_of(f), &f->watch);
	else
		hub_want(hub_of(f), &f->watch, events);
}

/* --- connecting ----------------------------------------------------------------------------- */

static void *connecting(void *arg)
{
	struct farport *f = arg;

	f->rc = portforward_open(f->where.net, f->where.target, f->where.ns, f->where.pod, f->port,
		f->where.stop, deadline_after(CONNECT_MS), &f->forward, &f->err);
	hub_poke(hub_of(f), &f->work);
	return NULL;
}

static void connected(struct hub_work *w)
{
	struct farport *f = (struct farport *)w;

	pthread_join(f->thread, NULL);
	f->connecting = false;
	if (f->rc < 0 || f->reset) {
		end(f, f->reset ? -ECANCELED : f->rc, &f->err);
		return;
	}
	f->watch.fd = portforward_fd(f->forward);
	relay_stands(f->relay);
	relay_credit(f->relay, CREDIT);
	want(f);
}

/* --- bytes ------------------------------------------------------------------------------------ */

static void over(struct farport *f)
{
	struct err err = { 0 };
	int rc = portforward_end(f->forward, &err);

	if (!rc)
		relay_shut(f->relay);
	end(f, rc, &err);
}

static void read_some(struct farport *f)
{
	char bytes[PIECE];
	size_t room = f->allowed < sizeof(bytes) ? f->allowed : sizeof(bytes);
	ssize_t n = recv(f->watch.fd, bytes, room, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		over(f);
		return;
	}
	f->allowed -= (size_t)n;
	if (f->quiet_ms)
		f->quiet_ms = deadline_after(QUIET_MS);
	relay_output(f->relay, bytes, (size_t)n);
}

/* An error is told by its end as well, with a reason. */
static void write_some(struct farport *f)
{
	ssize_t n = send(f->watch.fd, buf_text(&f->in), f->in.len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n <= 0)
		return;
	buf_drop(&f->in, (size_t)n);
	relay_credit(f->relay, (size_t)n);
}

static void on_ready(void *arg, uint32_t events)
{
	struct farport *f = arg;

	if (events & EPOLLOUT)
		write_some(f);
	if (events & (EPOLLERR | EPOLLHUP))
		f->hung_up = true;
	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP) && f->allowed)
		read_some(f);
	want(f);
}

/* --- what the relay wants ----------------------------------------------------------------------- */

static int give(void *far, const void *bytes, size_t n)
{
	struct farport *f = far;

	buf_add(&f->in, bytes, n);
	if (f->in.len == n)
		write_some(f);
	want(f);
	return buf_check(&f->in);
}

static void eof(void *far)
{
	((struct farport *)far)->quiet_ms = deadline_after(QUIET_MS);
}

static void more(void *far, size_t n)
{
	struct farport *f = far;

	f->allowed += n;
	want(f);
}

static void reset(void *far)
{
	struct farport *f = far;

	f->reset = true;
	if (!f->connecting)
		end(f, -ECANCELED, NULL);
}

static int64_t look(void *far)
{
	struct farport *f = far;

	if (f->ended || !f->quiet_ms)
		return INT64_MAX;
	if (!deadline_passed(f->quiet_ms))
		return f->quiet_ms;
	relay_shut(f->relay);
	end(f, 0, NULL);
	return INT64_MAX;
}

static void fini(void *far)
{
	struct farport *f = far;

	portforward_close(f->forward);
	buf_fini(&f->in);
	free(f);
}

void farport_begin(struct relay *r, const struct farport_where *where)
{
	static const struct far_ops ops = {
		.give = give, .eof = eof, .more = more, .reset = reset, .fini = fini, .look = look
	};
	struct farport *f = xcalloc(1, sizeof(*f));
	int rc;

	*f = (struct farport){ .work = { .run = connected },
		.relay = r,
		.where = *where,
		.port = relay_port(r),
		.watch = { .fd = -1, .ready = on_ready, .arg = f },
		.allowed = RELAY_WINDOW,
		.in = BUF_INIT(2 * CREDIT),
		.connecting = true };
	relay_begin(r, &ops, f);
	rc = pthread_create(&f->thread, NULL, connecting, f);
	if (rc) {
		f->connecting = false;
		err_set(&f->err, -rc, "cannot start a thread");
		end(f, -rc, &f->err);
	}
}
