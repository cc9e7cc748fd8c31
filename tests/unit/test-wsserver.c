/* Our framing, over TLS, against a WebSocket server that is not ours (tests/lib/wsserver.c). */
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/kube/dial.h"
#include "common/kube/ws.h"

#include <setjmp.h>
#include <cmocka.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define WAIT_MS         20000
#define SIZE_MAX_TESTED 300000

static const uint8_t key[4] = { 0xde, 0xad, 0xbe, 0xef };

static struct {
	char dir[64];
	pid_t pid;
	int in;
	struct kube_target *target;
} server;

struct line {
	struct dial *d;
	struct ws_decoder decoder;
	uint8_t bytes[16 * 1024];
	const uint8_t *at;
	size_t left;
	int pings;
};

static void wait_ready(struct dial *d, short events)
{
	struct pollfd p = { .fd = dial_fd(d), .events = events };

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
}

static void send_all(struct line *l, const struct buf *b)
{
	size_t at = 0;

	assert_int_equal(buf_check(b), 0);
	while (at < b->len) {
		ssize_t n = dial_send(l->d, b->data + at, b->len - at);

		if (n == -EAGAIN)
			wait_ready(l->d, POLLOUT);
		else
			assert_true(n > 0);
		at += n > 0 ? n : 0;
	}
}

static void send_message(struct line *l, enum ws_op op, const void *bytes, size_t n)
{
	struct iovec part = { (void *)(uintptr_t)bytes, n };
	auto_buf b = BUF_INIT(1 << 20);

	ws_encode(&b, op, key, &part, 1);
	send_all(l, &b);
}

/* The next event that is no ping; pings are counted and answered. */
static struct ws_event next_event(struct line *l)
{
	struct ws_event e;
	ssize_t n;

	for (;;) {
		while (ws_decode(&l->decoder, &l->at, &l->left, &e) > 0) {
			if (e.op != WS_PING)
				return e;
			assert_int_equal(e.n, 4);
			l->pings++;
			send_message(l, WS_PONG, e.data, e.n);
		}
		while ((n = dial_recv(l->d, l->bytes, sizeof l->bytes)) == -EAGAIN)
			wait_ready(l->d, POLLIN);
		assert_true(n > 0);
		l->at = l->bytes;
		l->left = n;
	}
}

static void line_open(struct line *l)
{
	struct dial_ask ask = {
		.path = "/", .protocols = "v9.nobody, v4.channel.k8s.io", .what = "talk"
	};
	struct err err;

	*l = (struct line){ 0 };
	ws_decoder_init(&l->decoder);
	if (dial_open(server.target, &ask, deadline_after(WAIT_MS), &l->d, NULL, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(dial_protocol(l->d), "v4.channel.k8s.io");
}

static void line_close(struct line *l)
{
	dial_close(l->d);
	ws_decoder_fini(&l->decoder);
}

static void there_and_back(struct line *l, uint8_t *bytes, size_t n)
{
	struct ws_event e;

	send_message(l, WS_BINARY, bytes, n);
	e = next_event(l);
	assert_int_equal(e.op, WS_BINARY);
	assert_int_equal(e.n, n);
	assert_memory_equal(e.data, bytes, n);
}

static void any_size(void **state)
{
	static const size_t edges[] = { 1, 2, 5, 124, 125, 126, 127, 4999, 5000, 5001, 16384, 32769,
		65535, 65536, 65537, SIZE_MAX_TESTED };
	auto_free uint8_t *bytes = xmalloc(SIZE_MAX_TESTED);
	unsigned random = 4711;
	struct line l;

	line_open(&l);
	for (size_t i = 0; i < SIZE_MAX_TESTED; i++)
		bytes[i] = (random = random * 1103515245 + 12345) >> 16;
	for (int i = 0; i < 150; i++) {
		size_t n = i < 16 ? edges[i]
				  : (random = random * 1103515245 + 12345) % SIZE_MAX_TESTED + 1;

		bytes[0] = i % 2 ? 'f' : 'w';
		there_and_back(&l, bytes, n);
	}
	bytes[0] = 'f';
	for (int i = 0; i < 16; i++)
		there_and_back(&l, bytes, edges[i]);
	there_and_back(&l, bytes, 0);
	assert_true(l.pings > 100);
	line_close(&l);
}

static void pings_come_back(void **state)
{
	struct ws_event e;
	struct line l;

	line_open(&l);
	for (size_t n = 0; n <= WS_CONTROL_MAX; n += 25) {
		char bytes[WS_CONTROL_MAX];

		memset(bytes, 'p', sizeof bytes);
		send_message(&l, WS_PING, bytes, n);
		e = next_event(&l);
		assert_int_equal(e.op, WS_PONG);
		assert_int_equal(e.n, n);
		assert_memory_equal(e.data, bytes, n);
	}
	line_close(&l);
}

static void close_codes_of_the_server_are_read(void **state)
{
	static const int codes[] = { 1000, 1001, 1002, 1003, 1008, 1009, 1011, 3000, 4999 };

	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		char text[8];
		struct ws_event e;
		struct line l;

		line_open(&l);
		snprintf(text, sizeof text, "c%d", codes[i]);
		send_message(&l, WS_BINARY, text, 5);
		e = next_event(&l);
		assert_int_equal(e.op, WS_CLOSE);
		assert_int_equal(e.code, codes[i]);
		assert_int_equal(e.n, 7);
		assert_memory_equal(e.data, "as told", 7);
		line_close(&l);
	}
}

static void our_close_is_answered(void **state)
{
	auto_buf b = BUF_INIT(64);
	struct ws_event e;
	struct line l;

	line_open(&l);
	ws_encode_close(&b, WS_CODE_NORMAL, key);
	send_all(&l, &b);
	e = next_event(&l);
	assert_int_equal(e.op, WS_CLOSE);
	assert_int_equal(e.code, WS_CODE_NORMAL);
	line_close(&l);
}

static void a_stranger_s_certificate_is_refused(void **state)
{
	struct dial_ask ask = { .path = "/", .protocols = "v4.channel.k8s.io", .what = "talk" };
	struct kube_target t = *server.target;
	struct dial *d;
	struct err err;

	t.ca_pem = NULL;
	assert_int_equal(dial_open(&t, &ask, deadline_after(WAIT_MS), &d, NULL, &err), -EPROTO);
	t.ca_pem = server.target->ca_pem;
	t.tls_server_name = (char *)(uintptr_t) "another.name";
	assert_int_equal(dial_open(&t, &ask, deadline_after(WAIT_MS), &d, NULL, &err), -EPROTO);
	t.insecure = true;
	t.ca_pem = NULL;
	assert_int_equal(dial_open(&t, &ask, deadline_after(WAIT_MS), &d, NULL, &err), 0);
	dial_close(d);
}

static int spawn(const char *program)
{
	int in[2], out[2];
	char port[16] = "";

	if (pipe(in) < 0 || pipe(out) < 0)
		return -errno;
	server.pid = fork();
	if (server.pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		execl(program, program, server.dir, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	server.in = in[1];
	io_read_some(out[0], port, sizeof port - 1, deadline_after(WAIT_MS));
	close(out[0]);
	return (int)strtol(port, NULL, 10);
}

static int begin(void **state)
{
	auto_free char *config = NULL, *text = NULL;
	struct kube_flags flags = { 0 };
	struct err err;
	int port;

	snprintf(server.dir, sizeof server.dir, "/tmp/sbx-wsserver-XXXXXX");
	if (!mkdtemp(server.dir))
		return -1;
	port = spawn(getenv("SBX_WSSERVER"));
	config = xprintf("%s/config", server.dir);
	text = xprintf(
		"clusters: [{name: c, cluster: {server: 'https://127.0.0.1:%d', "
		"certificate-authority: ca.pem}}]\n"
		"contexts: [{name: x, context: {cluster: c, user: ''}}]\ncurrent-context: x\n",
		port);
	if (port <= 0 || io_replace_file(config, text, strlen(text), 0600) < 0)
		return -1;
	flags.kubeconfig = config;
	if (kube_target_load(&flags, &server.target, &err) < 0) {
		print_error("%s\n", err.text);
		return -1;
	}
	return 0;
}

static int end(void **state)
{
	static const char *const files[] = { "ca.pem", "key.pem", "config" };

	kube_target_free(server.target);
	close(server.in);
	waitpid(server.pid, NULL, 0);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		auto_free char *path = xprintf("%s/%s", server.dir, files[i]);

		unlink(path);
	}
	return rmdir(server.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_size),
		cmocka_unit_test(pings_come_back),
		cmocka_unit_test(close_codes_of_the_server_are_read),
		cmocka_unit_test(our_close_is_answered),
		cmocka_unit_test(a_stranger_s_certificate_is_refused),
	};

	return getenv("SBX_WSSERVER") ? cmocka_run_group_tests(tests, begin, end) : 77;
}
