#include "common/remote/agent/static/dial.h"

#include "common/base/clock.h"
#include "common/remote/agent/static/agent.h"
#include "common/remote/agent/static/feed.h"
#include "common/remote/agent/static/put.h"
#include "common/remote/proto.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define CREDIT     (256 * 1024) /* what is on its way to here at once bounds how fast it is */
#define CONNECT_MS 10000
#define ADDRESSES  2

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct dial {
	struct task task; /* first */
	union address to[ADDRESSES];
	int count, at;      /* the one that is tried, or stands */
	int refused;        /* why the first could not be had */
	struct watch watch; /* of the connection; edge-triggered once it stands */
	struct feed in;
	bool stands;
	bool ready; /* not known to be empty */
	bool shut;  /* its far side sends no more */
	bool gone;  /* the client sends no more, and all it sent has gone */
	uint64_t in_bytes;
};

static struct dial *dial_of(struct task *t)
{
	return (struct dial *)t;
}

/* --- its end ------------------------------------------------------------------- */

static void hang_up(struct dial *d)
{
	feed_close(&d->in);
	watch_close(d->task.agent->loop, &d->watch);
}

/* Its far side sees that it was broken off, not ended. */
static void break_off(struct dial *d)
{
	struct linger now = { .l_onoff = 1 };

	if (d->watch.fd >= 0)
		setsockopt(d->watch.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	hang_up(d);
}

static void put_failure(struct dial *d, int rc, struct buf *to)
{
	buf_add(to, "! ", 2);
	put_u64(to, d->task.tag);
	buf_char(to, ' ');
	buf_str(to, put_errno(rc));
	buf_str(to, " -\n");
}

static void fail(struct dial *d, int rc)
{
	break_off(d);
	put_failure(d, rc, &d->task.lines);
	task_wants(&d->task);
	task_over(&d->task);
}

static void put_end(struct dial *d, struct buf *to)
{
	hang_up(d);
	buf_add(to, "= ", 2);
	put_u64(to, d->task.tag);
	put_words(to, (const uint64_t[]){ d->task.sent[0], d->in_bytes }, 2);
	buf_char(to, '\n');
	task_over(&d->task);
}

/* --- making it ------------------------------------------------------------------ */

static int call_one(struct dial *d)
{
	const union address *a = &d->to[d->at];
	bool v6 = a->any.sa_family == AF_INET6;
	socklen_t n = v6 ? sizeof(a->v6) : sizeof(a->v4);
	int rc;

	d->watch.fd =
		socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	if (d->watch.fd < 0)
		return -errno;
	rc = connect(d->watch.fd, &a->any, n);
	if (rc < 0 && errno != EINPROGRESS)
		return -errno;
	return watch_set(d->task.agent->loop, &d->watch, EPOLLOUT);
}

/* The address that is its turn, or the next that can be tried; none: it is over. */
static void call(struct dial *d)
{
	for (; d->at < d->count; d->at++) {
		int rc = call_one(d);

		if (rc == 0) {
			d->task.look_ms = deadline_after(CONNECT_MS);
			return;
		}
		if (!d->refused)
			d->refused = rc;
		watch_close(d->task.agent->loop, &d->watch);
	}
	fail(d, d->refused);
}

static void call_next(struct dial *d, int rc)
{
	if (!d->refused)
		d->refused = rc;
	watch_close(d->task.agent->loop, &d->watch);
	d->at++;
	call(d);
}

static void look(struct task *t)
{
	if (!dial_of(t)->stands)
		call_next(dial_of(t), -EHOSTUNREACH);
}

static void say_it_stands(struct dial *d)
{
	struct buf *b = &d->task.lines;

	buf_add(b, "s ", 2);
	put_u64(b, d->task.tag);
	buf_str(b, d->to[d->at].any.sa_family == AF_INET ? " 4\n" : " 6\n");
	task_say_input(&d->task, CREDIT);
}

static void connected(struct dial *d)
{
	int loop = d->task.agent->loop, on = 1;

	setsockopt(d->watch.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	watch_set(loop, &d->watch, 0);
	if (watch_set(loop, &d->watch, EPOLLIN | EPOLLRDHUP | EPOLLET) < 0) {
		fail(d, -ENOSPC);
		return;
	}
	d->task.look_ms = 0;
	d->stands = d->ready = d->in.on = true;
	say_it_stands(d);
}

static int error_of(const struct dial *d)
{
	socklen_t n = sizeof(int);
	int error = 0;

	getsockopt(d->watch.fd, SOL_SOCKET, SO_ERROR, &error, &n);
	return -error;
}

static void on_event(void *arg, uint32_t events)
{
	struct dial *d = arg;
	int rc;

	if (d->stands && d->shut && events & EPOLLERR) {
		fail(d, -ECONNRESET);
	} else if (d->stands) {
		d->ready = true;
		task_wants(&d->task);
	} else {
		rc = error_of(d);
		if (rc < 0)
			call_next(d, rc);
		else
			connected(d);
	}
}

/* --- what comes ------------------------------------------------------------------- */

static void end_of_it(struct dial *d, struct buf *to)
{
	d->shut = true;
	buf_add(to, "e ", 2);
	put_u64(to, d->task.tag);
	buf_str(to, " 0\n");
}

/* A frame; 0, or why it was broken off. */
static int put_some(struct dial *d, struct buf *to)
{
	char bytes[OUT_FRAME];
	size_t room = task_room(&d->task, 0);
	ssize_t n;

	if (!d->ready || d->shut || !room)
		return 0;
	n = read(d->watch.fd, bytes, room);
	if (n > 0)
		task_put_output(&d->task, 0, bytes, (size_t)n, to);
	else if (n == 0)
		end_of_it(d, to);
	else if (errno == EAGAIN)
		d->ready = false;
	else if (errno != EINTR)
		return -ECONNRESET;
	return 0;
}

/* It takes no more, though there was more. */
static bool is_broken(const struct dial *d)
{
	return d->shut && !d->in.on && !d->gone;
}

static bool pull(struct source *s, struct buf *to)
{
	struct dial *d = (struct dial *)s;

	task_put_lines(&d->task, to);
	if (d->task.over || !d->stands)
		return false;
	if (put_some(d, to) < 0 || is_broken(d)) {
		break_off(d);
		put_failure(d, -ECONNRESET, to);
		task_over(&d->task);
		return false;
	}
	if (d->shut && d->gone) {
		put_end(d, to);
		return false;
	}
	return d->ready && !d->shut && task_room(&d->task, 0);
}

/* --- what goes ---------------------------------------------------------------------- */

/* For as long as something waits to go: one descriptor a connection is enough else. */
static int open_way(struct task *t)
{
	return fcntl(dial_of(t)->watch.fd, F_DUPFD_CLOEXEC, 3);
}

static void at_end(struct task *t)
{
	struct dial *d = dial_of(t);

	shutdown(d->watch.fd, SHUT_WR);
	d->gone = true;
	feed_close(&d->in);
	task_wants(t);
}

static void input(struct task *t, const char *bytes, size_t n)
{
	struct dial *d = dial_of(t);

	d->in_bytes += n;
	feed_put(&d->in, bytes, n);
	if (is_broken(d))
		task_wants(t);
}

static void eof(struct task *t)
{
	feed_eof(&dial_of(t)->in);
	if (is_broken(dial_of(t)))
		task_wants(t);
}

/* --- orders --------------------------------------------------------------------------- */

static void kill_it(struct task *t, int sig)
{
	fail(dial_of(t), -ECANCELED);
}

static void timeout(struct task *t, uint64_t ms)
{
	/* It lasts as long as its two sides want. */
}

static void resize(struct task *t, unsigned cols, unsigned rows)
{
}

static void leave(struct task *t)
{
	/* Only who is attached can leave. */
}

static void end(struct task *t)
{
	break_off(dial_of(t));
	task_over(t);
}

static void fini(struct task *t)
{
	break_off(dial_of(t));
	feed_fini(&dial_of(t)->in);
}

static const struct task_ops ops = { input, eof, kill_it, timeout, resize, leave, look, end, fini };

/* --- its beginning -------------------------------------------------------------------- */

static void add_address(struct dial *d, uint16_t port, const char *text)
{
	union address *a = &d->to[d->count];

	if (inet_pton(AF_INET, text, &a->v4.sin_addr) == 1) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons(port);
		d->count++;
	} else if (inet_pton(AF_INET6, text, &a->v6.sin6_addr) == 1) {
		a->v6.sin6_family = AF_INET6;
		a->v6.sin6_port = htons(port);
		d->count++;
	}
}

static int count_of(const struct agent *a)
{
	int n = 0;

	for (const struct task *t = a->tasks.first; t; t = t->next)
		n += t->ops == &ops && !t->over;
	return n;
}

static struct dial *dial_new(struct job *j)
{
	struct dial *d = xcalloc(1, sizeof(*d));
	uint16_t port = (uint16_t)j->num[0];

	task_init(&d->task, j->agent, j->tag, &ops);
	d->task.source.pull = pull;
	d->task.credit[0] = j->num[1];
	d->task.wanted[0] = true;
	d->watch = (struct watch){ .fd = -1, .ready = on_event, .arg = d };
	feed_init(&d->in, &d->task, CREDIT, at_end);
	d->in.open = open_way;
	d->in.sparing = true;
	if (*j->text[0]) {
		add_address(d, port, j->text[0]);
		return d;
	}
	add_address(d, port, "127.0.0.1");
	add_address(d, port, "::1");
	return d;
}

void dial_begin(struct job *j)
{
	struct dial *d;

	if (!j->num[0] || j->num[0] > UINT16_MAX || !j->num[1])
		j->rc = -EINVAL;
	else if (count_of(j->agent) >= PROTO_DIALS)
		j->rc = -EMFILE;
	if (j->rc < 0) {
		job_answer(j);
		return;
	}
	d = dial_new(j);
	d->refused = d->count ? 0 : -EINVAL;
	call(d);
	job_free(j);
}
