/* Connections as the client's side judges them, against a peer that says what it is told. */
#include "tests/lib/test.h"
#include "tests/lib/pair.h"
#include "tests/lib/peer.h"
#include "tests/lib/seen.h"

#include "common/base/clock.h"
#include "common/remote/proto.h"

#define LONG_MS 30000
#define HELLO   "hello sbx 1 static max=4096 body=raw calls=8 ops=dial,ping uid=0 gid=0 cwd=/\n"

struct told {
	const char *says; /* to a dial; @ is its tag */
	struct buf notes;
};

static void say(struct peer *p, const char *text, const char *tag)
{
	auto_buf said = BUF_INIT(8192);

	for (; *text; text++) {
		if (*text == '@')
			buf_str(&said, tag);
		else
			buf_char(&said, *text);
	}
	if (said.len)
		peer_send(p, said.data, said.len);
}

static void serve(struct peer *p, const struct peer_line *line)
{
	struct told *t = p->arg;

	buf_printf(&t->notes, "%s\n", line->text);
	if (strcmp(line->op, "dial") == 0)
		say(p, t->says, line->tag);
	else if (strcmp(line->op, "in") == 0)
		peer_body(p, strtoul(line->args[1], NULL, 10), &t->notes);
	else if (strcmp(line->op, "eof") == 0)
		say(p, "e @ 0\n= @ 3 2\n", line->args[0]);
	else if (strcmp(line->op, "ping") == 0)
		peer_say(p, "= %s\n", line->tag);
}

static struct remote *open_to(struct peer *p, struct told *t)
{
	struct remote *r = NULL;
	struct err err = { "" };

	t->notes = (struct buf)BUF_INIT(65536);
	if (remote_open(peer_open(p, HELLO, serve, t), deadline_after(LONG_MS), &r, &err) < 0)
		fail_msg("remote_open: %s", err.text);
	return r;
}

static void close_to(struct peer *p, struct told *t, struct remote *r)
{
	remote_close(r, 0);
	peer_close(p);
	buf_fini(&t->notes);
}

#define PORT(n)                                                                                    \
	&(const struct run_spec)                                                                   \
	{                                                                                          \
		.port = (n), .window = 1024                                                        \
	}

static void both_ways_are_counted(void **state)
{
	struct told t = { .says = "s @ 6\ni @ 5\no @ 3\nabc" };
	struct peer p;
	struct remote *r = open_to(&p, &t);
	struct seen s;

	seen_start(&s, r, PORT(80), true);
	seen_await(&s.started);
	assert_int_equal(s.pid, 6);
	seen_await(&s.credit);
	CHECK_RC(run_input(s.run, "123456", 6), -ENOBUFS);
	CHECK_RC(run_input(s.run, "xy", 2), 0);
	CHECK_RC(run_eof(s.run), 0);
	seen_await(&s.ended);
	CHECK_RC(s.end.rc, 0);
	assert_int_equal(s.end.state, RUN_CLOSED);
	assert_true(s.end.out == 3 && s.end.err_bytes == 2);
	CHECK_TEXT(buf_text(&s.out), "abc");
	sem_post(&s.ended);
	seen_finish(&s);
	remote_close(r, 0);
	peer_close(&p);
	CHECK_HAS(t.notes.data, " dial - 80 1024\n");
	CHECK_HAS(t.notes.data, "0 more 1 o 3\n");
	buf_fini(&t.notes);
}

static void a_host_is_said(void **state)
{
	const struct run_spec spec = { .port = 1, .host = "fd00::1", .window = 7 };
	struct told t = { .says = "! @ EHOSTUNREACH -\n" };
	struct peer p;
	struct remote *r = open_to(&p, &t);
	struct seen s;

	seen_start(&s, r, &spec, true);
	seen_finish(&s);
	CHECK_RC(s.end.rc, -EHOSTUNREACH);
	remote_close(r, 0);
	peer_close(&p);
	CHECK_HAS(t.notes.data, " dial fd00::1 1 7\n");
	buf_fini(&t.notes);
}

static void ends_with(const char *says, int rc, bool dead)
{
	struct remote_request ping = { .op = OP_PING };
	struct told t = { .says = says };
	struct remote_reply reply;
	struct peer p;
	struct remote *r = open_to(&p, &t);
	struct seen s;

	seen_start(&s, r, PORT(80), false);
	seen_await(&s.ended);
	if (s.end.state != RUN_LOST || s.end.rc != rc)
		fail_msg("'%s' gave %d, %s", says, s.end.state, errno_name(s.end.rc));
	remote_call(r, &ping, deadline_after(LONG_MS), &reply);
	CHECK_RC(reply.rc, dead ? rc : 0);
	sem_post(&s.ended);
	seen_finish(&s);
	close_to(&p, &t, r);
}

static void counts_and_order_are_checked(void **state)
{
	ends_with("s @ 5\n", -EBADMSG, true);   /* no such family */
	ends_with("s @ 4 7\n", -EBADMSG, true); /* nothing that is kept */
	ends_with("o @ 1\nx", -EBADMSG, true);  /* it does not stand */
	ends_with("e @ 0\n", -EBADMSG, true);   /* likewise */
	ends_with("= @ 0 0\n", -EBADMSG, true); /* likewise */
	ends_with("s @ 4\ne @ 1\nx", -EBADMSG, true);
	ends_with("s @ 4\ne @ 0\ne @ 0\n", -EBADMSG, true);
	ends_with("s @ 4\ne @ 0\no @ 1\nx", -EBADMSG, true);
	ends_with("s @ 4\n= @ 0 0\n", -EBADMSG, true);        /* no end of what comes */
	ends_with("s @ 4\ne @ 0\n= @ 0 0\n", -EBADMSG, true); /* nor of what goes */
	ends_with("s @ 4\no @ 1025\n", -EBADMSG, true);       /* beyond the window */
	ends_with("s @ 4\ni @ 0\no @ 2\nab"
		  "e @ 0\n= @ 3 0\n",
		-EBADMSG, true);
	ends_with("s @ 4\ni @ 0\ne @ 0\n= @ 0 1\n", -EBADMSG, true);
	ends_with("s @ 4\ni @ 0\ne @ 0\n= @ exited 0 0 0\n", -EBADMSG, true);
	ends_with("! @ ECONNREFUSED -\n", -ECONNREFUSED, false);
	ends_with("s @ 4\n! @ ECONNRESET -\n", -ECONNRESET, false);
	ends_with("s @ 4\n! @ EPIPE -\n", -EIO, false); /* not the peer's to say */
}

static void one_that_is_not_read_is_held_to_its_window(void **state)
{
	struct told t = { .says = "s @ 4\no @ 1000\n" };
	auto_buf says = BUF_INIT(8192);
	struct peer p;
	struct remote *r;
	struct seen s;

	buf_printf(&says, "s @ 4\no @ 1000\n%1000so @ 25\n", "");
	t.says = says.data;
	r = open_to(&p, &t);
	seen_start(&s, r, PORT(80), false);
	seen_await(&s.ended);
	CHECK_RC(s.end.rc, -EBADMSG);
	assert_int_equal(s.n[0], 1000);
	sem_post(&s.ended);
	seen_finish(&s);
	close_to(&p, &t, r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways_are_counted),
		cmocka_unit_test(a_host_is_said),
		cmocka_unit_test(counts_and_order_are_checked),
		cmocka_unit_test(one_that_is_not_read_is_held_to_its_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
