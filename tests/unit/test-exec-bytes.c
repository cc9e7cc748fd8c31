#include "common/base/io.h"
#include "common/kube/channel.h"
#include "common/kube/dial.h"
#include "common/kube/stream.h"
#include "tests/lib/scene.h"

#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

static uint8_t pattern(size_t at)
{
	return (at * 2654435761u) >> 13;
}

struct big {
	size_t n;
	int sent_fd; /* closed when all is sent */
};

static void big_script(struct peer_conn *c)
{
	struct big *big = c->arg;
	uint8_t chunk[32 * 1024];
	bool there = true;

	peer_upgrade(c, "v4.channel.k8s.io");
	peer_channel(c, 1, "", 0);
	for (size_t at = 0; at < big->n && there; at += sizeof chunk) {
		for (size_t i = 0; i < sizeof chunk; i++)
			chunk[i] = pattern(at + i);
		there = peer_channel(c, 1, chunk, sizeof chunk);
	}
	if (there)
		say_status(c, SUCCESS);
	close(big->sent_fd);
}

/* Collects what the client sends until it closes, and gives it back on channel 1 if asked. */
struct heard {
	struct buf data;
	struct buf log; /* "c255 2;" for each message that is not stdin, "op8" for a close... */
	bool echo;
};

static void hear_script(struct peer_conn *c)
{
	struct heard *h = c->arg;
	auto_buf m = BUF_INIT(1 << 20);
	int op;

	peer_upgrade(c, strstr(c->request, "v5.") ? "v5.channel.k8s.io" : "v4.channel.k8s.io");
	peer_channel(c, 1, "", 0);
	while ((op = peer_recv_data(c, &m)) >= 0) {
		if (h->echo && op == 2 && m.data[0] == 0) {
			peer_channel(c, 1, m.data + 1, m.len - 1);
		} else if (h->echo) {
			continue; /* many share it */
		} else if (op != 2) {
			buf_printf(&h->log, "op%d;", op);
		} else if (m.data[0] != 0) {
			buf_printf(&h->log, "c%d %.*s;", (uint8_t)m.data[0], (int)m.len - 1,
				m.data[0] == 4 ? m.data + 1 : "?");
		} else {
			buf_add(&h->data, m.data + 1, m.len - 1);
		}
		if (op == 8)
			break;
	}
}

#define HEARD                                                                                      \
	{                                                                                          \
		.data = BUF_INIT(64 << 20), .log = BUF_INIT(4096),                                 \
	}

static void free_heard(struct heard *h)
{
	buf_fini(&h->data);
	buf_fini(&h->log);
}

/* Upgrades, then neither reads nor writes until the test closes the pipe. */
static void mute_script(struct peer_conn *c)
{
	char byte;

	peer_upgrade(c, "v4.channel.k8s.io");
	while (read(*(int *)c->arg, &byte, 1) > 0)
		continue;
}

/* --- bytes --- */

static void read_pattern(int fd, size_t n)
{
	uint8_t bytes[1500];
	size_t at = 0;
	ssize_t got;

	while ((got = io_read_some(fd, bytes, sizeof bytes, deadline_after(WAIT_MS))) > 0) {
		for (ssize_t i = 0; i < got; i++)
			if (bytes[i] != pattern(at + i))
				fail_msg("byte %zu is wrong", at + i);
		at += got;
	}
	assert_int_equal(got, 0);
	assert_int_equal(at, n);
}

static void the_tail_waits_for_a_slow_reader(void **state)
{
	struct big big = { .n = 5 << 20 };
	struct scene sc;
	struct exec_end end;
	char byte;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	big.sent_fd = fds[1];
	sc = scene_open(big_script, &big, &spec);
	assert_int_equal(read(fds[0], &byte, 1), 0); /* the server has sent all and gone */
	assert_int_equal(exec_wait(sc.x, deadline_after(0), &end), -ETIMEDOUT);
	read_pattern(exec_fd(sc.x), big.n);
	end = end_of(&sc);
	assert_true(end.success);
	scene_close(&sc);
	close(fds[0]);
}

static void a_reader_that_never_reads_ends_the_stream(void **state)
{
	struct big big = { .n = NET_BACKLOG_MAX + (4 << 20) };
	struct scene sc;
	struct exec_end end;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	big.sent_fd = fds[1];
	sc = scene_open(big_script, &big, &spec);
	end = end_of(&sc);
	assert_int_equal(end.rc, -ENOBUFS);
	scene_close(&sc);
	close(fds[0]);
}

static void *write_pattern(void *arg)
{
	uint8_t bytes[10000];
	int fd = *(int *)arg;

	for (size_t at = 0; at < 3 << 20; at += sizeof bytes) {
		for (size_t i = 0; i < sizeof bytes; i++)
			bytes[i] = pattern(at + i);
		if (io_write_all(fd, bytes, sizeof bytes, deadline_after(WAIT_MS)) < 0)
			break;
	}
	shutdown(fd, SHUT_WR);
	return NULL;
}

static void what_is_written_arrives_before_the_close(void **state)
{
	struct heard heard = HEARD;
	struct scene sc = scene_open(hear_script, &heard, &spec);
	int fd = exec_take_fd(sc.x);
	struct exec_end end;

	write_pattern(&fd);
	end = end_of(&sc);
	assert_int_equal(end.rc, -EPIPE);
	scene_close(&sc);
	assert_int_equal(heard.data.len, (3 << 20) / 10000 * 10000 + 10000);
	for (size_t i = 0; i < heard.data.len; i++)
		if ((uint8_t)heard.data.data[i] != pattern(i))
			fail_msg("byte %zu is wrong", i);
	assert_string_equal(buf_text(&heard.log), "op8;");
	close(fd);
	free_heard(&heard);
}

static void closing_flushes_what_was_written(void **state)
{
	struct heard heard = HEARD;
	struct scene sc = scene_open(hear_script, &heard, &spec);

	for (int i = 0; i < 10; i++)
		assert_int_equal(
			io_write_all(exec_fd(sc.x), "0123456789", 10, deadline_after(WAIT_MS)), 0);
	scene_close(&sc);
	assert_int_equal(heard.data.len, 100);
	assert_string_equal(buf_text(&heard.log), "op8;");
	free_heard(&heard);
}

static bool poll_out(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, ms) > 0;
}

static void closing_takes_a_second_at_most(void **state)
{
	auto_free char *bytes = xcalloc(1, 1 << 20);
	int64_t before;
	struct scene sc;
	int fds[2];
	ssize_t n;

	assert_int_equal(pipe(fds), 0);
	sc = scene_open(mute_script, &fds[0], &spec);
	assert_int_equal(io_nonblock(exec_fd(sc.x)), 0);
	/* Until every buffer on the way is full: that is the back-pressure, and it comes soon. */
	for (size_t total = 0;
		(n = send(exec_fd(sc.x), bytes, 1 << 20, MSG_DONTWAIT)) > 0 || errno == EAGAIN;) {
		if (n < 0 && !poll_out(exec_fd(sc.x), 200))
			break;
		total += n > 0 ? n : 0;
		assert_in_range(total, 0, 32 << 20);
	}
	before = clock_now_ms();
	exec_close(sc.x);
	sc.x = NULL;
	assert_in_range(clock_now_ms() - before, 0, 1300);
	close(fds[1]);
	scene_close(&sc);
	close(fds[0]);
}

static void eof_comes_after_what_was_written_in_v5_only(void **state)
{
	struct heard heard = HEARD;
	struct scene sc = scene_open(hear_script, &heard, &spec_v5);

	assert_true(exec_is_v5(sc.x));
	assert_int_equal(exec_resize(sc.x, 80, 25), -ENOTTY);
	assert_int_equal(io_write_all(exec_fd(sc.x), "input", 5, deadline_after(WAIT_MS)), 0);
	assert_int_equal(exec_eof(sc.x), 0);
	scene_close(&sc);
	assert_int_equal(heard.data.len, 5);
	assert_string_equal(buf_text(&heard.log), "c255 ?;op8;");
	free_heard(&heard);
	heard = (struct heard)HEARD;
	sc = scene_open(hear_script, &heard, &spec);
	assert_int_equal(exec_eof(sc.x), -EOPNOTSUPP);
	scene_close(&sc);
	free_heard(&heard);
}

static void a_terminal_can_be_resized(void **state)
{
	struct heard heard = HEARD;
	struct exec_spec tty = spec;
	struct scene sc;

	tty.tty = true;
	sc = scene_open(hear_script, &heard, &tty);
	assert_int_equal(exec_resize(sc.x, 120, 40), 0);
	scene_close(&sc);
	assert_string_equal(buf_text(&heard.log), "c4 {\"Width\":120,\"Height\":40};op8;");
	free_heard(&heard);
}

/* --- keeping alive --- */

static const struct stream_times quick = { .ping_ms = 20,
	.keepalive_ms = 30,
	.silence_ms = 200,
	.stalled_ms = 600,
	.grace_ms = 50,
	.linger_ms = 100 };

static struct stream *quick_stream(struct scene *sc, peer_script *script, void *arg, int *ret_fd)
{
	struct dial_ask ask = { .path = "/", .protocols = "v4.channel.k8s.io", .what = "try" };
	struct dial *d;
	struct stream *s;
	int fds[2];

	*sc = (struct scene){ .peer = peer_open(script, arg) };
	assert_int_equal(net_open(&sc->net), 0);
	assert_int_equal(
		dial_open(peer_target(sc->peer), &ask, deadline_after(WAIT_MS), &d, NULL, &sc->err),
		0);
	assert_int_equal(io_pair(fds), 0);
	s = stream_new(d, fds[1], &quick);
	net_post(sc->net, s);
	*ret_fd = fds[0];
	return s;
}

static int stream_end_of(struct stream *s, struct buf *status)
{
	struct stream_end end;

	assert_int_equal(control_wait(stream_control(s), deadline_after(WAIT_MS), &end, status), 0);
	return end.rc;
}

/* Reads all, answers nothing. */
static void deaf_script(struct peer_conn *c)
{
	peer_upgrade(c, "v4.channel.k8s.io");
	nobody_answers_script(c);
}

static void silence_is_loss_but_later_when_stdin_is_out(void **state)
{
	for (int written = 0; written < 2; written++) {
		int64_t before = clock_now_ms();
		auto_buf status = BUF_INIT(1024);
		struct scene sc;
		int fd;
		struct stream *s = quick_stream(&sc, deaf_script, NULL, &fd);

		if (written)
			assert_int_equal(write(fd, "x", 1), 1);
		assert_int_equal(stream_end_of(s, &status), -ETIMEDOUT);
		assert_true(clock_now_ms() - before >= (written ? 600 : 200));
		stream_unref(s);
		close(fd);
		scene_close(&sc);
	}
}

/* Answers pings, counts them and the empty messages; ends when it has seen enough of both. */
static void pong_script(struct peer_conn *c)
{
	auto_buf m = BUF_INIT(1 << 20);
	int pings = 0, empty = 0, op;

	peer_upgrade(c, "v4.channel.k8s.io");
	peer_send(c, 0x89, "are you there", 13);
	op = peer_recv(c, &m);
	while (op == 9)
		op = peer_recv(c, &m);
	if (op == 10 && m.len == 13)
		while ((pings < 10 || empty < 10) && (op = peer_recv(c, &m)) >= 0) {
			pings += op == 9;
			empty += op == 2 && m.len == 0;
			if (op == 9)
				peer_send(c, 0x8a, m.data, m.len);
		}
	say_status(c, SUCCESS);
	nobody_answers_script(c); /* closing with a ping unread would cost the Status */
}

static void pings_keep_an_idle_stream(void **state)
{
	auto_buf status = BUF_INIT(1024);
	struct scene sc;
	int fd;
	struct stream *s = quick_stream(&sc, pong_script, NULL, &fd);

	assert_int_equal(stream_end_of(s, &status), 0);
	assert_string_equal(buf_text(&status), SUCCESS);
	stream_unref(s);
	close(fd);
	scene_close(&sc);
}

static void no_close_script(struct peer_conn *c)
{
	peer_upgrade(c, "v4.channel.k8s.io");
	peer_channel(c, 3, SUCCESS, strlen(SUCCESS));
	nobody_answers_script(c);
}

static void a_status_without_a_close_ends_the_stream_too(void **state)
{
	auto_buf status = BUF_INIT(1024);
	struct scene sc;
	int fd;
	struct stream *s = quick_stream(&sc, no_close_script, NULL, &fd);

	assert_int_equal(stream_end_of(s, &status), 0);
	stream_unref(s);
	close(fd);
	scene_close(&sc);
}

static void net_close_ends_what_stands(void **state)
{
	struct scene sc = scene_open(deaf_script, NULL, &spec);
	struct exec_end end;
	char byte;

	net_close(sc.net);
	sc.net = NULL;
	end = end_of(&sc);
	assert_int_equal(end.rc, -EPIPE);
	assert_int_equal(read(exec_fd(sc.x), &byte, 1), 0);
	scene_close(&sc);
}

/* --- many --- */

#define THREADS 6
#define ROUNDS  8

struct user {
	struct net *net;
	struct kube_target *target;
	pthread_t thread;
	int bad;
};

static int converse(struct exec *x)
{
	char out[3000], in[3000];

	for (int i = 0; i < 20; i++) {
		memset(out, i, sizeof out);
		if (io_write_all(exec_fd(x), out, sizeof out, deadline_after(WAIT_MS)) < 0 ||
			io_read_all(exec_fd(x), in, sizeof in, deadline_after(WAIT_MS)) < 0 ||
			memcmp(in, out, sizeof in) != 0)
			return 1;
	}
	return 0;
}

static void *use(void *arg)
{
	struct user *u = arg;

	for (int i = 0; i < ROUNDS; i++) {
		struct exec *x;

		if (exec_open(u->net, u->target, &spec, deadline_after(WAIT_MS), &x, NULL) < 0) {
			u->bad++;
			continue;
		}
		u->bad += converse(x);
		exec_close(x);
	}
	return NULL;
}

static void many_streams_open_and_close_at_once(void **state)
{
	struct heard heard = { .echo = true };
	struct peer *p = peer_open(hear_script, &heard);
	struct user users[THREADS];
	struct net *net;

	assert_int_equal(net_open(&net), 0);
	for (int i = 0; i < THREADS; i++) {
		users[i] = (struct user){ .net = net, .target = peer_target(p) };
		pthread_create(&users[i].thread, NULL, use, &users[i]);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(users[i].thread, NULL);
		assert_int_equal(users[i].bad, 0);
	}
	net_close(net);
	peer_close(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tail_waits_for_a_slow_reader),
		cmocka_unit_test(a_reader_that_never_reads_ends_the_stream),
		cmocka_unit_test(what_is_written_arrives_before_the_close),
		cmocka_unit_test(closing_flushes_what_was_written),
		cmocka_unit_test(closing_takes_a_second_at_most),
		cmocka_unit_test(eof_comes_after_what_was_written_in_v5_only),
		cmocka_unit_test(a_terminal_can_be_resized),
		cmocka_unit_test(silence_is_loss_but_later_when_stdin_is_out),
		cmocka_unit_test(pings_keep_an_idle_stream),
		cmocka_unit_test(a_status_without_a_close_ends_the_stream_too),
		cmocka_unit_test(net_close_ends_what_stands),
		cmocka_unit_test(many_streams_open_and_close_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
