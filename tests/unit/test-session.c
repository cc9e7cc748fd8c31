/* Sessions over a local far end: this machine's sh. */
#include "tests/lib/test.h"
#include "common/base/clock.h"
#include "common/session/session.h"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

struct fixture {
	char dir[32];
	struct session *s;
};

static int64_t soon(void)
{
	return deadline_after(20000);
}

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct session_spec spec = { .ns = "test", .pod = "local", .root = f->dir };

	snprintf(f->dir, sizeof(f->dir), "/tmp/sbx-session.XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	*state = f;
	return session_open(&spec, &f->s);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	auto_free char *rm = xprintf("rm -rf %s", f->dir);

	session_close(f->s, 1000);
	if (system(rm) != 0)
		return -1;
	free(f);
	return 0;
}

static int stat_of(struct session *s, const char *path, struct attr *ret)
{
	struct remote_request rq = { .op = OP_STAT, .path = path };
	struct remote_reply reply;
	int rc = session_call(s, &rq, soon(), &reply);

	if (rc == 0 && ret)
		*ret = reply.attr;
	remote_reply_fini(&reply);
	return rc;
}

static void the_root_is_put_before_every_path(void **state)
{
	struct fixture *f = *state;
	struct remote_request mk = { .op = OP_MKDIR, .path = "/d", .mode = 0755 };
	auto_free char *real = xprintf("%s/d", f->dir);
	struct remote_reply reply;
	struct attr attr;
	struct stat st;

	CHECK_RC(stat_of(f->s, "/d", NULL), -ENOENT);
	CHECK_RC(session_call(f->s, &mk, soon(), &reply), 0);
	remote_reply_fini(&reply);
	CHECK_RC(stat_of(f->s, "/d", &attr), 0);
	assert_int_equal(stat(real, &st), 0);
	assert_true(attr.ino == st.st_ino && attr.mode == st.st_mode);
	CHECK_RC(stat_of(f->s, "/", &attr), 0);
	assert_true(S_ISDIR(attr.mode));
}

static void a_handle_of_a_lost_stream_is_stale(void **state)
{
	struct fixture *f = *state;
	struct remote_request make = {
		.op = OP_OPEN, .path = "/f", .mode = 0644, .flags = OPEN_WRITE | OPEN_CREATE
	};
	struct remote_request put = { .op = OP_WRITE, .data = "abc", .n = 3 };
	struct remote_reply reply;
	struct attr attr;

	CHECK_RC(session_call(f->s, &make, soon(), &reply), 0);
	put.handle = reply.handle;
	remote_reply_fini(&reply);
	CHECK_RC(session_call(f->s, &put, soon(), &reply), 0);
	assert_int_equal(reply.n, 3);
	remote_reply_fini(&reply);
	session_down(f->s, -ENOTCONN);
	CHECK_RC(stat_of(f->s, "/f", &attr), -ENOTCONN);
	session_poke(f->s);
	CHECK_RC(stat_of(f->s, "/f", &attr), 0);
	assert_int_equal(attr.size, 3);
	CHECK_RC(session_call(f->s, &put, soon(), &reply), -ESTALE);
	remote_reply_fini(&reply);
}

/* --- runs ------------------------------------------------------------------ */

struct result {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct session_run *run;
	struct buf out, err;
	struct run_end end;
	bool started, ended;
	const char *feed; /* given to stdin, then its end */
};

static void on_started(void *arg, int pid)
{
	struct result *r = arg;

	scoped_lock(&r->lock);
	r->started = true;
	pthread_cond_broadcast(&r->wake);
}

static void on_output(void *arg, int stream, const void *bytes, size_t n)
{
	struct result *r = arg;

	buf_add(stream == 1 ? &r->out : &r->err, bytes, n);
	session_run_more(r->run, stream, n);
}

static void on_input(void *arg, size_t n)
{
	struct result *r = arg;

	if (!r->feed)
		return;
	CHECK_RC(session_run_input(r->run, r->feed, strlen(r->feed)), 0);
	CHECK_RC(session_run_eof(r->run), 0);
	r->feed = NULL;
}

static void on_ended(void *arg, const struct run_end *end)
{
	struct result *r = arg;

	scoped_lock(&r->lock);
	r->end = *end;
	r->ended = true;
	pthread_cond_broadcast(&r->wake);
}

static const struct run_ops ops = { on_started, on_output, on_input, on_ended };

static void start(struct session *s, const char *script, struct result *r)
{
	struct run_spec spec = { .script = script,
		.n = strlen(script),
		.window = 65536,
		.wants_stdin = r->feed != NULL };

	pthread_mutex_init(&r->lock, NULL);
	clock_cond_init(&r->wake);
	r->out.max = r->err.max = 1 << 20;
	session_run(s, &spec, soon(), &ops, r, &r->run);
}

static void await(struct result *r, const bool *what)
{
	struct timespec until = deadline_timespec(soon());

	scoped_lock(&r->lock);
	while (!*what) {
		if (pthread_cond_timedwait(&r->wake, &r->lock, &until) == ETIMEDOUT)
			fail_msg("the run said nothing");
	}
}

static void done(struct result *r)
{
	session_run_unref(r->run);
	buf_fini(&r->out);
	buf_fini(&r->err);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
}

static void a_run_is_started_fed_and_ended(void **state)
{
	struct fixture *f = *state;
	struct result r = { .feed = "some words\n" };

	start(f->s, "cat; echo oops >&2; exit 3", &r);
	await(&r, &r.ended);
	CHECK_TEXT(buf_text(&r.out), "some words\n");
	CHECK_TEXT(buf_text(&r.err), "oops\n");
	assert_int_equal(r.end.state, RUN_EXITED);
	assert_int_equal(run_end_status(&r.end), 3);
	done(&r);
}

static void a_run_whose_stream_is_lost_says_lost(void **state)
{
	struct fixture *f = *state;
	struct result r = { .feed = NULL };

	start(f->s, "echo up; sleep 100", &r);
	await(&r, &r.started);
	session_down(f->s, -ENOTCONN);
	await(&r, &r.ended);
	assert_int_equal(r.end.state, RUN_LOST);
	CHECK_RC(r.end.rc, -ENOTCONN);
	assert_int_equal(run_end_status(&r.end), -1);
	done(&r);
}

static void a_run_can_be_held_longer_than_the_session(void **state)
{
	struct session_spec spec = { .ns = "test", .pod = "local" };
	struct session *s;
	struct result r = { .feed = NULL };

	CHECK_RC(session_open(&spec, &s), 0);
	start(s, "sleep 100", &r);
	await(&r, &r.started);
	session_close(s, 500);
	await(&r, &r.ended);
	assert_int_equal(r.end.state, RUN_LOST);
	assert_true(session_run_kill(r.run, "TERM") < 0);
	done(&r);
}

/* --- failing to start --------------------------------------------------------- */

static void a_far_end_that_is_no_agent_is_an_error_at_once(void **state)
{
	static const char *const argv[] = { "sh", "-c", "echo what >&2; exit 1", NULL };
	struct session_spec spec = { .ns = "test", .pod = "none", .local_argv = argv };
	struct err err = { "" };
	struct session *s;
	int64_t began = clock_now_ms();
	int rc;

	CHECK_RC(session_open(&spec, &s), 0);
	rc = stat_of(s, "/", NULL);
	assert_true(rc < 0 && rc != -ETIMEDOUT);
	/* within the back-off: the same reason, without another attempt */
	CHECK_RC(stat_of(s, "/", NULL), rc);
	CHECK_RC(session_state(s, &err), rc);
	CHECK_HAS(err.text, "cannot start the agent in test/none");
	assert_true(clock_now_ms() - began < 3000);
	session_close(s, 100);
}

static void a_mute_far_end_meets_the_callers_deadline(void **state)
{
	static const char *const argv[] = { "sleep", "100", NULL };
	struct session_spec spec = { .ns = "test", .pod = "mute", .local_argv = argv };
	struct remote_request rq = { .op = OP_PING };
	struct remote_reply reply;
	struct session *s;

	CHECK_RC(session_open(&spec, &s), 0);
	CHECK_RC(session_call(s, &rq, deadline_after(100), &reply), -ETIMEDOUT);
	remote_reply_fini(&reply);
	session_close(s, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_root_is_put_before_every_path, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_handle_of_a_lost_stream_is_stale, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_run_is_started_fed_and_ended, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_run_whose_stream_is_lost_says_lost, set_up, tear_down),
		cmocka_unit_test(a_run_can_be_held_longer_than_the_session),
		cmocka_unit_test(a_far_end_that_is_no_agent_is_an_error_at_once),
		cmocka_unit_test(a_mute_far_end_meets_the_callers_deadline),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
