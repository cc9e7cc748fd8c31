/*
 * Kept runs between agents: what one keeps another finds, goes on with and forgets. The shell of
 * SBX_AGENT_SHELL and the program SBX_AGENT_PROGRAM, each in both parts.
 */
#include "tests/lib/agent.h"
#include "tests/lib/seen.h"
#include "tests/lib/test.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/remote/proto.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct two {
	struct agent *keeper, *other;
	int gate; /* reading and writing: what a run waits for */
	/* Here, for a test that fails leaves its stack to runs that end later, when the agents stop. */
	struct seen a, b[6];
};

static char shell[32];

static struct agent *start_as(const char *kind)
{
	void *state = NULL;

	setenv("SBX_AGENT_SHELL", kind, 1);
	return agent_start(&state) == 0 ? state : NULL;
}

static int start(void **state, const char *keeper, const char *other)
{
	struct two *t = calloc(1, sizeof(*t));

	*state = t;
	t->keeper = start_as(keeper);
	t->other = start_as(other);
	if (!t->keeper || !t->other || mkfifo(agent_in(t->other, "gate"), 0600) < 0)
		return -1;
	t->gate = open(agent_in(t->other, "gate"), O_RDWR | O_CLOEXEC);
	return t->gate < 0 ? -1 : 0;
}

static int kept_by_shell(void **state)
{
	return start(state, shell, "static");
}

static int kept_by_program(void **state)
{
	return start(state, "static", shell);
}

static int kept_by_itself(void **state)
{
	return start(state, "static", "static");
}

static int stop(void **state)
{
	struct two *t = *state;
	void *keeper = t->keeper, *other = t->other;

	if (keeper)
		agent_stop(&keeper);
	agent_stop(&other);
	close(t->gate);
	free(t);
	return 0;
}

/* A script that waits at the gate wherever it says "wait". */
static void begin(struct two *t, struct seen *s, const char *script, uint32_t keep)
{
	char text[1024];
	struct run_spec spec = {
		.script = text, .window = 65536, .wants_stdin = true, .keep = keep
	};

	snprintf(text, sizeof(text), "wait() { read -r x <%s; }; %s", agent_in(t->other, "gate"),
		script);
	spec.n = strlen(text);
	seen_start(s, t->keeper->r, &spec, true);
	seen_await(&s->started);
}

static void open_gate(struct two *t)
{
	CHECK_RC(io_write_all(t->gate, "\n", 1, deadline_after(LONG_MS)), 0);
}

static void follow(struct agent *f, struct seen *s, uint32_t id, uint64_t out, uint64_t err)
{
	struct run_spec spec = { .attach = id,
		.from = { out, err },
		.wants = RUN_WANTS_OUT | RUN_WANTS_ERR,
		.wants_stdin = true,
		.window = 65536 };

	seen_start(s, f->r, &spec, true);
}

static int ask_of(struct agent *f, enum remote_op op, uint32_t id, const char *signal)
{
	return agent_try(f, (struct remote_request){ .op = op, .handle = id, .signal = signal });
}

/* What it has printed so far lies there when its keeper has had its turn. */
static struct kept listed_with(struct agent *f, uint32_t id, uint64_t out, uint64_t err)
{
	int64_t deadline = deadline_after(LONG_MS);
	struct kept k;

	do
		k = agent_listed(f, id);
	while ((k.out[0] != out || k.out[1] != err) && !deadline_passed(deadline));
	assert_int_equal(k.out[0], out);
	assert_int_equal(k.out[1], err);
	return k;
}

static void leave(struct seen *s)
{
	CHECK_RC(run_leave(s->run), 0);
	seen_finish(s);
	assert_int_equal(s->end.state, RUN_KEPT);
}

/* A shell tells no signal from an exit status. */
static void ended_with(const struct seen *s, int status)
{
	CHECK_RC(s->end.rc, 0);
	assert_int_equal(run_end_status(&s->end), status);
}

static void is_listed_followed_and_fed(void **state)
{
	struct two *t = *state;
	struct remote_reply reply;
	struct seen *a = &t->a, *b = t->b;
	struct kept k;

	begin(t, a, "echo abc; echo de >&2; read -r x; echo \"<$x>\"; cat; exit 5", 40);
	k = listed_with(t->other, a->id, 4, 3);
	assert_int_equal(k.state, RUN_RUNNING);
	assert_int_equal(k.pid, a->pid);
	assert_true(k.script_n > 60);
	CHECK_RC(agent_ask(t->other, (struct remote_request){ .op = OP_SCRIPT, .handle = a->id },
			 &reply),
		0);
	assert_int_equal(reply.n, k.script_n);
	remote_reply_fini(&reply);
	follow(t->other, b, a->id, 2, 1);
	seen_await(&b->credit);
	CHECK_RC(run_input(b->run, "go\nrest", 7), 0);
	CHECK_RC(run_eof(b->run), 0);
	seen_await(&b->ended);
	assert_string_equal(buf_text(&b->out), "c\n<go>\nrest");
	assert_string_equal(buf_text(&b->err_out), "e\n");
	sem_post(&b->ended);
	seen_finish(b);
	ended_with(b, 5);
	assert_int_equal(b->end.out, 13);
	seen_finish(a);
	ended_with(a, 5);
	k = agent_listed(t->other, a->id);
	assert_int_equal(k.state, RUN_EXITED);
	assert_int_equal(k.code, 5);
	CHECK_RC(ask_of(t->other, OP_FORGET, a->id, NULL), 0);
	assert_int_equal(agent_listed(t->keeper, a->id).state, RUN_KEPT);
}

static void is_killed_and_forgotten(void **state)
{
	struct two *t = *state;
	struct seen *a = &t->a, *b = t->b;

	begin(t, a, "wait", 50);
	follow(t->other, b, a->id, 0, 0);
	seen_await(&b->started);
	CHECK_RC(ask_of(t->other, OP_FORGET, a->id, NULL), -EBUSY);
	CHECK_RC(ask_of(t->other, OP_SIGNAL, a->id, "NOSUCH"), -EINVAL);
	CHECK_RC(ask_of(t->other, OP_SIGNAL, a->id, "TERM"), 0);
	seen_finish(b);
	ended_with(b, 143);
	seen_finish(a);
	ended_with(a, 143);
	CHECK_RC(ask_of(t->other, OP_SIGNAL, a->id, "TERM"), -ESRCH);
	CHECK_RC(ask_of(t->other, OP_FORGET, a->id, NULL), 0);
	CHECK_RC(ask_of(t->keeper, OP_FORGET, a->id, NULL), -ENOENT);
}

static void goes_on_when_its_own_stream_ends(void **state)
{
	struct two *t = *state;
	void *keeper = t->keeper;
	struct seen *a = &t->a, *b = t->b;

	begin(t, a, "echo one; wait; echo two; exit 9", 60);
	listed_with(t->other, a->id, 4, 0);
	remote_close(t->keeper->r, 0);
	t->keeper->r = NULL;
	seen_finish(a);
	follow(t->other, b, a->id, 0, 0);
	seen_await(&b->started);
	open_gate(t);
	seen_await(&b->ended);
	assert_string_equal(buf_text(&b->out), "one\ntwo\n");
	sem_post(&b->ended);
	seen_finish(b);
	ended_with(b, 9);
	CHECK_RC(ask_of(t->other, OP_FORGET, a->id, NULL), 0);
	agent_stop(&keeper);
	t->keeper = NULL;
}

static void is_kept_later_and_made_whole(void **state)
{
	struct two *t = *state;
	struct remote_request past = {
		.op = OP_PAST, .stream = 1, .offset = 2, .data = "c\n", .n = 2
	};
	struct seen *a = &t->a, *b = t->b;
	struct kept k;

	begin(t, a, "echo abc; wait; echo def; exit 3", 0);
	while (__atomic_load_n(&a->n[0], __ATOMIC_ACQUIRE) != 4)
		CHECK_RC(ask_of(t->keeper, OP_PING, 0, NULL), 0);
	CHECK_RC(run_keep(a->run, 70), 0);
	seen_finish(a);
	CHECK_RC(a->kept_rc, 0);
	assert_int_equal(a->end.state, RUN_KEPT);
	past.handle = a->end.kept_id;
	k = agent_listed(t->other, a->end.kept_id);
	assert_int_equal(k.start[0], 4);
	follow(t->other, b, a->end.kept_id, 3, 0); /* below its start */
	seen_finish(b);
	CHECK_RC(b->end.rc, -EINVAL);
	follow(t->other, b, a->end.kept_id, 4, 1); /* beyond its end */
	seen_finish(b);
	CHECK_RC(b->end.rc, -EINVAL);
	CHECK_RC(agent_try(t->other, past), -EINVAL); /* not in order */
	past.offset = 0;
	past.data = "ab";
	CHECK_RC(agent_try(t->other, past), 0);
	past.offset = 2;
	past.data = "c\n";
	CHECK_RC(agent_try(t->other, past), 0);
	follow(t->other, b, a->end.kept_id, 0, 0);
	seen_await(&b->started);
	open_gate(t);
	seen_await(&b->ended);
	assert_string_equal(buf_text(&b->out), "abc\ndef\n");
	sem_post(&b->ended);
	seen_finish(b);
	ended_with(b, 3);
	assert_int_equal(agent_listed(t->keeper, a->end.kept_id).start[0], 0);
	CHECK_RC(ask_of(t->other, OP_FORGET, a->end.kept_id, NULL), 0);
}

/* As much may still come as of one that was kept from its beginning. */
static void is_kept_after_more_than_is_kept(void **state)
{
	struct two *t = *state;
	struct seen *a = &t->a, *b = t->b;

	begin(t, a, "head -c 67108865 /dev/zero; wait; echo behind; exit 3", 0);
	while (__atomic_load_n(&a->n[0], __ATOMIC_ACQUIRE) != PROTO_KEPT_MAX + 1)
		CHECK_RC(ask_of(t->keeper, OP_PING, 0, NULL), 0);
	CHECK_RC(run_keep(a->run, 75), 0);
	seen_finish(a);
	CHECK_RC(a->kept_rc, 0);
	open_gate(t);
	follow(t->other, b, a->end.kept_id, PROTO_KEPT_MAX + 1, 0);
	seen_await(&b->ended);
	assert_string_equal(buf_text(&b->out), "behind\n");
	assert_int_equal(b->end.dropped[0], 0);
	sem_post(&b->ended);
	seen_finish(b);
	ended_with(b, 3);
	CHECK_RC(ask_of(t->other, OP_FORGET, a->end.kept_id, NULL), 0);
}

/* With its standard output closed, and input that it has not taken. */
static void is_kept_with_what_is_left_of_it(void **state)
{
	struct two *t = *state;
	struct seen *a = &t->a, *b = t->b;

	begin(t, a, "exec >&-; echo x >&2; wait; read -r x; echo \"<$x>\" >&2; exit 2", 0);
	while (__atomic_load_n(&a->n[1], __ATOMIC_ACQUIRE) != 2)
		CHECK_RC(ask_of(t->keeper, OP_PING, 0, NULL), 0);
	seen_await(&a->credit);
	CHECK_RC(run_input(a->run, "early\n", 6), 0);
	CHECK_RC(run_keep(a->run, 80), 0);
	seen_finish(a);
	CHECK_RC(a->kept_rc, 0);
	open_gate(t);
	follow(t->other, b, a->end.kept_id, 0, 2);
	seen_await(&b->ended);
	assert_string_equal(buf_text(&b->err_out), "<early>\n");
	sem_post(&b->ended);
	seen_finish(b);
	ended_with(b, 2);
	CHECK_RC(ask_of(t->other, OP_FORGET, a->end.kept_id, NULL), 0);
}

/* As much as each may send: together more than a fifo holds. */
static void several_feed_it_and_no_byte_is_lost(void **state)
{
	static const char bytes[64 * 1024];
	struct two *t = *state;
	struct seen *a = &t->a, *b = t->b;
	size_t n, sent = 0;
	char text[64];

	snprintf(text, sizeof(text), "wait; head -c %d | wc -c", 6 * 8192 * 4);
	begin(t, a, text, 90);
	for (int i = 0; i < 6; i++) {
		follow(t->other, &b[i], a->id, 0, 0);
		seen_await(&b[i].credit);
		n = b[i].input_bytes; /* grows as soon as the fifo has taken some */
		CHECK_RC(run_input(b[i].run, bytes, n), 0);
		sent += n;
	}
	assert_true(sent <= 6 * 8192 * 4);
	CHECK_RC(ask_of(t->other, OP_PING, 0, NULL), 0);
	open_gate(t);
	for (; sent < 6 * 8192 * 4; sent += n) {
		seen_await(&b[0].credit);
		n = 6 * 8192 * 4 - sent < 1024 ? 6 * 8192 * 4 - sent : 1024;
		CHECK_RC(run_input(b[0].run, bytes, n), 0);
	}
	seen_await(&a->ended);
	assert_int_equal(strtol(buf_text(&a->out), NULL, 10), 6 * 8192 * 4);
	sem_post(&a->ended);
	for (int i = 0; i < 6; i++)
		seen_finish(&b[i]);
	seen_finish(a);
	ended_with(a, 0);
	CHECK_RC(ask_of(t->other, OP_FORGET, a->id, NULL), 0);
}

static void who_leaves_does_not_wait(void **state)
{
	static const char bytes[64 * 1024];
	struct two *t = *state;
	struct seen *a = &t->a, *b = t->b;

	begin(t, a, "wait; exit 1", 100);
	for (int i = 0; i < 3; i++) {
		follow(t->other, b, a->id, 0, 0);
		seen_await(&b->credit);
		CHECK_RC(run_input(b->run, bytes, b->input_bytes), 0);
		leave(b);
	}
	open_gate(t);
	seen_finish(a);
	ended_with(a, 1);
	CHECK_RC(ask_of(t->other, OP_FORGET, a->id, NULL), 0);
}

#define BY(test, who)                                                                              \
	{                                                                                          \
#test " " #who, test, kept_by_##who, stop, NULL                                    \
	}
#define BOTH(test) BY(test, shell), BY(test, program), BY(test, itself)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(is_listed_followed_and_fed),
		BOTH(is_killed_and_forgotten),
		BOTH(goes_on_when_its_own_stream_ends),
		BOTH(is_kept_later_and_made_whole),
		BY(is_kept_with_what_is_left_of_it, program),
		BY(is_kept_with_what_is_left_of_it, itself),
		BY(is_kept_after_more_than_is_kept, program),
		BY(is_kept_after_more_than_is_kept, itself),
		BY(several_feed_it_and_no_byte_is_lost, shell),
		BY(several_feed_it_and_no_byte_is_lost, itself),
		BY(who_leaves_does_not_wait, shell),
		BY(who_leaves_does_not_wait, itself),
	};
	int rc = agent_prepare();

	if (rc)
		return rc;
	if (!getenv("SBX_AGENT_PROGRAM"))
		return 77;
	snprintf(shell, sizeof(shell), "%s", agent_tier());
	rc = cmocka_run_group_tests_name(shell, tests, NULL, NULL);
	agent_tidy();
	return rc;
}
