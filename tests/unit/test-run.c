#include "tests/lib/test.h"
#include "tests/lib/pair.h"
#include "tests/lib/peer.h"
#include "tests/lib/seen.h"

#include "common/base/clock.h"
#include "common/remote/hello.h"
#include "common/remote/proto.h"
#include "common/remote/remote.h"

#include <sys/wait.h>

#define LONG_MS 30000

static void start(struct seen *s, struct remote *r, const struct run_spec *spec)
{
	seen_start(s, r, spec, true);
}

static struct remote *open_to(
	struct peer *p, void (*serve)(struct peer *p, const struct peer_line *line), void *arg)
{
	struct remote *r = NULL;
	struct err err = { "" };

	if (remote_open(peer_open(p, PEER_HELLO, serve, arg), deadline_after(LONG_MS), &r, &err) <
		0)
		fail_msg("remote_open: %s", err.text);
	return r;
}

#define SPEC(text, ...)                                                                            \
	&(const struct run_spec)                                                                   \
	{                                                                                          \
		.script = text, .n = strlen(text), .window = 1024, __VA_ARGS__                     \
	}

/* --- against a peer that says what it is told ---------------------------- */

/* Notes all lines in arg; to a run it answers with its script, @ being the tag. */
static void serve_script(struct peer *p, const struct peer_line *line)
{
	struct buf *notes = p->arg;
	auto_buf body = BUF_INIT(4096);
	auto_buf said = BUF_INIT(8192);

	buf_printf(notes, "%s\n", line->text);
	if (strcmp(line->op, "run") == 0)
		peer_body(p, strtoul(line->args[6], NULL, 10), &body);
	else if (strcmp(line->op, "env") == 0 || strcmp(line->op, "in") == 0)
		peer_body(p, strtoul(line->args[line->op[0] == 'i'], NULL, 10), notes);
	if (strcmp(line->op, "env") == 0)
		peer_say(p, "= %s\n", line->tag);
	for (size_t i = 0; i < body.len; i++) {
		if (body.data[i] == '@')
			buf_str(&said, line->tag);
		else
			buf_char(&said, body.data[i]);
	}
	if (said.len)
		peer_send(p, said.data, said.len);
}

static void outputs_and_end_arrive(void **state)
{
	auto_buf notes = BUF_INIT(65536);
	struct peer p;
	struct remote *r = open_to(&p, serve_script, &notes);
	struct seen s;

	start(&s, r,
		SPEC("s @ 77\no @ 3\nabce @ 2\nxyo @ 1\nd= @ signaled 9 4 2\n", .cwd = "/a b",
			.timeout_ms = 5000));
	sem_wait(&s.ended);
	assert_int_equal(s.pid, 77);
	assert_string_equal(buf_text(&s.out), "abcd");
	assert_string_equal(buf_text(&s.err_out), "xy");
	assert_int_equal(s.end.state, RUN_SIGNALED);
	assert_int_equal(run_end_status(&s.end), 137);
	sem_post(&s.ended);
	CHECK_RC(run_kill(s.run, "TERM"), -ESRCH);
	CHECK_RC(run_input(s.run, "x", 1), -EPIPE);
	seen_finish(&s);
	remote_close(r, 0);
	peer_close(&p);
	assert_non_null(strstr(notes.data, " run /a\\0040b - 5000 1024 - 0 50\n"));
	assert_non_null(strstr(notes.data, " o 3\n"));
}

static void lost_with(const char *text, int rc, bool dead)
{
	auto_buf notes = BUF_INIT(65536);
	struct peer p;
	struct remote *r = open_to(&p, serve_script, &notes);
	struct seen s;

	seen_start(&s, r, SPEC(text), false);
	sem_wait(&s.ended);
	if (s.end.state != RUN_LOST || s.end.rc != rc)
		fail_msg("'%s' gave %d, %s", text, s.end.state, errno_name(s.end.rc));
	assert_int_equal(run_end_status(&s.end), -1);
	if (dead) {
		struct remote_reply reply;

		remote_call(r, &(struct remote_request){ .op = OP_PING }, deadline_after(LONG_MS),
			&reply);
		CHECK_RC(reply.rc, rc);
	}
	sem_post(&s.ended);
	seen_finish(&s);
	remote_close(r, 0);
	peer_close(&p);
}

static void counts_and_order_are_checked(void **state)
{
	lost_with("s @ 1\no @ 3\nabc= @ exited 0 4 0\n", -EBADMSG, true);
	lost_with("s @ 1\no @ 3\nabc= @ exited 0 3 1\n", -EBADMSG, true);
	lost_with("s @ 1\no @ 3\nabc= @ exited 0 0 3\n", -EBADMSG, true);
	lost_with("= @ exited 0 0 0\n", -EBADMSG, true);
	lost_with("o @ 1\nx", -EBADMSG, true);
	lost_with("i @ 1\n", -EBADMSG, true);
	lost_with("s @ 1\ni @ 1\n", -EBADMSG, true); /* no input was asked for */
	lost_with("s @ 1\ns @ 1\n", -EBADMSG, true);
	lost_with("s @ 1\nd @ 1\nx", -EBADMSG, true);
	lost_with("s @ 1\n= @ 0\n", -EBADMSG, true);
	lost_with("s @ 1\no @ 1025\n", -EBADMSG, true); /* beyond the window */
	lost_with("! @ ENOEXEC no\\0040sh\n", -ENOEXEC, false);
	lost_with("s @ 1\n! @ EIO -\n", -EIO, false);
}

static void a_window_is_for_each_output(void **state)
{
	auto_buf notes = BUF_INIT(65536);
	auto_buf text = BUF_INIT(4096);
	struct peer p;
	struct remote *r = open_to(&p, serve_script, &notes);
	struct seen s;

	buf_printf(&text, "s @ 1\no @ 1024\n%1024se @ 1024\n%1024s", "", "");
	buf_str(&text, "= @ exited 3 1024 1024\n");
	start(&s, r, &(struct run_spec){ .script = text.data, .n = text.len, .window = 1024 });
	sem_wait(&s.ended);
	assert_int_equal(s.end.state, RUN_EXITED);
	assert_int_equal(s.end.code, 3);
	sem_post(&s.ended);
	seen_finish(&s);
	remote_close(r, 0);
	peer_close(&p);
}

static void input_keeps_to_its_credit(void **state)
{
	auto_buf notes = BUF_INIT(65536);
	struct peer p;
	struct remote *r = open_to(&p, serve_script, &notes);
	struct seen s;

	start(&s, r, SPEC("s @ 1\ni @ 5\ni @ 2\n", .wants_stdin = true));
	sem_wait(&s.credit);
	sem_wait(&s.credit);
	assert_int_equal(s.input_bytes, 7);
	CHECK_RC(run_input(s.run, "12345678", 8), -ENOBUFS);
	CHECK_RC(run_input(s.run, "1234\n", 5), 0);
	CHECK_RC(run_input(s.run, "67", 2), 0);
	CHECK_RC(run_input(s.run, "8", 1), -ENOBUFS);
	CHECK_RC(run_eof(s.run), 0);
	CHECK_RC(run_eof(s.run), 0);
	CHECK_RC(run_input(s.run, "", 0), -EPIPE);
	CHECK_RC(run_kill(s.run, "TERM"), 0);
	CHECK_RC(run_kill(s.run, "TERM; rm"), -EINVAL);
	CHECK_RC(run_kill(s.run, ""), -EINVAL);
	remote_close(r, 50); /* bye is not answered */
	CHECK_RC(run_kill(s.run, "TERM"), -ESRCH);
	CHECK_RC(run_more(s.run, 1, 5), 0);
	seen_finish(&s);
	assert_int_equal(s.end.state, RUN_LOST);
	CHECK_RC(s.end.rc, -EPIPE);
	peer_close(&p);
	assert_non_null(
		strstr(notes.data, "\n0 in 1 5\n1234\n0 in 1 2\n670 eof 1\n0 kill 1 TERM\n"));
}

/* Starts the run at a ping, ends it at a kill. */
static void serve_when_pinged(struct peer *p, const struct peer_line *line)
{
	struct buf *notes = p->arg;
	auto_buf body = BUF_INIT(4096);

	buf_printf(notes, "%s\n", line->text);
	if (strcmp(line->op, "run") == 0)
		peer_body(p, strtoul(line->args[6], NULL, 10), &body);
	else if (strcmp(line->op, "ping") == 0)
		peer_say(p, "s 1 5\n= %s\n", line->tag);
	else if (strcmp(line->op, "kill") == 0)
		peer_say(p, "= %s signaled 9 0 0\n", line->args[0]);
}

static void what_is_said_before_the_start_is_kept(void **state)
{
	auto_buf notes = BUF_INIT(65536);
	struct remote_request ping = { .op = OP_PING };
	struct remote_reply reply;
	struct peer p;
	struct remote *r = open_to(&p, serve_when_pinged, &notes);
	struct seen s;

	start(&s, r, SPEC("x", .wants_stdin = true));
	CHECK_RC(run_eof(s.run), 0);
	CHECK_RC(run_kill(s.run, "KILL"), 0);
	CHECK_RC(run_kill(s.run, "TERM"), 0);
	CHECK_RC(remote_call(r, &ping, deadline_after(LONG_MS), &reply), 0);
	seen_finish(&s);
	assert_int_equal(run_end_status(&s.end), 137);
	remote_close(r, 0);
	peer_close(&p);
	assert_non_null(strstr(notes.data, " ping\n0 eof 1\n0 kill 1 KILL\n"));
}

static void env_goes_right_before(void **state)
{
	static const char *const env[] = { "A=1 2", "B_2=x\ny", NULL };
	auto_buf notes = BUF_INIT(65536);
	struct peer p;
	struct remote *r = open_to(&p, serve_script, &notes);
	struct seen s;

	start(&s, r, SPEC("s @ 1\n= @ exited 0 0 0\n", .env = env));
	seen_finish(&s);
	assert_int_equal(s.end.state, RUN_EXITED);
	remote_close(r, 0);
	peer_close(&p);
	assert_non_null(strstr(
		notes.data, "2 env 22\nA=1\\00402\nB_2=x\\0012y\n1 run - - 0 1024 - 0 23\n"));
}

static void any_name_of_an_environment_is_taken(void **state)
{
	static const char *const env[] = { "a.b-c=1", "1=2", NULL };
	static const char *const bad[] = { "", "no", "=x", "a\nb=x" };
	auto_buf notes = BUF_INIT(65536);
	struct peer p;
	struct remote *r = open_to(&p, serve_script, &notes);
	struct seen s;

	start(&s, r, SPEC("s @ 1\n= @ exited 0 0 0\n", .env = env));
	seen_finish(&s);
	assert_int_equal(s.end.state, RUN_EXITED);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *const one[] = { bad[i], NULL };

		start(&s, r, SPEC("", .env = one));
		seen_finish(&s);
		CHECK_RC(s.end.rc, -EINVAL);
	}
	remote_close(r, 0);
	peer_close(&p);
	assert_non_null(strstr(notes.data, "2 env 12\na.b-c=1\n1=2\n"));
}

static void serve_without_env(struct peer *p, const struct peer_line *line)
{
	struct buf *notes = p->arg;
	auto_buf body = BUF_INIT(4096);

	buf_printf(notes, "%s\n", line->text);
	if (strcmp(line->op, "env") == 0) {
		peer_body(p, strtoul(line->args[0], NULL, 10), &body);
		peer_say(p, "! %s ENOSPC -\n", line->tag);
	} else if (strcmp(line->op, "run") == 0) {
		peer_body(p, strtoul(line->args[6], NULL, 10), &body);
		peer_say(p, "s %s 5\n", line->tag);
	} else if (strcmp(line->op, "kill") == 0) {
		peer_say(p, "= %s signaled 9 0 0\n", line->args[0]);
	}
}

static void a_run_without_its_env_is_lost(void **state)
{
	static const char *const env[] = { "A=1", NULL };
	auto_buf notes = BUF_INIT(65536);
	struct peer p;
	struct remote *r = open_to(&p, serve_without_env, &notes);
	struct seen s;

	start(&s, r, SPEC("x", .env = env));
	seen_finish(&s);
	assert_int_equal(s.end.state, RUN_LOST);
	CHECK_RC(s.end.rc, -ENOSPC);
	assert_non_null(strstr(s.end.err.text, "environment"));
	CHECK_RC(remote_dead(r), 0);
	remote_close(r, 0);
	peer_close(&p);
	assert_non_null(strstr(notes.data, "0 kill 1 KILL\n"));
}

static void too_large_scripts_are_refused(void **state)
{
	auto_buf notes = BUF_INIT(65536);
	auto_free char *script = xcalloc(1, PROTO_SCRIPT_MAX + 1);
	struct peer p;
	struct remote *r = open_to(&p, serve_script, &notes);
	struct seen s;

	start(&s, r, &(struct run_spec){ .script = script, .n = PROTO_SCRIPT_MAX + 1 });
	seen_finish(&s);
	CHECK_RC(s.end.rc, -EFBIG);
	assert_int_equal(s.end.state, RUN_LOST);
	start(&s, r, SPEC("x", .cwd = "relative"));
	seen_finish(&s);
	CHECK_RC(s.end.rc, -EINVAL);
	remote_close(r, 0);
	peer_close(&p);
}

static void runs_do_not_keep_calls_waiting(void **state)
{
	auto_buf notes = BUF_INIT(1 << 20);
	struct seen s[40]; /* calls=16 */
	struct peer p;
	struct remote *r = open_to(&p, serve_script, &notes);

	for (int i = 0; i < 40; i++)
		start(&s[i], r, SPEC("s @ 1\n"));
	for (int i = 0; i < 40; i++)
		sem_wait(&s[i].started);
	peer_hang_up(&p);
	for (int i = 0; i < 40; i++) {
		seen_finish(&s[i]);
		assert_int_equal(s[i].end.state, RUN_LOST);
		CHECK_RC(s[i].end.rc, -EPIPE);
	}
	remote_close(r, 0);
	peer_close(&p);
}

/* --- on a bad line ------------------------------------------------------------ */

#define KEPT_TALK "s @ 5 7\no @ 3\nabce @ 1\nx= @ exited 0 3 1 0 0\n"

static void serve_and_hang_up(struct peer *p, const struct peer_line *line)
{
	serve_script(p, line);
	if (strcmp(line->op, "run") == 0)
		peer_hang_up(p);
}

static void talk_over(const struct pair_faults *faults, struct seen *s)
{
	auto_buf notes = BUF_INIT(65536);
	struct remote *r = NULL;
	struct err err = { "" };
	struct pair line;
	struct peer p;

	CHECK_RC(remote_open(pair_wrap(&line, peer_open(&p, PEER_HELLO, serve_and_hang_up, &notes),
				     faults),
			 deadline_after(LONG_MS), &r, &err),
		0);
	start(s, r, SPEC(KEPT_TALK, .keep = 7));
	seen_finish(s);
	remote_close(r, 0);
	peer_close(&p);
	pair_close(&line);
}

static void a_run_whose_stream_is_cut_is_never_exited(void **state)
{
	size_t whole = strlen(PEER_HELLO) + strlen(KEPT_TALK);

	for (size_t n = strlen(PEER_HELLO); n < whole; n++) {
		struct pair_faults cut = { .cut_after = n };
		struct seen s;

		talk_over(&cut, &s);
		assert_int_equal(s.end.state, RUN_LOST);
		CHECK_RC(s.end.rc, -EPIPE);
		assert_true(s.end.out == s.n[0] && s.end.err_bytes == s.n[1]);
	}
}

static void a_flipped_byte_never_changes_a_count(void **state)
{
	size_t from = strlen(PEER_HELLO) + 1;
	size_t to = from + strlen(KEPT_TALK);

	for (size_t n = from; n < to; n++) {
		struct pair_faults flip = { .flip_at = n, .flip_bits = 1 << n % 8 };
		struct seen s;

		talk_over(&flip, &s);
		assert_true(s.end.out == s.n[0] && s.end.err_bytes == s.n[1]);
		if (s.end.rc == 0)
			assert_true(s.n[0] == 3 && s.n[1] == 1);
	}
}

/* --- against the real agent --------------------------------------------- */

static struct remote *open_agent(int *ret_pid)
{
	struct remote *r = NULL;
	struct err err = { "" };
	int fd;

	if (hello_spawn(NULL, &fd, ret_pid, &err) < 0 ||
		hello_start(fd, deadline_after(LONG_MS), &err) < 0 ||
		remote_open(fd, deadline_after(LONG_MS), &r, &err) < 0)
		fail_msg("agent: %s", err.text);
	return r;
}

static void end_agent(struct remote *r, int pid)
{
	remote_close(r, 5000);
	waitpid(pid, NULL, 0);
}

static void eight_runs_with_flow_control(void **state)
{
	static const char script[] =
		"head -c 300000 /dev/zero; head -c 100000 /dev/zero >&2; exit 5";
	struct seen s[8];
	int pid;
	struct remote *r = open_agent(&pid);

	for (int i = 0; i < 8; i++)
		start(&s[i], r,
			&(struct run_spec){
				.script = script, .n = strlen(script), .window = 65536 });
	for (int i = 0; i < 8; i++) {
		seen_finish(&s[i]);
		CHECK_RC(s[i].end.rc, 0);
		assert_int_equal(run_end_status(&s[i].end), 5);
		assert_int_equal(s[i].n[0], 300000);
		assert_int_equal(s[i].n[1], 100000);
	}
	end_agent(r, pid);
}

static void the_agent_runs_scripts(void **state)
{
	static const char *const env[] = { "GREETING=good 'day'\nto you", NULL };
	struct seen s;
	int pid;
	struct remote *r = open_agent(&pid);

	start(&s, r,
		SPEC("pwd; echo \"$GREETING\" >&2; cat", .cwd = "/", .env = env,
			.wants_stdin = true));
	sem_wait(&s.credit);
	CHECK_RC(run_input(s.run, "to the run\n", 11), 0);
	CHECK_RC(run_eof(s.run), 0);
	sem_wait(&s.ended);
	assert_string_equal(buf_text(&s.out), "/\nto the run\n");
	assert_string_equal(buf_text(&s.err_out), "good 'day'\nto you\n");
	assert_int_equal(run_end_status(&s.end), 0);
	sem_post(&s.ended);
	seen_finish(&s);
	end_agent(r, pid);
}

static void the_agent_kills_runs(void **state)
{
	struct seen s;
	int pid;
	struct remote *r = open_agent(&pid);

	start(&s, r, SPEC("while :; do sleep 1; done"));
	CHECK_RC(run_kill(s.run, "KILL"), 0); /* maybe before its start */
	seen_finish(&s);
	assert_int_equal(run_end_status(&s.end), 137);
	start(&s, r, SPEC("sleep 100", .timeout_ms = 100));
	seen_finish(&s);
	assert_int_equal(s.end.state, RUN_TIMEOUT);
	end_agent(r, pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outputs_and_end_arrive),
		cmocka_unit_test(counts_and_order_are_checked),
		cmocka_unit_test(a_window_is_for_each_output),
		cmocka_unit_test(input_keeps_to_its_credit),
		cmocka_unit_test(what_is_said_before_the_start_is_kept),
		cmocka_unit_test(env_goes_right_before),
		cmocka_unit_test(any_name_of_an_environment_is_taken),
		cmocka_unit_test(a_run_without_its_env_is_lost),
		cmocka_unit_test(too_large_scripts_are_refused),
		cmocka_unit_test(runs_do_not_keep_calls_waiting),
		cmocka_unit_test(a_run_whose_stream_is_cut_is_never_exited),
		cmocka_unit_test(a_flipped_byte_never_changes_a_count),
		cmocka_unit_test(eight_runs_with_flow_control),
		cmocka_unit_test(the_agent_runs_scripts),
		cmocka_unit_test(the_agent_kills_runs),
	};

	return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
