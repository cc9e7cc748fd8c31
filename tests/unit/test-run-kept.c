/* Runs that outlive their stream, terminals and users; against a peer that says what it is told. */
#include "tests/lib/test.h"
#include "tests/lib/peer.h"
#include "tests/lib/seen.h"

#include "common/base/clock.h"
#include "common/remote/run.h"

#include <limits.h>

#define LONG_MS 30000

/* What is said to a request of that op; @ is the tag of the newest run, # the request's own. */
struct say {
	const char *op, *text;
};

struct told {
	struct buf notes; /* all lines */
	const struct say *say;
	char run[16];
};

static void say(struct peer *p, const struct peer_line *line, const char *text)
{
	struct told *t = p->arg;
	auto_buf out = BUF_INIT(65536);

	for (; *text; text++) {
		if (*text == '@')
			buf_str(&out, t->run);
		else if (*text == '#')
			buf_str(&out, line->tag);
		else
			buf_char(&out, *text);
	}
	peer_send(p, out.data, out.len);
}

static void serve(struct peer *p, const struct peer_line *line)
{
	struct told *t = p->arg;
	auto_buf body = BUF_INIT(4096);

	buf_printf(&t->notes, "%s\n", line->text);
	if (strcmp(line->op, "run") == 0)
		peer_body(p, strtoul(line->args[6], NULL, 10), &body);
	if (strcmp(line->op, "run") == 0 || strcmp(line->op, "attach") == 0)
		snprintf(t->run, sizeof(t->run), "%s", line->tag);
	if (strcmp(line->op, "ping") == 0)
		say(p, line, "= #\n");
	for (const struct say *s = t->say; s->op; s++) {
		if (strcmp(s->op, line->op) == 0)
			say(p, line, s->text);
	}
}

struct talk {
	struct told told;
	struct peer peer;
	struct remote *r;
	struct seen s;
};

static void talk_on(struct talk *t, const char *hello, const struct say *says)
{
	struct err err = { "" };

	*t = (struct talk){ .told = { .notes = BUF_INIT(65536), .say = says } };
	if (remote_open(peer_open(&t->peer, hello, serve, &t->told), deadline_after(LONG_MS), &t->r,
		    &err) < 0)
		fail_msg("remote_open: %s", err.text);
}

static void talk_open(struct talk *t, const struct say *says, const struct run_spec *spec)
{
	talk_on(t, PEER_HELLO, says);
	seen_start(&t->s, t->r, spec, false);
}

/* All that was said before has been noted. */
static void talk_ping(struct talk *t)
{
	struct remote_reply reply;

	CHECK_RC(remote_call(t->r, &(struct remote_request){ .op = OP_PING },
			 deadline_after(LONG_MS), &reply),
		0);
}

static void talk_close(struct talk *t)
{
	remote_close(t->r, 0);
	peer_close(&t->peer);
	buf_fini(&t->told.notes);
}

static bool noted(struct talk *t, const char *text)
{
	return strstr(buf_text(&t->told.notes), text) != NULL;
}

#define SAYS(...)                                                                                  \
	(const struct say[])                                                                       \
	{                                                                                          \
		__VA_ARGS__,                                                                       \
		{                                                                                  \
			NULL, NULL                                                                 \
		}                                                                                  \
	}
#define SPEC(...)                                                                                  \
	&(const struct run_spec)                                                                   \
	{                                                                                          \
		.script = "x", .n = 1, .window = 1024, __VA_ARGS__                                 \
	}

/* The run is told before the stream is dead; a call after that finds it dead. */
static int dead(struct talk *t)
{
	struct remote_reply reply;

	remote_call(
		t->r, &(struct remote_request){ .op = OP_BYE }, deadline_after(LONG_MS), &reply);
	return remote_dead(t->r);
}

static void broken(const struct run_spec *spec, const struct say *says)
{
	struct talk t;

	talk_open(&t, says, spec);
	seen_finish(&t.s);
	if (t.s.end.rc != -EBADMSG || t.s.end.state != RUN_LOST || dead(&t) != -EBADMSG)
		fail_msg("'%s' to %s gave %s", says->text, says->op, errno_name(t.s.end.rc));
	talk_close(&t);
}

/* --- kept from the beginning ---------------------------------------------- */

static void a_kept_run_tells_its_id_and_what_was_dropped(void **state)
{
	struct talk t;

	talk_open(&t, SAYS({ "run", "s @ 5 9\no @ 2\nab= @ exited 3 2 0 10 7\n" }),
		SPEC(.keep = 7, .user = "a b", .wants_stdin = true, .terminal = true));
	seen_finish(&t.s);
	CHECK_RC(t.s.end.rc, 0);
	assert_int_equal(t.s.id, 9);
	assert_int_equal(run_end_status(&t.s.end), 3);
	assert_int_equal(t.s.end.kept_id, 9);
	assert_int_equal(t.s.end.dropped[0], 10);
	assert_int_equal(t.s.end.dropped[1], 7);
	assert_true(noted(&t, " run - a\\0040b 0 1024 it 7 1\n"));
	talk_close(&t);
}

static void a_watcher_that_was_killed_says_lost(void **state)
{
	struct talk t;

	talk_open(&t, SAYS({ "run", "s @ 5 7\n= @ lost 0 0 0 0 0\n" }), SPEC(.keep = 7));
	seen_finish(&t.s);
	CHECK_RC(t.s.end.rc, 0);
	assert_int_equal(t.s.end.state, RUN_LOST);
	assert_int_equal(run_end_status(&t.s.end), -1);
	CHECK_RC(remote_dead(t.r), 0);
	talk_close(&t);
}

static void a_lost_stream_says_where_to_go_on(void **state)
{
	struct talk t;

	talk_open(&t, SAYS({ "attach", "s @ 5 7\no @ 3\nabc" }),
		SPEC(.attach = 7, .from = { 10, 20 }, .wants = RUN_WANTS_OUT | RUN_WANTS_ERR));
	seen_await(&t.s.started);
	peer_hang_up(&t.peer);
	seen_finish(&t.s);
	CHECK_RC(t.s.end.rc, -EPIPE);
	assert_int_equal(t.s.end.state, RUN_LOST);
	assert_int_equal(t.s.end.kept_id, 7);
	assert_in_range(t.s.end.out, 10, 13);
	assert_int_equal(t.s.end.err_bytes, 20);
	talk_close(&t);
}

static void ids_that_are_not_due_are_refused(void **state)
{
	broken(SPEC(.keep = 0), SAYS({ "run", "s @ 1 7\n" }));
	broken(SPEC(.keep = 7), SAYS({ "run", "s @ 1\n" }));
	broken(SPEC(.keep = 7), SAYS({ "run", "s @ 1 6\n" }));
	broken(SPEC(.keep = 7), SAYS({ "run", "s @ 1 0\n" }));
	broken(SPEC(.keep = 7), SAYS({ "run", "s @ 1 1000000000\n" }));
	broken(SPEC(.keep = 7), SAYS({ "run", "s @ 1 7 7\n" }));
	broken(SPEC(.attach = 7), SAYS({ "attach", "s @ 1\n" }));
	broken(SPEC(.attach = 7), SAYS({ "attach", "s @ 1 8\n" }));
}

static void ends_that_are_not_due_are_refused(void **state)
{
	broken(SPEC(.keep = 7), SAYS({ "run", "s @ 1 7\n= @ exited 0 0 0\n" }));
	broken(SPEC(.keep = 7), SAYS({ "run", "s @ 1 7\n= @ kept 7 0 0\n" }));
	broken(SPEC(.keep = 7), SAYS({ "run", "s @ 1 7\n= @ lost 1 0 0 0 0\n" }));
	broken(SPEC(.keep = 0), SAYS({ "run", "s @ 1\n= @ exited 0 0 0 0 0\n" }));
	broken(SPEC(.keep = 0), SAYS({ "run", "s @ 1\n= @ lost 0 0 0\n" }));
	broken(SPEC(.keep = 0), SAYS({ "run", "s @ 1\n= @ kept 7 0 0\n" }));
	broken(SPEC(.attach = 7), SAYS({ "attach", "s @ 1 7\n= @ kept 7 0 0\n" }));
}

/* --- attach --------------------------------------------------------------- */

static void attach_goes_on_from_the_byte_asked_for(void **state)
{
	struct talk t;

	talk_open(&t, SAYS({ "attach", "s @ 5 7\ni @ 4\no @ 3\nabc= @ exited 4 13 55 0 0\n" }),
		SPEC(.attach = 7, .from = { 10, 99 }, .wants = RUN_WANTS_OUT, .wants_stdin = true));
	seen_await(&t.s.ended);
	assert_string_equal(buf_text(&t.s.out), "abc");
	sem_post(&t.s.ended);
	seen_finish(&t.s);
	CHECK_RC(t.s.end.rc, 0);
	assert_int_equal(run_end_status(&t.s.end), 4);
	assert_int_equal(t.s.end.out, 13);
	assert_int_equal(t.s.input_bytes, 4);
	assert_true(noted(&t, " attach 7 10 0 1024 oi\n"));
	talk_close(&t);
}

static void attach_asks_for_what_is_wanted(void **state)
{
	struct talk t;

	talk_open(&t, SAYS({ "attach", "! # ENOENT no\\0040such\\0040run\n" }), SPEC(.attach = 3));
	seen_finish(&t.s);
	CHECK_RC(t.s.end.rc, -ENOENT);
	assert_string_equal(t.s.end.err.text, "no such run");
	seen_start(&t.s, t.r, SPEC(.attach = 4, .wants_stdin = true), false);
	seen_finish(&t.s);
	seen_start(&t.s, t.r, SPEC(.attach = 5, .wants = RUN_WANTS_OUT | RUN_WANTS_ERR), false);
	seen_finish(&t.s);
	CHECK_RC(remote_dead(t.r), 0);
	talk_ping(&t);
	assert_true(noted(&t, " attach 3 0 0 1024 -\n"));
	assert_true(noted(&t, " attach 4 0 0 1024 i\n"));
	assert_true(noted(&t, " attach 5 0 0 1024 oe\n"));
	talk_close(&t);
}

static void counts_of_an_attached_run_are_checked(void **state)
{
	const struct run_spec *out = SPEC(.attach = 7, .from = { 10, 0 }, .wants = RUN_WANTS_OUT);

	broken(out, SAYS({ "attach", "s @ 5 7\no @ 3\nabc= @ exited 0 3 0 0 0\n" }));
	broken(out, SAYS({ "attach", "s @ 5 7\n= @ exited 0 9 0 0 0\n" }));
	broken(out, SAYS({ "attach", "s @ 5 7\ne @ 1\nx" })); /* not wanted */
	broken(out, SAYS({ "attach", "s @ 5 7\no @ 1025\n" }));
	broken(out, SAYS({ "attach", "s @ 5 7\ni @ 1\n" }));
	broken(out, SAYS({ "attach", "o @ 1\nx" }));
}

static void leave_ends_it_here_alone(void **state)
{
	struct talk t;

	talk_open(&t,
		SAYS({ "attach", "s @ 5 7\no @ 2\nab" }, { "leave", "o @ 1\nc= @ kept 7 3 0\n" }),
		SPEC(.attach = 7, .wants = RUN_WANTS_OUT));
	seen_await(&t.s.started);
	CHECK_RC(run_leave(t.s.run), 0);
	CHECK_RC(run_leave(t.s.run), 0);
	seen_await(&t.s.ended);
	CHECK_RC(run_leave(t.s.run), 0);
	CHECK_RC(run_timeout(t.s.run, 5), -ESRCH);
	CHECK_RC(run_resize(t.s.run, 5, 5), -ESRCH);
	CHECK_RC(run_keep(t.s.run, 5), -ESRCH);
	sem_post(&t.s.ended);
	seen_finish(&t.s);
	assert_int_equal(t.s.end.state, RUN_KEPT);
	assert_int_equal(run_end_status(&t.s.end), -1);
	assert_int_equal(t.s.end.kept_id, 7);
	assert_int_equal(t.s.end.out, 3);
	talk_ping(&t);
	assert_true(noted(&t, "\n0 leave 1\n"));
	assert_false(noted(&t, "leave 1\n0 leave 1\n"));
	talk_close(&t);
}

static void who_leaves_is_let_go_with_the_right_id_and_counts(void **state)
{
	static const char *const bad[] = { "= @ kept 8 0 0\n", "= @ kept 7 1 0\n", "= @ kept 7 0\n",
		"= @ kept 7 0 0 0 0\n", "= @ kept 0 0 0\n", "= @ running 0 0 0 0 0\n" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct talk t;

		talk_open(&t, SAYS({ "run", "s @ 5 7\n" }, { "leave", bad[i] }), SPEC(.keep = 7));
		CHECK_RC(run_leave(t.s.run), 0);
		seen_finish(&t.s);
		CHECK_RC(t.s.end.rc, -EBADMSG);
		talk_close(&t);
	}
}

/* --- keep ------------------------------------------------------------------ */

static void a_run_can_be_kept_later(void **state)
{
	struct talk t;

	talk_open(&t,
		SAYS({ "run", "s @ 5\no @ 2\nab" }, { "keep", "= #\no @ 1\nc= @ kept 4 3 0\n" }),
		SPEC(.timeout_ms = 1000));
	seen_await(&t.s.started);
	CHECK_RC(run_leave(t.s.run), -EINVAL);
	CHECK_RC(run_keep(t.s.run, 0), -EINVAL);
	CHECK_RC(run_keep(t.s.run, PROTO_KEPT_ID_MAX + 1), -EINVAL);
	CHECK_RC(run_keep(t.s.run, 3), 0);
	seen_finish(&t.s);
	assert_int_equal(t.s.kept_times, 1);
	CHECK_RC(t.s.kept_rc, 0);
	assert_int_equal(t.s.end.state, RUN_KEPT);
	assert_int_equal(t.s.end.kept_id, 4);
	assert_int_equal(t.s.end.out, 3);
	assert_true(noted(&t, " keep 1 3\n"));
	talk_close(&t);
}

static void a_run_that_cannot_be_kept_goes_on(void **state)
{
	struct talk t;

	talk_open(&t,
		SAYS({ "run", "s @ 5\n" }, { "keep", "! # ENOSPC -\n" },
			{ "kill", "= @ signaled 9 0 0\n" }),
		SPEC(.keep = 0));
	CHECK_RC(run_kill(t.s.run, ""), -EINVAL);
	seen_await(&t.s.started);
	for (int i = 1; i <= 2; i++) {
		CHECK_RC(run_keep(t.s.run, 3), 0);
		seen_await(&t.s.kept);
		CHECK_RC(t.s.kept_rc, -ENOSPC);
		assert_int_equal(t.s.kept_times, i);
	}
	CHECK_RC(run_kill(t.s.run, "KILL"), 0);
	seen_finish(&t.s);
	assert_int_equal(run_end_status(&t.s.end), 137);
	assert_int_equal(t.s.end.kept_id, 0);
	talk_close(&t);
}

static void keep_is_asked_once_and_in_time(void **state)
{
	struct talk t;

	talk_open(
		&t, SAYS({ "ping", "s @ 5\n" }, { "kill", "= @ exited 0 0 0\n" }), SPEC(.keep = 0));
	CHECK_RC(run_keep(t.s.run, 3), -ESRCH);
	talk_ping(&t);
	seen_await(&t.s.started);
	CHECK_RC(run_keep(t.s.run, 3), 0);
	CHECK_RC(run_keep(t.s.run, 3), -EALREADY);
	CHECK_RC(run_kill(t.s.run, "KILL"), 0);
	seen_finish(&t.s);
	assert_int_equal(t.s.end.state, RUN_EXITED);
	talk_close(&t);
	assert_int_equal(t.s.kept_times, 0); /* the run had ended before */

	talk_open(&t, SAYS({ "run", "s @ 5 7\n" }), SPEC(.keep = 7));
	seen_await(&t.s.started);
	CHECK_RC(run_keep(t.s.run, 3), -EALREADY);
	peer_hang_up(&t.peer);
	seen_finish(&t.s);
	talk_close(&t);
}

static void keep_is_answered_as_it_was_asked(void **state)
{
	static const char *const bad[] = { "= @ kept 3 0 0\n= #\n", "= #\n= @ exited 0 0 0\n",
		"= #\n= @ kept 2 0 0\n", "= # 1\n", "= #\n= @ kept 3 1 0\n", "d # 1\nx",
		"s # 1\n" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct talk t;

		talk_open(&t, SAYS({ "run", "s @ 5\n" }, { "keep", bad[i] }), SPEC(.keep = 0));
		seen_await(&t.s.started);
		CHECK_RC(run_keep(t.s.run, 3), 0);
		seen_finish(&t.s);
		if (dead(&t) != -EBADMSG)
			fail_msg("'%s' was taken", bad[i]);
		talk_close(&t);
	}
}

/* --- timeout, resize, and what is said before the start --------------------- */

static void all_is_remembered_until_the_start(void **state)
{
	struct talk t;

	talk_open(&t, SAYS({ "ping", "s @ 5 7\n" }, { "leave", "= @ kept 7 0 0\n" }),
		SPEC(.keep = 7, .terminal = true, .wants_stdin = true));
	CHECK_RC(run_leave(t.s.run), 0);
	CHECK_RC(run_kill(t.s.run, "INT"), 0);
	CHECK_RC(run_eof(t.s.run), 0);
	CHECK_RC(run_timeout(t.s.run, -1), -EINVAL);
	CHECK_RC(run_timeout(t.s.run, 5), 0);
	CHECK_RC(run_timeout(t.s.run, 1500), 0);
	CHECK_RC(run_resize(t.s.run, 0, 5), -EINVAL);
	CHECK_RC(run_resize(t.s.run, 80, 65536), -EINVAL);
	CHECK_RC(run_resize(t.s.run, 80, 24), 0);
	CHECK_RC(run_resize(t.s.run, 100, 50), 0);
	talk_ping(&t);
	seen_finish(&t.s);
	assert_int_equal(t.s.end.state, RUN_KEPT);
	talk_ping(&t);
	assert_true(noted(&t, " ping\n0 resize 1 100 50\n0 timeout 1 1500\n0 eof 1\n0 kill 1 INT\n"
			      "0 leave 1\n"));
	talk_close(&t);
}

static void the_deadline_follows_the_timeout(void **state)
{
	struct talk t;

	talk_open(&t, SAYS({ "run", "s @ 5\n" }, { "kill", "= @ exited 0 0 0\n" }),
		SPEC(.timeout_ms = 1000));
	seen_await(&t.s.started);
	talk_ping(&t);
	assert_true(t.s.run->call.deadline_ms <= deadline_after(1000 + RUN_SLACK_MS));
	CHECK_RC(run_timeout(t.s.run, 500000), 0);
	assert_true(t.s.run->call.deadline_ms > deadline_after(400000));
	CHECK_RC(run_timeout(t.s.run, 0), 0);
	assert_true(t.s.run->call.deadline_ms == INT64_MAX);
	CHECK_RC(run_timeout(t.s.run, INT_MAX), 0);
	assert_true(t.s.run->call.deadline_ms > deadline_after(INT_MAX / 2));
	CHECK_RC(run_resize(t.s.run, 80, 24), -ENOTTY);
	CHECK_RC(run_kill(t.s.run, "TERM"), 0);
	seen_finish(&t.s);
	talk_ping(&t);
	assert_true(noted(&t, "\n0 timeout 1 500000\n0 timeout 1 0\n0 timeout 1 2147483647\n"));
	talk_close(&t);
}

static void a_kept_run_has_no_deadline_here(void **state)
{
	struct talk t;

	talk_open(&t, SAYS({ "run", "s @ 5 7\n" }), SPEC(.keep = 7, .timeout_ms = 1000));
	seen_await(&t.s.started);
	talk_ping(&t);
	assert_true(t.s.run->call.deadline_ms == INT64_MAX);
	CHECK_RC(run_timeout(t.s.run, 5), 0);
	assert_true(t.s.run->call.deadline_ms == INT64_MAX);
	CHECK_RC(run_leave(t.s.run), 0); /* but to leave has one */
	assert_true(t.s.run->call.deadline_ms <= deadline_after(RUN_SLACK_MS));
	peer_hang_up(&t.peer);
	seen_finish(&t.s);
	talk_close(&t);
}

/* A run that its owner has given up must not go on unseen, and one attached to must. */
static void starts_end_at_their_deadline(void **state)
{
	struct talk t;

	talk_open(&t, SAYS({ "none", "" }), SPEC(.start_deadline_ms = deadline_after(30)));
	seen_finish(&t.s);
	CHECK_RC(t.s.end.rc, -ETIMEDOUT);
	assert_int_equal(t.s.end.state, RUN_LOST);
	talk_ping(&t);
	assert_true(noted(&t, "\n0 kill 1 KILL\n"));
	seen_start(&t.s, t.r, SPEC(.attach = 5, .start_deadline_ms = deadline_after(30)), false);
	seen_finish(&t.s);
	CHECK_RC(t.s.end.rc, -ETIMEDOUT);
	talk_ping(&t);
	assert_true(noted(&t, "\n0 leave 3\n"));
	assert_false(noted(&t, "\n0 kill 3 KILL\n"));
	CHECK_RC(remote_dead(t.r), 0);
	talk_close(&t);
}

/* --- refused on this side ----------------------------------------------------- */

static void refused(struct talk *t, const struct run_spec *spec, int rc)
{
	seen_start(&t->s, t->r, spec, false);
	seen_finish(&t->s);
	CHECK_RC(t->s.end.rc, rc);
	assert_int_equal(t->s.end.state, RUN_LOST);
}

static void what_the_agent_cannot_is_refused_here(void **state)
{
	struct remote_request runs = { .op = OP_RUNS };
	struct remote_reply reply;
	struct talk t;

	talk_on(&t, "hello sbx 1 sh max=4096 ops=run\n", SAYS({ "none", "" }));
	refused(&t, SPEC(.keep = 1), -ENOSYS);
	refused(&t, SPEC(.attach = 1), -ENOSYS);
	refused(&t, SPEC(.terminal = true), -ENOTTY);
	CHECK_RC(remote_call(t.r, &runs, deadline_after(LONG_MS), &reply), -ENOSYS);
	talk_ping(&t);
	assert_false(noted(&t, "run"));
	talk_close(&t);
}

static void what_cannot_be_said_is_refused_here(void **state)
{
	char user[RUN_USER_MAX + 2];
	struct talk t;

	memset(user, 'u', sizeof(user));
	user[sizeof(user) - 1] = '\0';
	talk_on(&t, PEER_HELLO, SAYS({ "run", "s @ 1\n= @ exited 0 0 0\n" }));
	refused(&t, SPEC(.keep = PROTO_KEPT_ID_MAX + 1), -EINVAL);
	refused(&t, SPEC(.attach = PROTO_KEPT_ID_MAX + 1), -EINVAL);
	refused(&t, SPEC(.attach = 1, .wants = 4), -EINVAL);
	refused(&t, SPEC(.attach = 1, .from = { 1ULL << 63, 0 }), -EINVAL);
	refused(&t, SPEC(.timeout_ms = -1), -EINVAL);
	refused(&t, SPEC(.user = user), -EINVAL);
	user[RUN_USER_MAX] = '\0';
	seen_start(&t.s, t.r, SPEC(.user = user), false);
	seen_finish(&t.s);
	CHECK_RC(t.s.end.rc, 0);
	seen_start(&t.s, t.r, SPEC(.user = "-"), false);
	seen_finish(&t.s);
	talk_ping(&t);
	assert_true(noted(&t, " run - \\0055 0 1024 - 0 1\n"));
	talk_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kept_run_tells_its_id_and_what_was_dropped),
		cmocka_unit_test(a_watcher_that_was_killed_says_lost),
		cmocka_unit_test(a_lost_stream_says_where_to_go_on),
		cmocka_unit_test(ids_that_are_not_due_are_refused),
		cmocka_unit_test(ends_that_are_not_due_are_refused),
		cmocka_unit_test(attach_goes_on_from_the_byte_asked_for),
		cmocka_unit_test(attach_asks_for_what_is_wanted),
		cmocka_unit_test(counts_of_an_attached_run_are_checked),
		cmocka_unit_test(leave_ends_it_here_alone),
		cmocka_unit_test(who_leaves_is_let_go_with_the_right_id_and_counts),
		cmocka_unit_test(a_run_can_be_kept_later),
		cmocka_unit_test(a_run_that_cannot_be_kept_goes_on),
		cmocka_unit_test(keep_is_asked_once_and_in_time),
		cmocka_unit_test(keep_is_answered_as_it_was_asked),
		cmocka_unit_test(all_is_remembered_until_the_start),
		cmocka_unit_test(the_deadline_follows_the_timeout),
		cmocka_unit_test(a_kept_run_has_no_deadline_here),
		cmocka_unit_test(starts_end_at_their_deadline),
		cmocka_unit_test(what_the_agent_cannot_is_refused_here),
		cmocka_unit_test(what_cannot_be_said_is_refused_here),
	};

	return cmocka_run_group_tests_name("run-kept", tests, NULL, NULL);
}
