#include "common/kube/dial.h"
#include "tests/lib/scene.h"

#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/socket.h>

static void status_script(struct peer_conn *c)
{
	peer_upgrade(c, "v4.channel.k8s.io");
	peer_channel(c, 1, "", 0);
	say_status(c, c->arg);
}

static void request_script(struct peer_conn *c)
{
	memcpy(c->arg, c->request, sizeof c->request);
	peer_upgrade(c, "v4.channel.k8s.io");
	say_status(c, SUCCESS);
}

static void reply_script(struct peer_conn *c)
{
	peer_reply(c, c->arg);
}

/* --- opening --- */

static void the_request_is_as_the_api_wants_it(void **state)
{
	auto_free char *request = xcalloc(1, 16 * 1024);
	struct scene sc = scene_open(request_script, request, &spec);

	assert_int_equal(sc.rc, 0);
	scene_close(&sc);
	assert_non_null(strstr(request,
		"GET /api/v1/namespaces/dev/pods/web/exec?container=main&command=sh&command=-c&"
		"command=a%20b%26c%3Dd%2F%C3%A9&stdin=true&stdout=true&stderr=true HTTP/1.1\r\n"));
	assert_non_null(strstr(request, "\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n"));
	assert_non_null(strstr(request, "\r\nHost: 127.0.0.1:"));
	assert_null(strstr(request, "Authorization"));
}

static void a_terminal_has_no_stderr(void **state)
{
	auto_free char *request = xcalloc(1, 16 * 1024);
	struct exec_spec tty = spec;
	struct scene sc;

	tty.tty = true;
	sc = scene_open(request_script, request, &tty);
	scene_close(&sc);
	assert_non_null(strstr(request, "&stdin=true&stdout=true&tty=true HTTP/1.1\r\n"));
}

static void refused(const char *answer, int code, const char *words)
{
	struct scene sc = scene_open(reply_script, (void *)(uintptr_t)answer, &spec);

	assert_int_equal(sc.rc, code);
	if (!strstr(sc.err.text, words))
		fail_msg("'%s' is not in '%s'", words, sc.err.text);
	scene_close(&sc);
}

#define STATUS(http, message)                                                                      \
	"HTTP/1.1 " http "\r\nContent-Type: application/json\r\n\r\n"                              \
	"{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"" message "\"}"

static void refusals_become_errnos_and_sentences(void **state)
{
	refused(STATUS("403 Forbidden", "pods web is forbidden: no create on pods/exec"), -EACCES,
		"no create on pods/exec");
	refused(STATUS("404 Not Found", "pods web not found"), -ENOENT, "not found");
	refused("HTTP/1.1 404 Not Found\r\nContent-Length: 18\r\n\r\npod does not exist", -ENOTCONN,
		"pod does not exist");
	refused(STATUS("400 Bad Request", "container x is not valid for pod web"), -EINVAL,
		"not valid");
	refused(STATUS("400 Bad Request", "pod web does not have a host assigned"), -ENOTCONN,
		"host assigned");
	refused(STATUS("500 Internal Server Error", "container not found (main)"), -ENOTCONN,
		"container not found");
	refused("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", -EIO, "");
	refused("SSH-2.0-OpenSSH\r\n\r\n", -EBADMSG, "WebSocket");
	refused("", -ECONNRESET, "");
	refused("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
		-EBADMSG, "WebSocket");
}

static void only_v5_script(struct peer_conn *c)
{
	if (strstr(c->request, "v5.channel")) {
		peer_upgrade(c, "v5.channel.k8s.io");
		say_status(c, SUCCESS);
	} else {
		peer_reply(c, c->arg);
	}
}

static void v5_is_tried_where_v4_is_unknown(void **state)
{
	static const char *const unknown[] = {
		"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 400 Bad Request\r\n\r\nno such protocol"
	};

	for (size_t i = 0; i < 2; i++) {
		struct scene sc = scene_open(only_v5_script, (void *)(uintptr_t)unknown[i], &spec);

		assert_int_equal(sc.rc, 0);
		assert_true(exec_is_v5(sc.x));
		scene_close(&sc);
	}
}

static void v5_is_not_tried_when_v4_is_wanted_or_rights_lack(void **state)
{
	struct exec_spec v4 = spec;
	struct scene sc;

	v4.protocol = EXEC_V4;
	sc = scene_open(
		only_v5_script, (void *)(uintptr_t) "HTTP/1.1 400 Bad Request\r\n\r\n", &v4);
	assert_int_equal(sc.rc, -EINVAL);
	scene_close(&sc);
	sc = scene_open(
		only_v5_script, (void *)(uintptr_t)STATUS("403 Forbidden", "rights"), &spec);
	assert_int_equal(sc.rc, -EACCES);
	scene_close(&sc);
}

static void v5_forbids_script(struct peer_conn *c)
{
	peer_reply(c, strstr(c->request, "v5.channel")
			      ? STATUS("403 Forbidden", "no create on pods/exec")
			      : "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
}

static void the_refusal_that_says_more_is_shown(void **state)
{
	struct scene sc = scene_open(v5_forbids_script, NULL, &spec);

	assert_int_equal(sc.rc, -EACCES);
	assert_non_null(strstr(sc.err.text, "no create on pods/exec"));
	scene_close(&sc);
}

static void too_long_a_command_is_refused_here(void **state)
{
	auto_free char *longest = xcalloc(1, 70000);
	const char *const argv[] = { longest, NULL };
	struct exec_spec s = spec;
	struct scene sc;

	memset(longest, 'x', 69999);
	s.argv = argv;
	sc = scene_open(reply_script, NULL, &s);
	assert_int_equal(sc.rc, -E2BIG);
	scene_close(&sc);
}

static void opening_obeys_its_deadline(void **state)
{
	struct peer *p = peer_open(nobody_answers_script, NULL);
	int64_t before = clock_now_ms();
	struct exec *x;
	struct net *net;
	struct err err;

	assert_int_equal(net_open(&net), 0);
	assert_int_equal(
		exec_open(net, peer_target(p), &spec, deadline_after(150), &x, &err), -ETIMEDOUT);
	assert_in_range(clock_now_ms() - before, 150, 1000);
	net_close(net);
	peer_close(p);
}

static void *set_true(void *flag)
{
	__atomic_store_n((bool *)flag, true, __ATOMIC_RELAXED);
	return NULL;
}

static void opening_can_be_stopped(void **state)
{
	bool stop = false;
	struct exec_spec s = spec;
	int64_t before = clock_now_ms();
	pthread_t thread;
	struct scene sc;

	s.stop = &stop;
	pthread_create(&thread, NULL, set_true, &stop);
	sc = scene_open(nobody_answers_script, NULL, &s);
	pthread_join(thread, NULL);
	assert_int_equal(sc.rc, -ECANCELED);
	assert_in_range(clock_now_ms() - before, 0, 1000);
	scene_close(&sc);
}

static void a_closed_port_is_told(void **state)
{
	struct peer *p = peer_open(reply_script, NULL);
	struct kube_target t = *peer_target(p);
	struct dial_ask ask = { .path = "/", .protocols = "v4.channel.k8s.io", .what = "try" };
	struct dial *d;
	struct err err;

	t.port = 1; /* nobody listens there */
	assert_int_equal(
		dial_open(&t, &ask, deadline_after(WAIT_MS), &d, NULL, &err), -ECONNREFUSED);
	assert_non_null(strstr(err.text, "cannot reach http://127.0.0.1:"));
	peer_close(p);
}

static void connections_are_not_inherited(void **state)
{
	struct peer *p = peer_open(status_script, (void *)(uintptr_t)SUCCESS);
	struct dial_ask ask = { .path = "/", .protocols = "v4.channel.k8s.io", .what = "try" };
	struct dial *d;
	struct err err;

	assert_int_equal(
		dial_open(peer_target(p), &ask, deadline_after(WAIT_MS), &d, NULL, &err), 0);
	assert_int_equal(fcntl(dial_fd(d), F_GETFD), FD_CLOEXEC);
	dial_close(d);
	peer_close(p);
}

/* --- the end --- */

static void the_end_is_what_the_status_says(void **state)
{
	static const struct {
		const char *json;
		bool has_status, success;
		int exit_code, rc;
	} cases[] = {
		{ SUCCESS, true, true, 0, 0 },
		{ "{\"status\":\"Failure\",\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":["
		  "{\"reason\":\"ExitCode\","
		  "\"message\":\"42\"}]}}",
			true, false, 42, 0 },
		{ "{\"status\":\"Failure\",\"reason\":\"InternalError\",\"code\":500,\"message\":"
		  "\"OCI runtime exec failed: exec "
		  "failed: exec: \\\"x\\\": executable file not found in $PATH: unknown\"}",
			true, false, -1, -ENOEXEC },
		{ "{\"status\":\"Failure\",\"message\":\"container not found\"}", true, false, -1,
			-ENOTCONN },
		{ "{\"status\":\"Failure\",\"message\":\"\\u001b[31m\"}", true, false, -1, -EIO },
		{ "garbage", false, false, -1, -EPIPE },
		{ "", false, false, -1, -EPIPE },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct scene sc =
			scene_open(status_script, (void *)(uintptr_t)cases[i].json, &spec);
		struct exec_end end = end_of(&sc);

		assert_int_equal(end.has_status, cases[i].has_status);
		assert_int_equal(end.success, cases[i].success);
		assert_int_equal(end.exit_code, cases[i].exit_code);
		assert_int_equal(end.rc, cases[i].rc);
		assert_null(strchr(end.err.text, '\x1b'));
		scene_close(&sc);
	}
}

static void cut_script(struct peer_conn *c)
{
	peer_upgrade(c, "v4.channel.k8s.io");
	peer_channel(c, 1, "half", 4);
	peer_channel(c, 2, "\x1b[31mbad", 8);
}

static void a_stream_that_just_stops_is_lost_but_delivered(void **state)
{
	struct scene sc = scene_open(cut_script, NULL, &spec);
	struct exec_end end = end_of(&sc);
	auto_buf tail = BUF_INIT(4 * EXEC_STDERR_TAIL);
	char bytes[16];

	assert_false(end.has_status);
	assert_int_equal(end.rc, -EPIPE);
	assert_int_equal(read(exec_fd(sc.x), bytes, sizeof bytes), 4);
	assert_int_equal(read(exec_fd(sc.x), bytes, sizeof bytes), 0);
	exec_stderr(sc.x, &tail);
	assert_null(strchr(buf_text(&tail), '\x1b'));
	assert_non_null(strstr(buf_text(&tail), "bad"));
	scene_close(&sc);
}

static void text_script(struct peer_conn *c)
{
	peer_upgrade(c, "v4.channel.k8s.io");
	peer_send(c, 0x81, "\1text", 5);
	nobody_answers_script(c);
}

static void large_script(struct peer_conn *c)
{
	static const char bytes[(1 << 20) + 1] = { 1 };

	peer_upgrade(c, "v4.channel.k8s.io");
	peer_send(c, 0x82, bytes, sizeof bytes);
	nobody_answers_script(c);
}

static void a_peer_that_breaks_the_protocol_is_left(void **state)
{
	peer_script *scripts[] = { text_script, large_script };

	for (size_t i = 0; i < 2; i++) {
		struct scene sc = scene_open(scripts[i], NULL, &spec);
		struct exec_end end = end_of(&sc);

		assert_int_equal(end.rc, -EBADMSG);
		scene_close(&sc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_request_is_as_the_api_wants_it),
		cmocka_unit_test(a_terminal_has_no_stderr),
		cmocka_unit_test(refusals_become_errnos_and_sentences),
		cmocka_unit_test(v5_is_tried_where_v4_is_unknown),
		cmocka_unit_test(v5_is_not_tried_when_v4_is_wanted_or_rights_lack),
		cmocka_unit_test(the_refusal_that_says_more_is_shown),
		cmocka_unit_test(too_long_a_command_is_refused_here),
		cmocka_unit_test(opening_obeys_its_deadline),
		cmocka_unit_test(opening_can_be_stopped),
		cmocka_unit_test(a_closed_port_is_told),
		cmocka_unit_test(connections_are_not_inherited),
		cmocka_unit_test(the_end_is_what_the_status_says),
		cmocka_unit_test(a_stream_that_just_stops_is_lost_but_delivered),
		cmocka_unit_test(a_peer_that_breaks_the_protocol_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
