/* Exec streams against the scripted API server: a whole server of HTTP and WebSocket, and its
 * faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/kube/exec.h"
#include "tests/lib/fake.h"

#define WAIT_MS 10000

struct at {
	struct fake fake;
	struct kube *k;
	struct net *net;
};

static int setup(void **state)
{
	struct at *at = xcalloc(1, sizeof(*at));

	fake_start(&at->fake, NULL);
	at->k = fake_kube(&at->fake, NULL, NULL, NULL);
	assert_int_equal(net_open(&at->net), 0);
	fake_do(&at->fake, "{\"put\":{\"metadata\":{\"name\":\"web\",\"namespace\":\"dev\"},"
			   "\"spec\":{\"containers\":[{\"name\":\"sandbox\"}]}}}");
	*state = at;
	return 0;
}

static int teardown(void **state)
{
	struct at *at = *state;

	net_close(at->net);
	kube_close(at->k);
	fake_stop(&at->fake);
	free(at);
	return 0;
}

static int start(struct at *at, const char *script, enum exec_protocol protocol, struct exec **ret,
	struct err *err)
{
	const char *argv[] = { "sh", "-c", script, NULL };
	struct exec_spec spec = { .ns = "dev",
		.pod = "web",
		.container = "sandbox",
		.argv = argv,
		.protocol = protocol };

	if (!script)
		argv[0] = "no-such-program";
	return exec_open(at->net, kube_target(at->k), &spec, deadline_after(WAIT_MS), ret, err);
}

/* Runs script to its end; what it printed must be output. */
static struct exec_end run(
	struct at *at, const char *script, enum exec_protocol protocol, const char *output)
{
	auto_buf got = BUF_INIT(1 << 20);
	struct exec_end end = { .exit_code = -1 };
	struct exec *x = NULL;
	struct err err = { "" };
	char part[4096];
	ssize_t n;

	if (start(at, script, protocol, &x, &err) < 0)
		fail_msg("%s", err.text);
	while ((n = io_read_some(exec_fd(x), part, sizeof(part), deadline_after(WAIT_MS))) > 0)
		buf_add(&got, part, (size_t)n);
	assert_int_equal(n, 0);
	assert_string_equal(buf_text(&got), output);
	assert_int_equal(exec_wait(x, deadline_after(WAIT_MS), &end), 0);
	exec_close(x);
	return end;
}

static void output_and_exit_code_come(void **state)
{
	for (int protocol = EXEC_V4; protocol <= EXEC_V5; protocol++) {
		struct exec_end end = run(*state, "echo hello; exit 7", protocol, "hello\n");

		assert_true(end.has_status && !end.success);
		assert_int_equal(end.exit_code, 7);
		assert_true(run(*state, "true", protocol, "").success);
	}
}

static void input_goes_in(void **state)
{
	struct exec *x = NULL;
	char line[6] = "";

	assert_int_equal(start(*state, "cat", EXEC_V4, &x, NULL), 0);
	assert_int_equal(io_write_all(exec_fd(x), "hello", 5, deadline_after(WAIT_MS)), 0);
	assert_int_equal(io_read_all(exec_fd(x), line, 5, deadline_after(WAIT_MS)), 0);
	assert_string_equal(line, "hello");
	exec_close(x);
}

static void an_answer_may_dribble(void **state)
{
	struct at *at = *state;

	fake_do(&at->fake, "{\"fault\":{\"do\":\"dribble\",\"path\":\"/exec\"}}");
	assert_true(run(at, "echo hello", EXEC_V4, "hello\n").success);
}

static void v5_is_taken_where_v4_is_refused(void **state)
{
	struct at *at = *state;

	fake_do(&at->fake,
		"{\"fault\":{\"do\":\"refuse\",\"protocol\":\"v4.channel.k8s.io\",\"times\":0}}");
	assert_true(run(at, "echo hello", EXEC_ANY, "hello\n").success);
}

static void an_end_without_a_status_is_a_loss(void **state)
{
	struct at *at = *state;
	struct exec_end end;

	fake_do(&at->fake, "{\"fault\":{\"do\":\"nostatus\"}}");
	end = run(at, "echo hello", EXEC_V4, "hello\n");
	assert_false(end.has_status);
	assert_int_equal(end.rc, -EPIPE);
}

static void a_program_that_is_not_there_is_told(void **state)
{
	assert_int_equal(run(*state, NULL, EXEC_V4, "").rc, -ENOEXEC);
}

static void a_mute_server_costs_no_more_than_the_deadline(void **state)
{
	const char *argv[] = { "true", NULL };
	struct exec_spec spec = { .ns = "dev", .pod = "web", .argv = argv };
	struct at *at = *state;
	struct exec *x = NULL;

	fake_do(&at->fake, "{\"fault\":{\"do\":\"mute\"}}");
	assert_int_equal(
		exec_open(at->net, kube_target(at->k), &spec, deadline_after(300), &x, NULL),
		-ETIMEDOUT);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(output_and_exit_code_come),
		CASE(input_goes_in),
		CASE(an_answer_may_dribble),
		CASE(v5_is_taken_where_v4_is_refused),
		CASE(an_end_without_a_status_is_a_loss),
		CASE(a_program_that_is_not_there_is_told),
		CASE(a_mute_server_costs_no_more_than_the_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
