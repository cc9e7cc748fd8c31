/*
 * Kept runs by a pump: started, left, come back to; over a session with the static agent on this
 * machine (SBX_AGENT_PROGRAM).
 */
#include "tests/lib/owntmp.h"
#include "tests/lib/test.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "plugin/interrupt.h"
#include "plugin/pump.h"
#include "plugin/runs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>

#define DEADLINE_MS 20000

struct got {
	struct buf text[2];
	struct pump_end end;
	struct err err;
	int rc;
	int interrupt; /* with the first output this is sent SIGINT; or -1 */
};

static struct session *agent(void)
{
	static const char *const argv[] = { "sh", "-c",
		"IFS= read -r l && exec \"$SBX_AGENT_PROGRAM\"", NULL };
	struct session_spec spec = { .local_argv = argv };
	struct session *s;

	assert_int_equal(session_open(&spec, &s), 0);
	return s;
}

static ssize_t take(struct got *g, int i, const void *bytes, size_t n)
{
	buf_add(&g->text[i], bytes, n);
	if (g->interrupt >= 0)
		interrupt_send(g->interrupt, SIGINT);
	g->interrupt = -1;
	return (ssize_t)n;
}

static ssize_t take_out(void *arg, const void *bytes, size_t n)
{
	return take(arg, 0, bytes, n);
}

static ssize_t take_err(void *arg, const void *bytes, size_t n)
{
	return take(arg, 1, bytes, n);
}

/* Descriptors that can always be written to; signals of a pipe. */
static void pump(struct got *g, struct pump_spec *spec, bool interrupt)
{
	auto_close int always = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int fds[2];

	*g = (struct got){ .interrupt = -1 };
	buf_init(&g->text[0], 1 << 20);
	buf_init(&g->text[1], 1 << 20);
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	spec->session = agent();
	spec->start_deadline_ms = deadline_after(DEADLINE_MS);
	spec->signals = fds[0];
	spec->out[0] = (struct sink){ .fd = always, .write = take_out, .arg = g };
	spec->out[1] = (struct sink){ .fd = always, .write = take_err, .arg = g };
	if (interrupt)
		g->interrupt = fds[1];
	g->rc = pump_run(spec, &g->end, &g->err);
	close(fds[0]);
	close(fds[1]);
}

static void got_fini(struct got *g)
{
	buf_fini(&g->text[0]);
	buf_fini(&g->text[1]);
}

static uint32_t start(const char *script)
{
	struct pump_spec spec = { .run = { .script = script, .n = strlen(script), .keep = 1 },
		.in = -1,
		.detach = true };
	struct got g;

	pump(&g, &spec, false);
	CHECK_RC(g.rc, 0);
	assert_true(g.end.started);
	/* One that is over at once may have told its end first. */
	if (g.end.run.state != RUN_EXITED)
		assert_int_equal(g.end.run.state, RUN_KEPT);
	assert_true(g.end.kept_id > 0);
	got_fini(&g);
	return g.end.kept_id;
}

static int call(enum remote_op op, uint32_t id, const char *sig, struct remote_reply *reply)
{
	struct remote_request rq = { .op = op, .handle = id, .signal = sig };
	struct session *s = agent();
	int rc = session_call(s, &rq, deadline_after(DEADLINE_MS), reply);

	session_close(s, 1000);
	return rc;
}

static void attach(struct got *g, uint32_t id, struct pump_spec *spec, bool interrupt)
{
	spec->in = -1;
	spec->leaves = true;
	spec->run.attach = id;
	pump(g, spec, interrupt);
}

static void wait_for(uint32_t id, int status)
{
	struct pump_spec spec = { 0 };
	struct got g;

	attach(&g, id, &spec, false);
	CHECK_RC(g.rc, 0);
	assert_int_equal(run_end_status(&g.end.run), status);
	assert_int_equal(g.text[0].len + g.text[1].len, 0);
	got_fini(&g);
}

static void wait_and_forget(uint32_t id, int status)
{
	struct remote_reply reply = { 0 };

	wait_for(id, status);
	CHECK_RC(call(OP_FORGET, id, NULL, &reply), 0);
	remote_reply_fini(&reply);
}

static void a_detached_run_is_listed_and_can_be_read_and_waited_for(void **state)
{
	uint32_t id = start("exec 'sh' '-c' 'echo out; echo err >&2; exit 7'");
	struct pump_spec spec = { .run.wants = RUN_WANTS_OUT | RUN_WANTS_ERR };
	struct remote_reply reply = { 0 };
	struct run_row row = { 0 };
	struct got g;

	attach(&g, id, &spec, false);
	CHECK_RC(g.rc, 0);
	assert_int_equal(run_end_status(&g.end.run), 7);
	CHECK_TEXT(buf_text(&g.text[0]), "out\n");
	CHECK_TEXT(buf_text(&g.text[1]), "err\n");
	got_fini(&g);
	CHECK_RC(call(OP_RUNS, 0, NULL, &reply), 0);
	for (size_t i = 0; i < reply.kept_count; i++)
		if (reply.kept[i].id == id)
			run_row_of_kept(&reply.kept[i], &row);
	remote_reply_fini(&reply);
	assert_int_equal(row.id, id);
	CHECK_TEXT(row.state, "exited");
	assert_int_equal(row.exit, 7);
	assert_int_equal(row.bytes[0], 4);
	CHECK_TEXT(row.command, "sh -c 'echo out; echo err >&2; exit 7'");
	run_row_fini(&row);
	wait_and_forget(id, 7);
}

static void one_stream_from_a_byte_on_is_all_that_comes(void **state)
{
	uint32_t id = start("printf 0123456789; echo no >&2");
	struct pump_spec spec = { .run = { .wants = RUN_WANTS_OUT, .from = { 4, 0 } } };
	struct got g;

	wait_for(id, 0); /* beyond what is kept nothing can be asked for */
	attach(&g, id, &spec, false);
	CHECK_RC(g.rc, 0);
	CHECK_TEXT(buf_text(&g.text[0]), "456789");
	CHECK_TEXT(buf_text(&g.text[1]), "");
	got_fini(&g);
	wait_and_forget(id, 0);
}

static void what_is_there_is_shown_without_waiting_for_more(void **state)
{
	uint32_t id = start("echo first; exec sleep 600");
	struct pump_spec spec = {
		.run.wants = RUN_WANTS_OUT | RUN_WANTS_ERR, .bounded = true, .until = { 6, 0 }
	};
	struct remote_reply reply = { 0 };
	struct got g;

	attach(&g, id, &spec, false);
	CHECK_RC(g.rc, 0);
	assert_int_equal(g.end.run.state, RUN_KEPT);
	CHECK_TEXT(buf_text(&g.text[0]), "first\n");
	got_fini(&g);
	CHECK_RC(call(OP_SIGNAL, id, "KILL", &reply), 0);
	remote_reply_fini(&reply);
	wait_and_forget(id, 128 + SIGKILL);
}

static void an_interrupt_leaves_it_and_it_goes_on(void **state)
{
	uint32_t id = start("echo first; exec sleep 600");
	struct pump_spec spec = { .run.wants = RUN_WANTS_OUT | RUN_WANTS_ERR };
	struct remote_reply reply = { 0 };
	struct got g;

	attach(&g, id, &spec, true);
	CHECK_RC(g.rc, 0);
	assert_int_equal(g.end.run.state, RUN_KEPT);
	assert_int_equal(g.end.signal, SIGINT);
	got_fini(&g);
	CHECK_RC(call(OP_SIGNAL, id, "TERM", &reply), 0);
	remote_reply_fini(&reply);
	wait_and_forget(id, 128 + SIGTERM);
}

static void a_wait_has_its_own_deadline(void **state)
{
	uint32_t id = start("exec sleep 600");
	struct pump_spec spec = { .deadline_ms = deadline_after(200) };
	struct remote_reply reply = { 0 };
	struct got g;

	attach(&g, id, &spec, false);
	CHECK_RC(g.rc, -ETIMEDOUT);
	assert_int_equal(g.end.run.state, RUN_KEPT);
	got_fini(&g);
	CHECK_RC(call(OP_SIGNAL, id, "KILL", &reply), 0);
	remote_reply_fini(&reply);
	wait_and_forget(id, 128 + SIGKILL);
}

static void no_such_run_is_told(void **state)
{
	struct pump_spec spec = { 0 };
	struct got g;

	attach(&g, 987654321, &spec, false);
	CHECK_RC(g.rc, 0);
	assert_false(g.end.started);
	CHECK_RC(g.end.run.rc, -ENOENT);
	got_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_detached_run_is_listed_and_can_be_read_and_waited_for),
		cmocka_unit_test(one_stream_from_a_byte_on_is_all_that_comes),
		cmocka_unit_test(what_is_there_is_shown_without_waiting_for_more),
		cmocka_unit_test(an_interrupt_leaves_it_and_it_goes_on),
		cmocka_unit_test(a_wait_has_its_own_deadline),
		cmocka_unit_test(no_such_run_is_told),
	};

	if (!getenv("SBX_AGENT_PROGRAM")) {
		puts("1..0 # SKIP no static agent here");
		return 0;
	}
	owntmp();
	signal(SIGPIPE, SIG_IGN);
	log_trace_from_env();
	return cmocka_run_group_tests_name("plugin kept", tests, NULL, NULL);
}
