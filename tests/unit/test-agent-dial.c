/* Connections of the agent: both ways, half closed, many, refused, broken off; to servers of this process. */
#include "tests/lib/agent.h"
#include "tests/lib/test.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/remote/proto.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WINDOW (64 * 1024)

/* One connection as its owner sees it. */
struct line {
	struct run *run;
	sem_t stands, came, shut, credit, ended;
	pthread_mutex_t lock; /* the three below */
	struct buf got;
	size_t welcome;
	bool hold; /* gives no credit of its own accord */
	int family;
	struct run_end end;
};

static void on_started(void *arg, int pid, uint32_t kept_id)
{
	struct line *l = arg;

	l->family = pid;
	sem_post(&l->stands);
}

static void on_output(void *arg, int stream, const void *bytes, size_t n)
{
	struct line *l = arg;

	if (stream == 2) {
		assert_int_equal(n, 0);
		sem_post(&l->shut);
		return;
	}
	pthread_mutex_lock(&l->lock);
	buf_add(&l->got, bytes, n);
	pthread_mutex_unlock(&l->lock);
	if (!l->hold)
		run_more(l->run, 1, n);
	sem_post(&l->came);
}

static void on_input(void *arg, size_t n)
{
	struct line *l = arg;

	pthread_mutex_lock(&l->lock);
	l->welcome += n;
	pthread_mutex_unlock(&l->lock);
	sem_post(&l->credit);
}

static void on_ended(void *arg, const struct run_end *end)
{
	struct line *l = arg;

	l->end = *end;
	sem_post(&l->ended);
}

static void await(sem_t *what)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	assert_int_equal(sem_timedwait(what, &until), 0);
}

static void dial_host(struct agent *f, struct line *l, const char *host, uint16_t port)
{
	static const struct run_ops ops = {
		.started = on_started, .output = on_output, .input = on_input, .ended = on_ended
	};
	struct run_spec spec = { .port = port, .host = host, .window = WINDOW };
	sem_t *all[] = { &l->stands, &l->came, &l->shut, &l->credit, &l->ended };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		sem_init(all[i], 0, 0);
	pthread_mutex_init(&l->lock, NULL);
	l->got = (struct buf)BUF_INIT(256 << 20);
	remote_run(f->r, &spec, &ops, l, &l->run);
}

static void dial(struct agent *f, struct line *l, uint16_t port)
{
	dial_host(f, l, NULL, port);
}

static void finish(struct line *l)
{
	await(&l->ended);
	run_unref(l->run);
	buf_fini(&l->got);
	pthread_mutex_destroy(&l->lock);
}

static void closed(struct line *l, uint64_t came, uint64_t went)
{
	await(&l->ended);
	CHECK_RC(l->end.rc, 0);
	assert_int_equal(l->end.state, RUN_CLOSED);
	assert_int_equal(l->end.out, came);
	assert_int_equal(l->end.err_bytes, went);
	sem_post(&l->ended);
	finish(l);
}

static void broken(struct line *l, int rc)
{
	await(&l->ended);
	CHECK_RC(l->end.rc, rc);
	assert_int_equal(l->end.state, RUN_LOST);
	sem_post(&l->ended);
	finish(l);
}

static size_t take_credit(struct line *l, size_t most)
{
	size_t n;

	pthread_mutex_lock(&l->lock);
	n = l->welcome < most ? l->welcome : most;
	l->welcome -= n;
	pthread_mutex_unlock(&l->lock);
	return n;
}

static void give(struct line *l, const char *bytes, size_t n)
{
	while (n) {
		size_t part = take_credit(l, n);

		if (!part) {
			await(&l->credit);
			continue;
		}
		CHECK_RC(run_input(l->run, bytes, part), 0);
		bytes += part;
		n -= part;
	}
}

static void await_bytes(struct line *l, size_t n)
{
	size_t got;

	for (;;) {
		pthread_mutex_lock(&l->lock);
		got = l->got.len;
		pthread_mutex_unlock(&l->lock);
		if (got >= n)
			return;
		await(&l->came);
	}
}

/* --- servers ----------------------------------------------------------------- */

static int listen_on(int family, uint16_t *ret_port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr *a = family == AF_INET ? (void *)&v4 : (void *)&v6;
	socklen_t n = family == AF_INET ? sizeof(v4) : sizeof(v6);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, a, n) < 0 || listen(fd, 128) < 0 || getsockname(fd, a, &n) < 0) {
		close(fd);
		return -1;
	}
	*ret_port = ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
	return fd;
}

static int server(uint16_t *ret_port)
{
	int fd = listen_on(AF_INET, ret_port);

	assert_true(fd >= 0);
	return fd;
}

static int accept_one(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	int got;

	assert_int_equal(poll(&p, 1, LONG_MS), 1);
	got = accept(fd, NULL, NULL);
	assert_true(got >= 0);
	return got;
}

/* All up to the end. */
static size_t read_rest(int fd, char *bytes, size_t max)
{
	size_t at = 0;
	ssize_t n;

	while (at < max && (n = read(fd, bytes + at, max - at)) > 0)
		at += (size_t)n;
	return at;
}

/* --- tests --------------------------------------------------------------------- */

static void bytes_go_both_ways_and_are_counted(void **state)
{
	struct line l = { 0 };
	char text[8] = "";
	uint16_t port;
	int s = server(&port), c;

	dial(*state, &l, port);
	c = accept_one(s);
	await(&l.stands);
	assert_int_equal(l.family, 4);
	give(&l, "hello", 5);
	assert_int_equal(read(c, text, 5), 5);
	assert_string_equal(text, "hello");
	assert_int_equal(write(c, "world!", 6), 6);
	await_bytes(&l, 6);
	assert_memory_equal(l.got.data, "world!", 6);
	close(c);
	await(&l.shut);
	CHECK_RC(run_eof(l.run), 0);
	closed(&l, 6, 5);
	close(s);
}

static void this_way_ends_and_the_other_goes_on(void **state)
{
	struct line l = { 0 };
	char text[16] = "";
	uint16_t port;
	int s = server(&port), c;

	dial(*state, &l, port);
	c = accept_one(s);
	give(&l, "question", 8);
	CHECK_RC(run_eof(l.run), 0);
	assert_int_equal(read_rest(c, text, sizeof(text)), 8);
	assert_int_equal(write(c, "answer", 6), 6);
	close(c);
	closed(&l, 6, 8);
	close(s);
}

static void that_way_ends_and_this_goes_on(void **state)
{
	struct line l = { 0 };
	char text[16] = "";
	uint16_t port;
	int s = server(&port), c;

	dial(*state, &l, port);
	c = accept_one(s);
	shutdown(c, SHUT_WR);
	await(&l.shut);
	give(&l, "still", 5);
	assert_int_equal(read(c, text, 5), 5);
	CHECK_RC(run_eof(l.run), 0);
	assert_int_equal(read_rest(c, text, sizeof(text)), 0);
	close(c);
	closed(&l, 0, 5);
	close(s);
}

static void what_nobody_listens_on_is_refused(void **state)
{
	struct line l = { 0 };
	uint16_t port;
	int s = server(&port);

	close(s);
	dial(*state, &l, port);
	broken(&l, -ECONNREFUSED);
}

static void where_only_v6_listens_it_is_found(void **state)
{
	struct line l = { 0 };
	uint16_t port;
	int s = listen_on(AF_INET6, &port), c;

	if (s < 0)
		skip();
	dial(*state, &l, port);
	c = accept_one(s);
	await(&l.stands);
	assert_int_equal(l.family, 6);
	close(c);
	CHECK_RC(run_eof(l.run), 0);
	closed(&l, 0, 0);
	close(s);
}

static void an_address_can_be_named_but_no_name(void **state)
{
	static const char *const bad[] = { "localhost", "127.0.0", "x y", "::1%lo" };
	struct line l = { 0 };
	uint16_t port;
	int s = server(&port), c;

	dial_host(*state, &l, "127.0.0.1", port);
	c = accept_one(s);
	close(c);
	CHECK_RC(run_eof(l.run), 0);
	closed(&l, 0, 0);
	close(s);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct line one = { 0 };

		dial_host(*state, &one, bad[i], port);
		broken(&one, -EINVAL);
	}
}

static void what_is_broken_off_there_is_broken_here(void **state)
{
	struct linger now = { .l_onoff = 1 };
	struct line l = { 0 };
	uint16_t port;
	int s = server(&port), c;

	dial(*state, &l, port);
	c = accept_one(s);
	await(&l.stands);
	assert_int_equal(write(c, "part", 4), 4);
	await_bytes(&l, 4);
	setsockopt(c, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(c);
	broken(&l, -ECONNRESET);
	close(s);
}

static void what_is_broken_off_here_is_broken_there(void **state)
{
	struct line l = { 0 };
	char byte;
	uint16_t port;
	int s = server(&port), c;

	dial(*state, &l, port);
	c = accept_one(s);
	await(&l.stands);
	CHECK_RC(run_kill(l.run, "KILL"), 0);
	broken(&l, -ECANCELED);
	assert_int_equal(read(c, &byte, 1), -1);
	assert_int_equal(errno, ECONNRESET);
	close(c);
	close(s);
}

static void writing_to_who_has_gone_breaks_it_off(void **state)
{
	int64_t until_ms = deadline_after(LONG_MS);
	struct line l = { 0 };
	uint16_t port;
	int s = server(&port), c;

	dial(*state, &l, port);
	c = accept_one(s);
	close(c);
	await(&l.shut);
	/* The first is answered by a reset, maybe behind the next. */
	while (sem_trywait(&l.ended) < 0) {
		run_input(l.run, "x", take_credit(&l, 1)); /* refused once it is known */
		poll(NULL, 0, 1);
		if (deadline_passed(until_ms))
			fail_msg("it goes on");
	}
	CHECK_RC(l.end.rc, -ECONNRESET);
	sem_post(&l.ended);
	finish(&l);
	close(s);
}

/* A reader who does not read holds up himself alone, and within the window. */
static void one_that_is_not_read_holds_up_no_other(void **state)
{
	static char big[4 * WINDOW];
	struct line slow = { .hold = true }, other = { 0 };
	uint16_t port;
	int s = server(&port), a, b;
	ssize_t n;

	dial(*state, &slow, port);
	a = accept_one(s);
	io_nonblock(a);
	while ((n = write(a, big, sizeof(big))) > 0)
		;
	await_bytes(&slow, WINDOW);
	dial(*state, &other, port);
	b = accept_one(s);
	assert_int_equal(write(b, "here", 4), 4);
	await_bytes(&other, 4);
	close(b);
	CHECK_RC(run_eof(other.run), 0);
	closed(&other, 4, 0);
	assert_int_equal(slow.got.len, WINDOW);
	run_kill(slow.run, "KILL");
	broken(&slow, -ECANCELED);
	close(a);
	close(s);
}

struct echo {
	int fd;
	size_t n;
};

static void *echo(void *arg)
{
	struct echo *e = arg;
	char bytes[16384];
	ssize_t n;

	while ((n = read(e->fd, bytes, sizeof(bytes))) > 0) {
		for (ssize_t at = 0, put; at < n; at += put) {
			put = write(e->fd, bytes + at, (size_t)(n - at));
			if (put <= 0)
				return NULL;
		}
		e->n += (size_t)n;
	}
	shutdown(e->fd, SHUT_WR);
	return NULL;
}

static void many_megabytes_come_back_byte_for_byte(void **state)
{
	size_t n = 8 << 20;
	char *bytes = malloc(n);
	struct line l = { 0 };
	pthread_t thread;
	struct echo e;
	uint16_t port;
	int s = server(&port);

	fill(bytes, n);
	dial(*state, &l, port);
	e = (struct echo){ accept_one(s), 0 };
	pthread_create(&thread, NULL, echo, &e);
	give(&l, bytes, n);
	CHECK_RC(run_eof(l.run), 0);
	await(&l.ended);
	assert_int_equal(l.got.len, n);
	assert_memory_equal(l.got.data, bytes, n);
	sem_post(&l.ended);
	closed(&l, n, n);
	pthread_join(thread, NULL);
	close(e.fd);
	close(s);
	free(bytes);
}

static void there_is_a_most_of_them(void **state)
{
	static struct line all[PROTO_DIALS], over;
	int fds[PROTO_DIALS];
	uint16_t port;
	int s = server(&port);

	for (int i = 0; i < PROTO_DIALS; i++) {
		all[i] = (struct line){ 0 };
		dial(*state, &all[i], port);
		fds[i] = accept_one(s);
	}
	dial(*state, &over, port);
	broken(&over, -EMFILE);
	for (int i = 0; i < PROTO_DIALS; i++) {
		close(fds[i]);
		CHECK_RC(run_eof(all[i].run), 0);
		closed(&all[i], 0, 0);
	}
	close(s);
}

static void they_end_with_the_stream(void **state)
{
	struct agent *f = *state;
	struct line l = { 0 };
	char byte;
	uint16_t port;
	int s = server(&port), c;

	dial(f, &l, port);
	c = accept_one(s);
	await(&l.stands);
	remote_kill(f->r);
	await(&l.ended);
	assert_int_equal(l.end.state, RUN_LOST);
	sem_post(&l.ended);
	finish(&l);
	remote_close(f->r, 0);
	f->r = NULL;
	assert_int_equal(read(c, &byte, 1), -1);
	assert_int_equal(errno, ECONNRESET);
	close(c);
	close(s);
}

static void an_agent_that_cannot_says_so(void **state)
{
	struct line l = { 0 };

	dial(*state, &l, 80);
	broken(&l, -ENOSYS);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, agent_start, agent_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(bytes_go_both_ways_and_are_counted),
		CASE(this_way_ends_and_the_other_goes_on),
		CASE(that_way_ends_and_this_goes_on),
		CASE(what_nobody_listens_on_is_refused),
		CASE(where_only_v6_listens_it_is_found),
		CASE(an_address_can_be_named_but_no_name),
		CASE(what_is_broken_off_there_is_broken_here),
		CASE(what_is_broken_off_here_is_broken_there),
		CASE(writing_to_who_has_gone_breaks_it_off),
		CASE(one_that_is_not_read_holds_up_no_other),
		CASE(many_megabytes_come_back_byte_for_byte),
		CASE(there_is_a_most_of_them),
		CASE(they_end_with_the_stream),
	};
	const struct CMUnitTest without[] = { CASE(an_agent_that_cannot_says_so) };
	int rc = agent_prepare();

	if (rc)
		return rc;
	rc = strcmp(agent_tier(), "static") == 0 ? cmocka_run_group_tests(tests, NULL, NULL)
						 : cmocka_run_group_tests(without, NULL, NULL);
	agent_tidy();
	return rc;
}
