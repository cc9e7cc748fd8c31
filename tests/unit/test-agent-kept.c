/* What every far end must do with users, folders and time limits of runs, and with those that outlive their stream. */
#include "tests/lib/agent.h"
#include "tests/lib/seen.h"
#include "tests/lib/test.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/remote/proto.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A script that waits at the gate wherever it says "wait". */
static struct run_spec spec_of(struct agent *f, const char *script)
{
	static char text[8][1024];
	static unsigned turn;
	char *p = text[turn++ % 8];

	mkfifo(agent_in(f, "gate"), 0666);
	snprintf(p, sizeof(text[0]), "wait() { read -r x <%s; }; %s", agent_in(f, "gate"), script);
	return (struct run_spec){ .script = p, .n = strlen(p), .window = 65536 };
}

static void open_gate(struct agent *f)
{
	auto_close int fd = open(agent_in(f, "gate"), O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "\n", 1), 1);
}

static void begin(struct agent *f, struct seen *s, const char *script, uint32_t keep)
{
	struct run_spec spec = spec_of(f, script);

	spec.keep = keep;
	spec.wants_stdin = true;
	seen_start(s, f->r, &spec, true);
	seen_await(&s->started);
}

static void follow(struct agent *f, struct seen *s, uint32_t id, uint64_t out, uint64_t err)
{
	struct run_spec spec = { .attach = id,
		.from = { out, err },
		.wants = RUN_WANTS_OUT | RUN_WANTS_ERR,
		.window = 65536 };

	seen_start(s, f->r, &spec, true);
}

/* What it printed is there to be read until `finish`. */
static void await_end(struct seen *s)
{
	seen_await(&s->ended);
	sem_post(&s->ended);
	CHECK_RC(s->end.rc, 0);
}

static void finish(struct seen *s, int status)
{
	await_end(s);
	assert_int_equal(run_end_status(&s->end), status);
	seen_finish(s);
}

static int ask_of(struct agent *f, enum remote_op op, uint32_t id, const char *signal)
{
	return agent_try(f, (struct remote_request){ .op = op, .handle = id, .signal = signal });
}

static void forget(struct agent *f, uint32_t id)
{
	CHECK_RC(ask_of(f, OP_FORGET, id, NULL), 0);
}

static void until_printed(struct agent *f, struct seen *s, int stream, uint64_t n)
{
	while (__atomic_load_n(&s->n[stream - 1], __ATOMIC_ACQUIRE) != n)
		CHECK_RC(ask_of(f, OP_PING, 0, NULL), 0);
}

static bool keeps(struct agent *f)
{
	if (!agent_serves(f, OP_KEEP))
		skip();
	return true;
}

static void times_runs(void)
{
	if (strcmp(agent_tier(), "reduced") == 0)
		skip(); /* it has no sleep */
}

/* --- folders, users, terminals ------------------------------------------ */

static void a_folder_that_is_not_there_is_126_and_a_line(void **state)
{
	struct agent *f = *state;
	struct run_spec spec = spec_of(f, "exit 3");
	struct seen s;

	spec.cwd = "/no/such folder";
	seen_start(&s, f->r, &spec, true);
	await_end(&s);
	assert_int_equal(s.out.len, 0);
	assert_non_null(strstr(buf_text(&s.err_out), "/no/such folder"));
	assert_ptr_equal(strchr(buf_text(&s.err_out), '\n'), s.err_out.data + s.err_out.len - 1);
	finish(&s, 126);
}

static void a_user_that_nobody_knows_is_126_and_a_line(void **state)
{
	struct agent *f = *state;
	struct run_spec spec = spec_of(f, "exit 3");
	struct seen s;

	spec.user = "no such user";
	seen_start(&s, f->r, &spec, true);
	await_end(&s);
	assert_int_equal(s.out.len, 0);
	assert_ptr_equal(strchr(buf_text(&s.err_out), '\n'), s.err_out.data + s.err_out.len - 1);
	finish(&s, 126);
}

static void its_own_user_needs_no_rights(void **state)
{
	struct agent *f = *state;
	struct run_spec spec = spec_of(f, "exit 4");
	struct passwd *own = getpwuid(getuid());
	char number[16];
	struct seen s;

	snprintf(number, sizeof(number), "%u", (unsigned)getuid());
	spec.user = number;
	seen_start(&s, f->r, &spec, true);
	finish(&s, 4);
	if (!own)
		return;
	spec.user = own->pw_name;
	seen_start(&s, f->r, &spec, true);
	finish(&s, 4);
}

/* One that has no name either, where the image has a tool for that. */
static void runs_as_another_user(void **state)
{
	static const struct {
		const char *user, *says;
	} cases[] = { { "daemon", "1 1 daemon\n" }, { "1", "1 1 daemon\n" },
		{ "4711", "4711 4711 -\n" } };
	struct agent *f = *state;

	if (getuid() != 0)
		return;
	keeps(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct run_spec spec =
			spec_of(f, "[ $(id -u) = 4711 ] && USER=-; echo $(id -u) $(id -g) $USER");
		struct seen s;

		spec.user = cases[i].user;
		seen_start(&s, f->r, &spec, true);
		await_end(&s);
		if (i == 2 && s.end.code == 126 && s.err_out.len) {
			seen_finish(&s);
			break;
		}
		assert_string_equal(buf_text(&s.out), cases[i].says);
		finish(&s, 0);
	}
}

static void another_user_can_run_an_interpreter(void **state)
{
	struct agent *f = *state;
	struct run_spec spec = { .script = "#!/bin/sh\nid -u\n", .n = 16, .window = 65536 };
	struct seen s;

	if (getuid() != 0)
		return;
	keeps(f);
	spec.user = "daemon";
	for (uint32_t keep = 0; keep < 2; keep++) {
		spec.keep = keep;
		seen_start(&s, f->r, &spec, true);
		await_end(&s);
		assert_string_equal(buf_text(&s.out), "1\n");
		if (keep)
			forget(f, s.id);
		finish(&s, 0);
	}
}

static void a_terminal_is_refused_by_who_has_none(void **state)
{
	struct agent *f = *state;
	struct run_spec spec = spec_of(f, "exit 0");
	struct seen s;

	if (remote_info(f->r)->terminals)
		return;
	spec.terminal = true;
	seen_start(&s, f->r, &spec, true);
	seen_await(&s.ended);
	CHECK_RC(s.end.rc, -ENOTTY);
	sem_post(&s.ended);
	seen_finish(&s);
}

/* --- time limits that come later ------------------------------------------ */

static void a_later_time_limit_takes_the_place_of_the_first(void **state)
{
	struct agent *f = *state;
	struct seen s;

	times_runs();
	begin(f, &s, "/bin/sleep 100", 0);
	CHECK_RC(run_timeout(s.run, 50000), 0);
	CHECK_RC(run_timeout(s.run, 50), 0);
	finish(&s, 124);
}

static void a_time_limit_can_be_taken_back(void **state)
{
	struct agent *f = *state;
	struct run_spec spec = spec_of(f, "wait; exit 5");
	struct seen s, timer;

	times_runs();
	spec.timeout_ms = 1000;
	seen_start(&s, f->r, &spec, true);
	seen_await(&s.started);
	CHECK_RC(run_timeout(s.run, 0), 0);
	begin(f, &timer, "/bin/sleep 1.5", 0);
	finish(&timer, 0);
	open_gate(f);
	finish(&s, 5);
}

/* --- kept runs ---------------------------------------------------------- */

static void keeps_what_it_printed_and_how_it_ended(void **state)
{
	struct agent *f = *state;
	struct seen s;
	struct kept k;

	keeps(f);
	begin(f, &s, "echo abc; echo de >&2; read -r x; echo \"$x\"; exit 7", 11);
	seen_await(&s.credit);
	CHECK_RC(run_input(s.run, "in\n", 3), 0);
	await_end(&s);
	assert_string_equal(buf_text(&s.out), "abc\nin\n");
	assert_string_equal(buf_text(&s.err_out), "de\n");
	k = agent_listed(f, s.id);
	assert_int_equal(k.state, RUN_EXITED);
	assert_int_equal(k.code, 7);
	assert_int_equal(k.pid, s.pid);
	assert_int_equal(k.out[0], 7);
	assert_int_equal(k.out[1], 3);
	assert_true(k.started_s > 1600000000);
	forget(f, s.id);
	assert_int_equal(agent_listed(f, s.id).id, 0);
	CHECK_RC(ask_of(f, OP_FORGET, s.id, NULL), -ENOENT);
	finish(&s, 7);
}

static void takes_the_next_id_that_is_free(void **state)
{
	struct agent *f = *state;
	struct seen s[3];

	keeps(f);
	begin(f, &s[0], "exit 0", 20);
	begin(f, &s[1], "exit 0", 21);
	begin(f, &s[2], "exit 0", 20);
	assert_int_equal(s[2].id, 22);
	for (int i = 0; i < 3; i++) {
		await_end(&s[i]);
		forget(f, s[i].id);
		finish(&s[i], 0);
	}
}

static void goes_on_without_its_stream(void **state)
{
	struct agent *f = *state;
	struct agent *next;
	void *other = NULL;
	struct seen s, again;

	keeps(f);
	begin(f, &s, "echo one; wait; echo two; exit 9", 30);
	until_printed(f, &s, 1, 4);
	remote_close(f->r, 0);
	f->r = NULL;
	waitpid(f->pid, NULL, 0);
	seen_finish(&s);
	assert_int_equal(agent_start(&other), 0);
	next = other;
	assert_true(remote_info(next->r)->kept >= 30);
	assert_int_equal(agent_listed(next, 30).state, RUN_RUNNING);
	CHECK_RC(ask_of(next, OP_FORGET, 30, NULL), -EBUSY);
	follow(next, &again, 30, 2, 0);
	seen_await(&again.started);
	open_gate(f);
	await_end(&again);
	assert_string_equal(buf_text(&again.out), "e\ntwo\n");
	assert_int_equal(again.end.out, 8);
	finish(&again, 9);
	forget(next, 30);
	agent_stop(&other);
}

/* Whoever carries the stream waits for the last who has it open. */
static void holds_nothing_of_its_stream(void **state)
{
	struct agent *f = *state;
	struct run_spec spec = spec_of(f, "wait; exit 1");
	auto_buf frame = BUF_INIT(4096);
	auto_buf got = BUF_INIT(1 << 16);
	char bytes[4096];
	struct kept k;
	int pid, fd;
	ssize_t n;

	keeps(f);
	fd = agent_spawn(&pid);
	assert_true(fd >= 0);
	buf_printf(&frame, "1 run - - 0 1000 - 40 %zu\n%s", spec.n, spec.script);
	CHECK_RC(io_write_all(fd, frame.data, frame.len, deadline_after(LONG_MS)), 0);
	while (!strstr(buf_text(&got), "\ns 1 ")) {
		n = read(fd, bytes, sizeof(bytes));
		assert_true(n > 0 || (n < 0 && errno == EAGAIN));
		if (n > 0)
			buf_add(&got, bytes, (size_t)n);
	}
	shutdown(fd, SHUT_WR);
	alarm(LONG_MS / 1000);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0 || (n < 0 && errno == EAGAIN))
		;
	alarm(0);
	close(fd);
	waitpid(pid, NULL, 0);
	k = agent_listed(f, 40);
	assert_int_equal(k.state, RUN_RUNNING);
	open_gate(f);
	while (agent_listed(f, 40).state == RUN_RUNNING)
		;
	forget(f, 40);
}

static void becomes_a_kept_one_and_is_made_whole(void **state)
{
	struct agent *f = *state;
	struct remote_request past = { .op = OP_PAST, .stream = 1, .data = "abc\n", .n = 4 };
	struct seen s, again;
	struct kept k;

	keeps(f);
	begin(f, &s, "echo abc; wait; echo def; read -r x; echo \"$x\" >&2; exit 3", 0);
	until_printed(f, &s, 1, 4);
	seen_await(&s.credit);
	CHECK_RC(run_input(s.run, "early\n", 6), 0);
	CHECK_RC(run_keep(s.run, 50), 0);
	await_end(&s);
	CHECK_RC(s.kept_rc, 0);
	assert_int_equal(s.end.state, RUN_KEPT);
	past.handle = s.end.kept_id;
	k = agent_listed(f, s.end.kept_id);
	assert_int_equal(k.start[0], 4);
	follow(f, &again, s.end.kept_id, 0, 0); /* not there yet */
	seen_await(&again.ended);
	CHECK_RC(again.end.rc, -EINVAL);
	sem_post(&again.ended);
	seen_finish(&again);
	past.offset = 1;
	CHECK_RC(agent_try(f, past), -EINVAL);
	past.offset = 0;
	CHECK_RC(agent_try(f, past), 0);
	follow(f, &again, s.end.kept_id, 0, 0);
	open_gate(f);
	await_end(&again);
	assert_string_equal(buf_text(&again.out), "abc\ndef\n");
	assert_string_equal(buf_text(&again.err_out), "early\n");
	finish(&again, 3);
	forget(f, s.end.kept_id);
	seen_finish(&s);
}

static void has_a_time_limit_from_whoever_is_attached(void **state)
{
	struct agent *f = *state;
	struct seen s, other;

	keeps(f);
	begin(f, &s, "/bin/sleep 100", 60);
	follow(f, &other, s.id, 0, 0);
	seen_await(&other.started);
	CHECK_RC(run_timeout(other.run, 50), 0);
	finish(&other, 124);
	await_end(&s);
	assert_int_equal(s.end.state, RUN_TIMEOUT);
	forget(f, s.id);
	seen_finish(&s);
}

static void is_not_held_back_by_a_background_child(void **state)
{
	struct agent *f = *state;
	struct seen s;

	keeps(f);
	begin(f, &s, "/bin/sleep 1000 & echo $!; exit 6", 70);
	await_end(&s);
	assert_int_equal(kill((pid_t)strtol(buf_text(&s.out), NULL, 10), SIGKILL), 0);
	forget(f, s.id);
	finish(&s, 6);
}

static void says_lost_when_its_keeper_was_killed(void **state)
{
	struct agent *f = *state;
	char path[96], line[128] = "";
	long pid = 0, keeper = 0;
	struct seen s, again;
	FILE *about;

	keeps(f);
	begin(f, &s, "echo x; exec /bin/sleep 1000", 80);
	until_printed(f, &s, 1, 2);
	snprintf(path, sizeof(path), "/var/tmp/.sbx-runs-%u/%u/about", (unsigned)getuid(), s.id);
	about = fopen(path, "re");
	if (!about)
		return; /* another folder was the first that can be written */
	assert_non_null(fgets(line, sizeof(line), about));
	fclose(about);
	assert_int_equal(sscanf(line, "%ld %*s %ld", &pid, &keeper), 2);
	assert_int_equal(kill((pid_t)keeper, SIGKILL), 0);
	await_end(&s);
	assert_int_equal(s.end.state, RUN_LOST);
	assert_int_equal(s.end.out, 2);
	assert_int_equal(agent_listed(f, s.id).state, RUN_LOST);
	follow(f, &again, s.id, 0, 0);
	await_end(&again);
	assert_string_equal(buf_text(&again.out), "x\n");
	seen_finish(&again);
	kill((pid_t)pid, SIGKILL);
	forget(f, s.id);
	seen_finish(&s);
}

/* Nobody takes what it prints, and it ends. */
static void drops_what_is_beyond_its_room_and_counts_it(void **state)
{
	struct agent *f = *state;
	struct run_spec spec = spec_of(f, "head -c 67109864 /dev/zero; exit 2");
	struct seen s;
	struct kept k;

	keeps(f);
	spec.keep = 90;
	spec.window = 1000;
	seen_start(&s, f->r, &spec, false);
	seen_await(&s.started);
	do
		k = agent_listed(f, s.id);
	while (k.state == RUN_RUNNING);
	assert_int_equal(k.code, 2);
	assert_int_equal(k.out[0], PROTO_KEPT_MAX);
	assert_int_equal(k.dropped[0], 1000);
	CHECK_RC(run_leave(s.run), 0);
	await_end(&s);
	assert_int_equal(s.end.state, RUN_KEPT);
	assert_int_equal(s.end.out, 1000);
	forget(f, s.id);
	seen_finish(&s);
}

static void forgets_the_oldest_when_there_are_too_many(void **state)
{
	struct agent *f = *state;
	struct seen s;

	keeps(f);
	for (uint32_t id = 1000; id < 1000 + PROTO_KEPT_RUNS + 1; id++) {
		begin(f, &s, "exit 0", id);
		assert_int_equal(s.id, id);
		finish(&s, 0);
	}
	assert_int_equal(agent_listed(f, 1000 + PROTO_KEPT_RUNS).id, 1000 + PROTO_KEPT_RUNS);
	for (uint32_t id = 1000, n = 0; id < 1000 + PROTO_KEPT_RUNS + 1; id++) {
		n += ask_of(f, OP_FORGET, id, NULL) == -ENOENT;
		assert_true(n <= 1);
	}
}

#define T(test) cmocka_unit_test_setup_teardown(test, agent_start, agent_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_folder_that_is_not_there_is_126_and_a_line),
		T(a_user_that_nobody_knows_is_126_and_a_line),
		T(its_own_user_needs_no_rights),
		T(runs_as_another_user),
		T(another_user_can_run_an_interpreter),
		T(a_terminal_is_refused_by_who_has_none),
		T(a_later_time_limit_takes_the_place_of_the_first),
		T(a_time_limit_can_be_taken_back),
		T(keeps_what_it_printed_and_how_it_ended),
		T(takes_the_next_id_that_is_free),
		T(goes_on_without_its_stream),
		T(holds_nothing_of_its_stream),
		T(becomes_a_kept_one_and_is_made_whole),
		T(has_a_time_limit_from_whoever_is_attached),
		T(is_not_held_back_by_a_background_child),
		T(says_lost_when_its_keeper_was_killed),
		T(drops_what_is_beyond_its_room_and_counts_it),
		T(forgets_the_oldest_when_there_are_too_many),
	};

	return agent_run_tests(tests);
}
