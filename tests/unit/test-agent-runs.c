/* What every far end must do with commands, asked of agent.sh through the client's own calls. */
#include "tests/lib/agent.h"
#include "tests/lib/test.h"

#include "common/base/clock.h"
#include "common/base/io.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIPES 80 /* of 256 pages: more than pipe-user-pages-soft */

struct seen {
	struct run *run;
	sem_t started, came, shut, ended;
	struct buf out[2];
	const char *input;
	size_t n, given;
	const char *kill;
	const char *const *env;
	uint32_t window; /* 0: large */
	bool hold;       /* gives no credit of its own accord */
	int pid;
	struct run_end end;
};

static void on_started(void *arg, int pid, uint32_t kept_id)
{
	struct seen *s = arg;

	s->pid = pid;
	sem_post(&s->started);
	if (s->kill)
		CHECK_RC(run_kill(s->run, s->kill), 0);
}

static void on_output(void *arg, int stream, const void *bytes, size_t n)
{
	struct seen *s = arg;

	buf_add(&s->out[stream - 1], bytes, n);
	sem_post(&s->came);
	if (!s->hold)
		run_more(s->run, stream, n);
}

static void on_input(void *arg, size_t n)
{
	struct seen *s = arg;
	size_t part = n < s->n - s->given ? n : s->n - s->given;

	if (!n)
		sem_post(&s->shut);
	if (!part)
		return;
	run_input(s->run, s->input + s->given, part);
	s->given += part;
	if (s->given == s->n)
		run_eof(s->run);
}

static void on_ended(void *arg, const struct run_end *end)
{
	struct seen *s = arg;

	s->end = *end;
	sem_post(&s->ended);
}

static void begin(struct agent *f, struct seen *s, const char *script, int timeout_ms)
{
	static const struct run_ops ops = {
		.started = on_started, .output = on_output, .input = on_input, .ended = on_ended
	};
	struct run_spec spec = { .script = script,
		.n = strlen(script),
		.timeout_ms = timeout_ms,
		.env = s->env,
		.window = s->window ? s->window : 262144,
		.wants_stdin = s->input != NULL };

	sem_init(&s->started, 0, 0);
	sem_init(&s->came, 0, 0);
	sem_init(&s->shut, 0, 0);
	sem_init(&s->ended, 0, 0);
	for (int i = 0; i < 2; i++)
		s->out[i] = (struct buf)BUF_INIT(16 << 20);
	remote_run(f->r, &spec, &ops, s, &s->run);
}

static void await(sem_t *what)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	assert_int_equal(sem_timedwait(what, &until), 0);
}

static void finish(struct seen *s, int status)
{
	await(&s->ended);
	CHECK_RC(s->end.rc, 0);
	assert_int_equal(run_end_status(&s->end), status);
	run_unref(s->run);
}

static void forget(struct seen *s)
{
	buf_fini(&s->out[0]);
	buf_fini(&s->out[1]);
}

static void says_how_a_command_ended(void **state)
{
	static const struct {
		const char *script;
		int timeout_ms, status;
		const char *kill;
	} cases[] = {
		{ "exit 0", 0, 0, NULL },
		{ "exit 255", 0, 255, NULL },
		{ "kill -TERM $$", 0, 143, NULL },
		{ "/bin/sleep 20", 100, 124, NULL },
		{ "/bin/sleep 20", 0, 143, "TERM" },
		{ "/bin/sleep 20", 0, 137, "KILL" },
		{ "#!/nonexistent\n", 0, 127, NULL },
		{ "/bin/sleep 5 & exit 4", 0, 4, NULL },
		{ "trap '' TERM; /bin/sleep 20; /bin/sleep 20", 100, 124, NULL },
	};
	struct agent *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen s = { .kill = cases[i].kill };

		if (cases[i].timeout_ms && strcmp(agent_tier(), "reduced") == 0)
			continue;
		begin(f, &s, cases[i].script, cases[i].timeout_ms);
		finish(&s, cases[i].status);
		forget(&s);
	}
}

static void eight_runs_at_once_lose_no_byte(void **state)
{
	static char bytes[2 << 20], script[600];
	struct agent *f = *state;
	struct seen s[8] = { 0 };
	FILE *file = fopen(agent_in(f, "bytes"), "w");

	fill(bytes, sizeof(bytes));
	assert_int_equal(fwrite(bytes, 1, sizeof(bytes), file), sizeof(bytes));
	fclose(file);
	snprintf(script, sizeof(script), "cat %s >&2 & cat %s; wait", agent_in(f, "bytes"),
		agent_in(f, "bytes"));
	for (int i = 0; i < 8; i++)
		begin(f, &s[i], script, 0);
	for (int i = 0; i < 8; i++)
		finish(&s[i], 0);
	for (int i = 0; i < 8; i++) {
		for (int k = 0; k < 2; k++) {
			assert_int_equal(s[i].out[k].len, sizeof(bytes));
			assert_memory_equal(s[i].out[k].data, bytes, sizeof(bytes));
		}
		forget(&s[i]);
	}
}

static void gives_back_what_was_put_in(void **state)
{
	static char bytes[1 << 20];
	struct agent *f = *state;
	struct seen s = { .input = bytes, .n = sizeof(bytes) };

	fill(bytes, sizeof(bytes));
	begin(f, &s, "cat", 0);
	finish(&s, 0);
	assert_int_equal(s.out[0].len, sizeof(bytes));
	assert_memory_equal(s.out[0].data, bytes, sizeof(bytes));
	forget(&s);
}

/* Else who writes to it waits for the run's end; and room was said to be there just before that. */
static void says_that_nobody_reads_the_input_any_more(void **state)
{
	static char bytes[1 << 20];
	struct agent *f = *state;
	struct seen s = { .input = bytes, .n = sizeof(bytes) };

	if (!strcmp(agent_tier(), "reduced"))
		return; /* proto.h: not without dd */
	begin(f, &s, "exec 0</dev/null; sleep 1000", 0);
	await(&s.shut);
	assert_int_equal(run_input(s.run, "x", 1), -EPIPE);
	run_kill(s.run, "KILL");
	finish(&s, 137);
	assert_int_equal(sem_trywait(&s.shut), -1);
	forget(&s);
}

static void runs_a_script_longer_than_an_argument(void **state)
{
	static char script[300001];
	struct agent *f = *state;
	struct seen s = { .input = "in", .n = 2 };

	memset(script, '#', 300000);
	memcpy(script + 300000 - 12, "\ncat; exit 7", 12);
	begin(f, &s, script, 0);
	finish(&s, 7);
	assert_int_equal(s.out[0].len, 2);
	forget(&s);
}

static void gives_each_exit_code(void **state)
{
	struct agent *f = *state;

	for (int code = 0; code < 256; code += 8) {
		struct seen s[8] = { 0 };
		char script[8][16];

		for (int i = 0; i < 8; i++) {
			snprintf(script[i], sizeof(script[i]), "exit %d", code + i);
			begin(f, &s[i], script[i], 0);
		}
		for (int i = 0; i < 8; i++) {
			finish(&s[i], code + i);
			forget(&s[i]);
		}
	}
}

static void hands_the_environment_on(void **state)
{
	static const char *const env[] = { "A=1 '$x'", "B=\n-", NULL };
	struct agent *f = *state;
	struct seen s = { .env = env };

	begin(f, &s, "echo \"$A$B\"", 0);
	finish(&s, 0);
	assert_string_equal(buf_text(&s.out[0]), "1 '$x'\n-\n");
	forget(&s);
}

/* dash would not hand them on to its commands; they are in what it was given. */
static void hands_on_variables_of_any_name(void **state)
{
	static const char *const env[] = { "a.b-c=1 2", "7=x", NULL };
	struct agent *f = *state;
	struct seen s = { .env = env };

	begin(f, &s, "cat /proc/$$/environ; true", 0);
	assert_int_equal(sem_wait(&s.ended), 0);
	if (s.end.rc == -EOPNOTSUPP) { /* without env */
		run_unref(s.run);
		forget(&s);
		return;
	}
	sem_post(&s.ended);
	finish(&s, 0);
	assert_non_null(memmem(s.out[0].data, s.out[0].len, "\0a.b-c=1 2", 11));
	assert_non_null(memmem(s.out[0].data, s.out[0].len, "\0007=x", 5));
	forget(&s);
}

/* Far longer than those who have the output open besides are waited for. */
static void keeps_what_a_slow_client_has_not_taken(void **state)
{
	struct agent *f = *state;
	struct seen s = { .window = 1000, .hold = true };
	struct seen timer = { 0 };

	begin(f, &s, "i=0; while [ $i -lt 1000 ]; do i=$((i+1)); echo 0123456789; done; exit 3", 0);
	begin(f, &timer, "/bin/sleep 2", 0);
	finish(&timer, 0);
	s.hold = false;
	CHECK_RC(run_more(s.run, 1, 1000), 0);
	finish(&s, 3);
	assert_int_equal(s.out[0].len, 11000);
	forget(&timer);
	forget(&s);
}

/* What comes early is sent early, where the image can wait. */
static void sends_what_there_is(void **state)
{
	struct agent *f = *state;
	struct seen s = { .input = "on\n", .n = 3 };
	struct timespec until;

	if (strcmp(agent_tier(), "reduced") == 0)
		return;
	s.given = s.n; /* nothing of its own accord */
	begin(f, &s, "echo early; read -r x; echo $x", 0);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 30;
	assert_int_equal(sem_timedwait(&s.came, &until), 0);
	CHECK_RC(run_input(s.run, s.input, s.n), 0);
	finish(&s, 0);
	assert_string_equal(buf_text(&s.out[0]), "early\non\n");
	forget(&s);
}

/* All that descends from the agent becomes a child of this process, and ends. */
static void none_is_left(void)
{
	alarm(30);
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_int_equal(errno, ECHILD);
	alarm(0);
}

static void leaves_nothing_when_its_client_goes(void **state)
{
	struct agent *f = *state;
	struct seen s[4] = { { 0 }, { .input = "", .n = 1, .given = 1 }, { 0 }, { 0 } };
	bool reduced = strcmp(agent_tier(), "reduced") == 0; /* its output comes at the end only */

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	begin(f, &s[0], "trap '' TERM; while :; do /bin/sleep 1; done", 0);
	begin(f, &s[1], "cat; /bin/sleep 300", 0);
	begin(f, &s[2], "while :; do echo 0123456789; done", 0);
	begin(f, &s[3], "#!/bin/sh\nprintf %s \"$0\"; exec /bin/sleep 300\n", 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(sem_wait(&s[i].started), 0);
	/* Goes while it is being written to. */
	if (!reduced) {
		assert_int_equal(sem_wait(&s[2].came), 0);
		assert_int_equal(sem_wait(&s[3].came), 0);
	}
	remote_close(f->r, 0);
	f->r = NULL;
	none_is_left();
	if (!reduced)
		assert_int_equal(access(buf_text(&s[3].out[0]), F_OK), -1); /* the script's file */
	for (int i = 0; i < 4; i++) {
		run_unref(s[i].run);
		forget(&s[i]);
	}
}

/* SIGKILL of the shell itself: a run ends when it writes the next time. */
static void breaks_the_outputs_when_it_is_killed(void **state)
{
	struct agent *f = *state;
	struct seen s = { 0 };

	/* Without sleep nobody looks before the end. */
	if (strcmp(agent_tier(), "reduced") == 0)
		return;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	begin(f, &s, "while :; do echo x; /bin/sleep 0.1; done", 0);
	assert_int_equal(sem_wait(&s.started), 0);
	assert_int_equal(kill(f->pid, SIGKILL), 0);
	remote_close(f->r, 0);
	f->r = NULL;
	none_is_left();
	run_unref(s.run);
	forget(&s);
}

/*
 * Killed between the two halves of a start, the agent hears from the command's keeper no more: the keeper, who found
 * nobody to tell, waited for the command, and both stayed.
 */
static void leaves_nothing_when_it_is_killed_while_a_run_begins(void **state)
{
	struct agent *f = *state;
	struct seen s = { 0 };
	unsigned long keeper = 0;
	int status;

	/* Shells have no keeper; and not everybody may look into a process. */
	if (strcmp(agent_tier(), "static") != 0 ||
		ptrace(PTRACE_SEIZE, f->pid, NULL, PTRACE_O_TRACEFORK) < 0)
		return;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	begin(f, &s, "while :; do /bin/sleep 100; done", 0);
	assert_int_equal(waitpid(f->pid, &status, __WALL), f->pid);
	assert_int_equal(status >> 8, SIGTRAP | PTRACE_EVENT_FORK << 8);
	assert_int_equal(ptrace(PTRACE_GETEVENTMSG, f->pid, NULL, &keeper), 0);
	kill(f->pid, SIGKILL);
	assert_int_equal(waitpid(f->pid, &status, __WALL), f->pid);
	assert_int_equal(waitpid((int)keeper, &status, __WALL), (int)keeper);
	assert_int_equal(ptrace(PTRACE_DETACH, (int)keeper, NULL, NULL), 0);
	remote_close(f->r, 0);
	f->r = NULL;
	none_is_left();
	run_unref(s.run);
	forget(&s);
}

static void outlives_garbage(void **state)
{
	static const char *const lines[] = { "", " ", "1", "x y z", "1 nonsense", "1 stat",
		"1 stat -", "1 stat etc", "1 stat /\\0000", "1 read", "1 read x 0 1",
		"1 read 1 0 99999999999999999999", "1 open / q 0", "1 open /x r 9",
		"1 set /x - rwx - - - -", "1 fset 1 - - - - y z", "1 close $(x)", "1 fstat `x`",
		"1 fstat a[0]", "0", "0 kill 5 TERM", "0 kill x $(x)", "0 more 1 o 5", "0 eof ;",
		"99999999999 ping", "-1 ping", "1 do_end", "1 rename / / z", "1 run", "" };
	struct agent *f = *state;
	auto_buf got = BUF_INIT(1 << 20);
	int pid, fd = agent_spawn(&pid);
	int64_t deadline = deadline_after(LONG_MS);
	char text[512];

	assert_true(fd >= 0);
	for (size_t i = 0; i + 2 < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(text, sizeof(text), "%s\n", lines[i]);
		CHECK_RC(io_write_all(fd, text, strlen(text), deadline), 0);
	}
	CHECK_RC(io_write_all(fd, "77 ping\n", 8, deadline), 0);
	while (!strstr(buf_text(&got), "= 77\n")) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&p, 1, LONG_MS), 1);
		n = read(fd, text, sizeof(text));
		assert_true(n > 0);
		buf_add(&got, text, (size_t)n);
	}
	close(fd);
	waitpid(pid, NULL, 0);
	assert_int_equal(access("x", F_OK), -1);
	(void)f;
}

/* Pipes of a page or two: a user without rights who has many. All that they print comes, whole. */
static int many_pipes(void **state)
{
	struct rlimit most;

	prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE);
	prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN);
	getrlimit(RLIMIT_NOFILE, &most);
	most.rlim_cur = most.rlim_max;
	setrlimit(RLIMIT_NOFILE, &most);
	for (int i = 0; i < PIPES; i++) {
		int p[2];

		if (pipe2(p, O_CLOEXEC) < 0)
			return -1;
		fcntl(p[0], F_SETPIPE_SZ, 1 << 20); /* as many pages as one may have in one pipe */
	}
	return agent_start(state);
}

static void loses_nothing_in_small_pipes(void **state)
{
	static const char script[] =
		"x=0123456789abcdef; x=$x$x$x$x$x$x; x=$x$x$x$x; x=$x$x$x$x; i=0\n"
		"echo first; while [ $i -lt 200 ]; do echo \"$x\"; i=$((i + 1)); done";
	static struct seen s[8]; /* outlives a failure */
	struct agent *f = *state;

	for (int i = 0; i < 8; i++)
		begin(f, &s[i], script, 0);
	for (int i = 0; i < 8; i++) {
		finish(&s[i], 0);
		assert_int_equal(s[i].out[0].len, 6 + 200 * 1537);
		forget(&s[i]);
	}
}

/* bash forgot one in twenty: the status of whoever had sent TERM was lost. */
static void says_each_time_that_the_time_was_up(void **state)
{
	struct agent *f = *state;

	if (strcmp(agent_tier(), "reduced") == 0)
		return;
	for (int i = 0; i < 30; i++) {
		struct seen s = { 0 };

		begin(f, &s, "/bin/sleep 20", 10);
		finish(&s, 124);
		forget(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(says_how_a_command_ended, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			says_each_time_that_the_time_was_up, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			eight_runs_at_once_lose_no_byte, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			gives_back_what_was_put_in, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			runs_a_script_longer_than_an_argument, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			says_that_nobody_reads_the_input_any_more, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(gives_each_exit_code, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(hands_the_environment_on, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			hands_on_variables_of_any_name, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			keeps_what_a_slow_client_has_not_taken, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(sends_what_there_is, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			leaves_nothing_when_its_client_goes, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			breaks_the_outputs_when_it_is_killed, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(leaves_nothing_when_it_is_killed_while_a_run_begins,
			agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(outlives_garbage, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			loses_nothing_in_small_pipes, many_pipes, agent_stop),
	};

	return agent_run_tests(tests);
}
