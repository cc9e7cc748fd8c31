#include "plugin/relay.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define PIECE      (64 * 1024)
#define PIECES     8                  /* read of one before others have their turn */
#define CREDIT_DUE (RELAY_WINDOW / 8) /* given back in portions */

struct relay {
	struct hub_work work; /* first */
	struct relay *next;
	struct relays *all;
	struct port port;
	const struct far_ops *ops;
	void *far;

	/* The hub's thread's; the descriptor is written to by others, too, while it is not over. */
	struct hub_watch local;
	bool local_shut; /* it sends no more */
	bool told_shut;  /* that no more comes */
	bool resetting;
	bool over; /* to be freed */

	pthread_mutex_t lock; /* all below */
	bool stands, far_shut, ended, broken;
	int rc;
	struct err err;
	size_t credit;
	struct buf out; /* came, and the first `at` bytes of it went on */
	size_t at;
	size_t taken; /* bytes that went on and were not given credit for */
};

struct relays *relay_all(const struct relay *r)
{
	return r->all;
}

uint16_t relay_port(const struct relay *r)
{
	return r->port.there;
}

/* --- to this machine's side; lock held ------------------------------------------------- */

/* How many it took; broken when it never will any more. */
static size_t send_some(struct relay *r, const char *bytes, size_t n)
{
	ssize_t did = r->broken ? 0 : send(r->local.fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (did < 0 && errno != EAGAIN && errno != EINTR)
		r->broken = true;
	return did < 0 ? 0 : (size_t)did;
}

static void flush(struct relay *r)
{
	size_t n = r->out.len - r->at;

	if (n)
		n = send_some(r, r->out.data + r->at, n);
	r->at += n;
	r->taken += n;
	if (r->at == r->out.len || r->broken) {
		buf_reset(&r->out);
		r->at = 0;
	}
}

static size_t credit_due(struct relay *r)
{
	size_t due = r->taken >= CREDIT_DUE ? r->taken : 0;

	r->taken -= due;
	return due;
}

/* --- from the far side ------------------------------------------------------------------- */

static size_t put(struct relay *r, const char *bytes, size_t n)
{
	size_t did = 0;

	scoped_lock(&r->lock);
	if (!r->out.len)
		did = send_some(r, bytes, n);
	r->taken += did;
	if (did < n && !r->broken)
		buf_add(&r->out, bytes + did, n - did);
	if (r->out.bad)
		r->broken = true;
	if (did < n)
		hub_poke(r->all->hub, &r->work);
	return credit_due(r);
}

void relay_output(struct relay *r, const void *bytes, size_t n)
{
	size_t due = put(r, bytes, n);

	if (due)
		r->ops->more(r->far, due);
}

void relay_stands(struct relay *r)
{
	scoped_lock(&r->lock);
	r->stands = true;
	hub_poke(r->all->hub, &r->work);
}

void relay_shut(struct relay *r)
{
	scoped_lock(&r->lock);
	r->far_shut = true;
	hub_poke(r->all->hub, &r->work);
}

void relay_credit(struct relay *r, size_t n)
{
	scoped_lock(&r->lock);
	if (!r->credit || !n)
		hub_poke(r->all->hub, &r->work);
	r->credit = n ? r->credit + n : 0;
}

/* The last that is done with r on this thread. */
void relay_ended(struct relay *r, int rc, const struct err *err)
{
	scoped_lock(&r->lock);
	r->ended = true;
	r->rc = rc;
	if (err)
		r->err = *err;
	hub_poke(r->all->hub, &r->work);
}

/* --- on the hub's thread ------------------------------------------------------------------ */

static void reset_far(struct relay *r)
{
	if (!r->resetting)
		r->ops->reset(r->far);
	r->resetting = true;
}

static void close_local(struct relay *r, bool broken)
{
	struct linger now = { .l_onoff = 1 };

	if (broken)
		setsockopt(r->local.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	hub_drop(r->all->hub, &r->local);
	r->over = true;
}

/* It has ended there, and all that came is on its way here. */
static void finish(struct relay *r)
{
	trace(SESSION, "connection to port %u: %s", r->port.there,
		r->rc ? errno_name(r->rc) : "ended");
	close_local(r, r->rc < 0 || r->broken);
	if (r->rc < 0 && !r->resetting && r->all->failed)
		r->all->failed(r->all->arg, &r->port, r->stands, r->rc, &r->err);
}

struct state {
	bool ended, broken, shut;
	uint32_t events;
	size_t due;
};

static struct state look(struct relay *r)
{
	struct state s;

	scoped_lock(&r->lock);
	flush(r);
	s.due = credit_due(r);
	s.broken = r->broken;
	s.ended = r->ended && (r->rc < 0 || r->broken || !r->out.len);
	s.shut = r->far_shut && !r->out.len;
	s.events = r->out.len ? EPOLLOUT : 0;
	if (r->stands && r->credit && !r->local_shut && !r->ended)
		s.events |= EPOLLIN;
	return s;
}

static void tend(struct relay *r)
{
	struct state s;

	if (r->over)
		return;
	s = look(r);
	if (s.ended) {
		finish(r);
		return;
	}
	if (s.due)
		r->ops->more(r->far, s.due);
	if (s.broken) {
		hub_forget(r->all->hub, &r->local);
		reset_far(r);
		return;
	}
	if (s.shut && !r->told_shut) {
		r->told_shut = true;
		shutdown(r->local.fd, SHUT_WR);
	}
	hub_want(r->all->hub, &r->local, s.events);
}

static void on_work(struct hub_work *w)
{
	tend((struct relay *)w);
}

static size_t take_credit(struct relay *r, size_t most)
{
	scoped_lock(&r->lock);
	return r->credit < most ? r->credit : most;
}

static void use_credit(struct relay *r, size_t n)
{
	scoped_lock(&r->lock);
	r->credit = r->credit > n ? r->credit - n : 0;
}

static void breaks(struct relay *r)
{
	scoped_lock(&r->lock);
	r->broken = true;
}

/* False: there is no more for now. */
static bool read_some(struct relay *r)
{
	char bytes[PIECE];
	size_t room = take_credit(r, sizeof(bytes));
	ssize_t n = room ? recv(r->local.fd, bytes, room, MSG_DONTWAIT) : -1;

	if (!room)
		return false;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n == 0) {
		r->local_shut = true;
		r->ops->eof(r->far);
		return false;
	}
	if (n > 0)
		use_credit(r, (size_t)n);
	if (n < 0 || r->ops->give(r->far, bytes, (size_t)n) < 0) {
		breaks(r);
		return false;
	}
	return (size_t)n == room;
}

static void on_local(void *arg, uint32_t events)
{
	struct relay *r = arg;

	for (int i = 0; events & EPOLLIN && !r->local_shut && i < PIECES; i++)
		if (!read_some(r))
			break;
	if (events & EPOLLERR)
		breaks(r);
	tend(r);
	/* Both ways have ended here: that is told again and again. */
	if (!r->over && events & EPOLLHUP)
		hub_forget(r->all->hub, &r->local);
}

/* --- life ----------------------------------------------------------------------------------- */

struct relay *relay_new(struct relays *all, const struct port *port, int fd)
{
	struct relay *r = xcalloc(1, sizeof(*r));
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	r->work.run = on_work;
	r->all = all;
	r->port = *port;
	r->local = (struct hub_watch){ .fd = fd, .ready = on_local, .arg = r };
	pthread_mutex_init(&r->lock, NULL);
	buf_init(&r->out, 2 * RELAY_WINDOW);
	r->next = all->first;
	all->first = r;
	all->count++;
	return r;
}

void relay_begin(struct relay *r, const struct far_ops *ops, void *far)
{
	r->ops = ops;
	r->far = far;
	hub_want(r->all->hub, &r->local, 0);
}

static void relay_free(struct relay *r)
{
	r->all->count--;
	r->ops->fini(r->far);
	buf_fini(&r->out);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

int64_t relays_sweep(struct relays *all)
{
	struct relay **at = &all->first, *r;
	int64_t first = INT64_MAX;

	while ((r = *at)) {
		int64_t due = !r->over && r->ops->look ? r->ops->look(r->far) : INT64_MAX;

		first = due < first ? due : first;
		if (!r->over) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		relay_free(r);
	}
	return first;
}

void relays_reset(struct relays *all)
{
	for (struct relay *r = all->first; r; r = r->next)
		if (!r->over)
			reset_far(r);
}
