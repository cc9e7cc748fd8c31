/*
 * A run's three streams, over a session with this machine's sh.
 */
#include "tests/lib/test.h"

#include "common/base/clock.h"
#include "plugin/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>

#define DEADLINE_MS 20000

struct drained {
	pthread_t thread;
	int fd;
	struct buf got;
};

static void *drain(void *arg)
{
	struct drained *s = arg;
	char bytes[8192];
	ssize_t n;

	while ((n = read(s->fd, bytes, sizeof(bytes))) > 0)
		buf_add(&s->got, bytes, (size_t)n);
	return NULL;
}

static int drain_open(struct drained *s)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	s->fd = fds[0];
	buf_init(&s->got, 64 * 1024 * 1024);
	assert_int_equal(pthread_create(&s->thread, NULL, drain, s), 0);
	return fds[1];
}

static void drain_end(struct drained *s, int writer)
{
	close(writer);
	pthread_join(s->thread, NULL);
	close(s->fd);
}

struct result {
	struct pump_end end;
	struct drained out, err;
	struct err why;
	int rc;
};

static struct session *local_session(void)
{
	struct session_spec spec = { .net = NULL }; /* this machine */
	struct session *s;

	assert_int_equal(session_open(&spec, &s), 0);
	return s;
}

/* in: borrowed, or -1 */
static void run(struct result *r, const char *script, int in)
{
	struct pump_spec spec = {
		.session = local_session(),
		.run = { .script = script, .n = strlen(script), .wants_stdin = in >= 0 },
		.start_deadline_ms = deadline_after(DEADLINE_MS),
		.in = in,
		.signals = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};

	*r = (struct result){ 0 };
	spec.out[0].fd = drain_open(&r->out);
	spec.out[1].fd = drain_open(&r->err);
	r->rc = pump_run(&spec, &r->end, &r->why);
	drain_end(&r->out, spec.out[0].fd);
	drain_end(&r->err, spec.out[1].fd);
	close(spec.signals);
}

static void result_fini(struct result *r)
{
	buf_fini(&r->out.got);
	buf_fini(&r->err.got);
}

static void keeps_the_streams_apart_and_the_status(void **state)
{
	struct result r;

	run(&r, "echo out; echo err >&2; exit 42", -1);
	CHECK_RC(r.rc, 0);
	assert_true(r.end.started);
	assert_int_equal(run_end_status(&r.end.run), 42);
	CHECK_TEXT(buf_text(&r.out.got), "out\n");
	CHECK_TEXT(buf_text(&r.err.got), "err\n");
	result_fini(&r);
}

static void carries_more_than_a_window(void **state)
{
	struct result r;

	run(&r, "head -c 5000000 /dev/zero; head -c 3000000 /dev/zero >&2", -1);
	CHECK_RC(r.rc, 0);
	assert_int_equal(run_end_status(&r.end.run), 0);
	assert_int_equal(r.out.got.len, 5000000);
	assert_int_equal(r.err.got.len, 3000000);
	result_fini(&r);
}

static void passes_input_on_and_its_end(void **state)
{
	FILE *f = tmpfile();
	struct result r;

	for (int i = 0; i < 300000; i++)
		fputc(i % 251, f);
	rewind(f);
	run(&r, "cat", fileno(f));
	CHECK_RC(r.rc, 0);
	assert_int_equal(r.out.got.len, 300000);
	for (size_t i = 0; i < 300000; i++)
		if ((unsigned char)r.out.got.data[i] != i % 251)
			fail_msg("byte %zu is another", i);
	result_fini(&r);
	fclose(f);
}

static void input_is_empty_when_it_is_not_wanted(void **state)
{
	struct result r;

	run(&r, "cat; echo end", -1);
	CHECK_RC(r.rc, 0);
	CHECK_TEXT(buf_text(&r.out.got), "end\n");
	result_fini(&r);
}

/* The command that writes on is told by SIGPIPE, as it would be here. */
static void a_reader_that_goes_ends_the_writer(void **state)
{
	struct pump_spec spec = {
		.session = local_session(),
		.run = { .script = "exec yes", .n = 8 },
		.start_deadline_ms = deadline_after(DEADLINE_MS),
		.in = -1,
		.out[1].fd = 2,
		.signals = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	struct pump_end end;
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	close(fds[0]);
	spec.out[0].fd = fds[1];
	CHECK_RC(pump_run(&spec, &end, NULL), 0);
	assert_int_equal(run_end_status(&end.run), 128 + SIGPIPE);
	close(fds[1]);
	close(spec.signals);
}

static void a_run_that_cannot_start_says_why(void **state)
{
	struct session_spec where = { .local_argv =
					      (const char *const[]){ "/no/such/program", NULL } };
	struct pump_spec spec = {
		.run = { .script = "true", .n = 4 },
		.start_deadline_ms = deadline_after(1000),
		.in = -1,
		.out = { { .fd = 1 }, { .fd = 2 } },
		.signals = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	struct pump_end end;

	assert_int_equal(session_open(&where, &spec.session), 0);
	CHECK_RC(pump_run(&spec, &end, NULL), 0);
	assert_false(end.started);
	assert_int_equal(run_end_status(&end.run), -1);
	assert_true(end.run.rc < 0);
	close(spec.signals);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_streams_apart_and_the_status),
		cmocka_unit_test(carries_more_than_a_window),
		cmocka_unit_test(passes_input_on_and_its_end),
		cmocka_unit_test(input_is_empty_when_it_is_not_wanted),
		cmocka_unit_test(a_reader_that_goes_ends_the_writer),
		cmocka_unit_test(a_run_that_cannot_start_says_why),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("plugin pump", tests, NULL, NULL);
}
