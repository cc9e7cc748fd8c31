/* Sessions over a local far end: this machine's sh. */
#include "tests/lib/test.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/session/gate.h"
#include "common/session/session.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
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
	struct attr attr = { 0 };
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

/* --- many ------------------------------------------------------------------------- */

struct counted {
	struct gate *gate;
	atomic_uint inside, most;
	bool stop;
};

static void *pass(void *arg)
{
	struct counted *c = arg;

	for (int i = 0; i < 200; i++) {
		unsigned n;

		assert_true(gate_enter(c->gate, &c->stop));
		n = atomic_fetch_add(&c->inside, 1) + 1;
		if (n > atomic_load(&c->most))
			atomic_store(&c->most, n);
		sched_yield();
		atomic_fetch_sub(&c->inside, 1);
		gate_leave(c->gate);
	}
	return NULL;
}

static void no_more_pass_a_gate_than_it_lets(void **state)
{
	struct gate gate;
	struct counted c = { .gate = &gate };
	pthread_t threads[8];

	gate_init(&gate, 2);
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, pass, &c), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	assert_in_range(c.most, 1, 2);
	assert_true(gate_enter(&gate, &c.stop) && gate_enter(&gate, &c.stop));
	c.stop = true;
	assert_false(gate_enter(&gate, &c.stop));
	gate_leave(&gate);
	gate_leave(&gate);
	gate_fini(&gate);
	assert_true(gate_enter(NULL, &c.stop));
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

static void on_started(void *arg, int pid, uint32_t kept_id)
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

static const struct run_ops ops = {
	.started = on_started, .output = on_output, .input = on_input, .ended = on_ended
};

static void start_spec(
	struct session *s, const struct run_spec *spec, int64_t deadline_ms, struct result *r)
{
	pthread_mutex_init(&r->lock, NULL);
	clock_cond_init(&r->wake);
	r->out.max = r->err.max = 1 << 20;
	session_run(s, spec, deadline_ms, &ops, r, &r->run);
}

static void start(struct session *s, const char *script, struct result *r)
{
	struct run_spec spec = { .script = script,
		.n = strlen(script),
		.window = 65536,
		.wants_stdin = r->feed != NULL };

	start_spec(s, &spec, soon(), r);
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

/* --- an agent that knows kept runs, and says nothing but what is here ---------- */

static const char keeping[] =
	"echo 'hello sbx 1 sh max=65536 ops=run,attach,keep,signal uid=7 gid=8 kept=12 "
	"terminal=1'\n"
	"while read -r t o a b c d e f n x; do\n"
	"	case $t in ''|*[!0-9]*) continue;; esac\n"
	"	case $o in\n"
	"	attach) printf 's %s 5 %s\\no %s 2\\nab' $t $a $t;;\n"
	"	run) dd bs=$n count=1 2>/dev/null >&2; printf 's %s 5\\no %s %s\\n%s' $t $t ${#b} "
	"$b;;\n"
	"	kill) printf '= %s signaled 15 4 0\\n' $a;;\n"
	"	resize) size=\"$b $c\";;\n"
	"	leave) [ \"$size\" = '90 30' ] && printf '= %s kept 7 2 0\\n' $a;;\n"
	"	signal) [ \"$a$b\" = 7HUP ] && echo \"= $t\" || echo \"! $t ESRCH -\";;\n"
	"	esac\n"
	"done\n";

static struct session *open_keeping(void)
{
	static const char *const argv[] = { "sh", "-c", keeping, NULL };
	struct session_spec spec = { .ns = "test", .pod = "keeping", .local_argv = argv };
	struct session *s;

	CHECK_RC(session_open(&spec, &s), 0);
	return s;
}

struct readiness {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool known;
	int rc;
};

static void on_ready(void *arg, int rc)
{
	struct readiness *r = arg;

	scoped_lock(&r->lock);
	r->rc = rc;
	r->known = true;
	pthread_cond_broadcast(&r->wake);
}

static int ready(struct session *s, int64_t deadline_ms)
{
	struct readiness r = { .known = false };

	pthread_mutex_init(&r.lock, NULL);
	clock_cond_init(&r.wake);
	session_ready(s, deadline_ms, on_ready, &r);
	pthread_mutex_lock(&r.lock);
	while (!r.known)
		pthread_cond_wait(&r.wake, &r.lock);
	pthread_mutex_unlock(&r.lock);
	pthread_cond_destroy(&r.wake);
	pthread_mutex_destroy(&r.lock);
	return r.rc;
}

static void readiness_is_told_with_what_the_agent_can(void **state)
{
	struct session *s = open_keeping();
	struct session_far far;

	CHECK_RC(session_far(s, &far), -ENOTCONN);
	CHECK_RC(ready(s, soon()), 0);
	CHECK_RC(session_far(s, &far), 0);
	assert_int_equal(far.kept, 12);
	assert_true(far.keeps && far.terminals);
	assert_true(far.uid == 7 && far.gid == 8);
	CHECK_RC(ready(s, soon()), 0);
	session_down(s, -ENOTCONN);
	CHECK_RC(ready(s, soon()), -ENOTCONN);
	session_close(s, 100);
}

static void attaching_waits_for_the_stream_and_so_do_wishes(void **state)
{
	struct run_spec spec = {
		.attach = 7, .wants = RUN_WANTS_OUT, .window = 100, .wants_stdin = true
	};
	struct session *s = open_keeping();
	struct result r = { .feed = NULL };

	start_spec(s, &spec, soon(), &r);
	CHECK_RC(session_run_timeout(r.run, -1), -EINVAL);
	CHECK_RC(session_run_resize(r.run, 0, 1), -EINVAL);
	CHECK_RC(session_run_kill(r.run, "no"), -EINVAL);
	CHECK_RC(session_run_resize(r.run, 80, 30), 0);
	CHECK_RC(session_run_resize(r.run, 90, 30), 0);
	CHECK_RC(session_run_timeout(r.run, 5000), 0);
	CHECK_RC(session_run_eof(r.run), 0);
	CHECK_RC(session_run_leave(r.run), 0);
	await(&r, &r.ended);
	CHECK_RC(r.end.rc, 0);
	assert_int_equal(r.end.state, RUN_KEPT);
	assert_int_equal(r.end.kept_id, 7);
	CHECK_TEXT(buf_text(&r.out), "ab");
	CHECK_RC(session_run_keep(r.run, 5), -ESRCH);
	done(&r);
	session_close(s, 100);
}

static void an_attached_run_whose_stream_is_lost_tells_where_it_was(void **state)
{
	struct run_spec spec = { .attach = 7, .wants = RUN_WANTS_OUT, .window = 100 };
	struct session *s = open_keeping();
	struct result r = { .feed = NULL };

	start_spec(s, &spec, soon(), &r);
	await(&r, &r.started);
	session_down(s, -ENOTCONN);
	await(&r, &r.ended);
	assert_int_equal(r.end.state, RUN_LOST);
	CHECK_RC(r.end.rc, -ENOTCONN);
	assert_int_equal(r.end.kept_id, 7);
	assert_int_equal(r.end.out, r.out.len);
	done(&r);
	session_close(s, 100);
}

static void a_run_that_waits_is_copied_whole(void **state)
{
	char user[] = "root", script[] = "xyz";
	struct run_spec spec = { .script = script, .n = 3, .user = user, .window = 100 };
	struct session *s = open_keeping();
	struct result r = { .feed = NULL };

	start_spec(s, &spec, soon(), &r);
	memset(user, '#', strlen(user));
	memset(script, '#', strlen(script));
	CHECK_RC(session_run_resize(r.run, 80, 25), -ENOTTY);
	CHECK_RC(session_run_leave(r.run), -EINVAL);
	CHECK_RC(session_run_kill(r.run, "TERM"), 0);
	await(&r, &r.ended);
	CHECK_TEXT(buf_text(&r.out), "root");
	assert_int_equal(run_end_status(&r.end), 143);
	CHECK_RC(session_run_kill(r.run, "TERM"), -ESRCH);
	done(&r);
	session_close(s, 100);
}

static void signals_by_id_know_no_stream(void **state)
{
	struct remote_request rq = { .op = OP_SIGNAL, .handle = 7 };
	struct session *s = open_keeping();
	struct remote_reply reply;

	for (int i = 0; i < 2; i++) {
		rq.signal = "HUP";
		CHECK_RC(session_call(s, &rq, soon(), &reply), 0);
		rq.signal = "INT";
		CHECK_RC(session_call(s, &rq, soon(), &reply), -ESRCH);
		session_down(s, -ENOTCONN);
		session_poke(s);
	}
	session_close(s, 100);
}

static void a_local_command_is_copied(void **state)
{
	char *sh = xstrdup("sh"), *c = xstrdup("-c"), *script = xstrdup(keeping);
	const char *argv[] = { sh, c, script, NULL };
	struct session_spec spec = { .local_argv = argv };
	struct session *s;

	CHECK_RC(session_open(&spec, &s), 0);
	memset(sh, 'x', strlen(sh));
	memset(script, 'x', strlen(script));
	free(sh);
	free(c);
	free(script);
	argv[0] = NULL;
	CHECK_RC(ready(s, soon()), 0);
	session_close(s, 100);
}

static int fifo_in(const char *dir, const char *name)
{
	auto_free char *path = xprintf("%s/%s", dir, name);

	return mkfifo(path, 0600) < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
}

/* They stand in the agent's process group. */
static void hanging_up_spares_who_looks_after_kept_runs(void **state)
{
	struct fixture *f = *state;
	auto_free char *script = xprintf(
		"cd %s; { read -r x <go; echo on >done; } >/dev/null & %s", f->dir, keeping);
	const char *argv[] = { "sh", "-c", script, NULL };
	struct session_spec spec = { .local_argv = argv };
	auto_close int go = fifo_in(f->dir, "go"), done = fifo_in(f->dir, "done");
	struct pollfd p = { done, POLLIN, 0 };
	struct session *s;

	assert_true(go >= 0 && done >= 0);
	CHECK_RC(session_open(&spec, &s), 0);
	CHECK_RC(ready(s, soon()), 0);
	session_close(s, 100);
	assert_int_equal(write(go, "x\n", 2), 2);
	assert_int_equal(poll(&p, 1, 10000), 1);
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

/* Says hello and ends at each request. */
static void a_far_end_that_dies_at_each_use_fills_no_log(void **state)
{
	static const char *const argv[] = { "sh", "-c",
		"echo 'hello sbx 1 static max=65536 body=raw calls=8 uid=0 gid=0 cwd=/ ops=stat'; "
		"while read -r tag op rest; do test \"$op\" != stat || exit; done",
		NULL };
	struct session_spec spec = { .ns = "test", .pod = "dying", .local_argv = argv };
	char text[4096] = "";
	struct session *s;
	int log[2], lines = 0;

	assert_int_equal(pipe2(log, O_CLOEXEC | O_NONBLOCK), 0);
	log_to_fd(log[1]);
	CHECK_RC(session_open(&spec, &s), 0);
	for (int i = 0; i < 20; i++)
		assert_true(stat_of(s, "/", NULL) < 0);
	session_close(s, 100);
	log_to_fd(2);
	assert_true(read(log[0], text, sizeof(text) - 1) > 0);
	for (const char *at = text; (at = strstr(at, "was lost")); at++)
		lines++;
	assert_int_equal(lines, 1);
	CHECK_HAS(text, "test/dying: the stream was lost");
	close(log[0]);
	close(log[1]);
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

/* It has said hello, and then nothing: the start ends long before the silence does. */
static void a_mute_line_ends_a_start_at_its_deadline(void **state)
{
	static const char *const argv[] = { "sh", "-c",
		"echo hello sbx 1 sh max=4096 ops=run; exec cat >/dev/null", NULL };
	struct session_spec spec = { .ns = "test", .pod = "mute", .local_argv = argv };
	struct run_spec run = { .script = "x", .n = 1, .window = 100 };
	struct result r = { .feed = NULL };
	int64_t began = clock_now_ms();
	struct session *s;

	CHECK_RC(session_open(&spec, &s), 0);
	CHECK_RC(ready(s, soon()), 0);
	start_spec(s, &run, deadline_after(100), &r);
	await(&r, &r.ended);
	assert_int_equal(r.end.state, RUN_LOST);
	CHECK_RC(r.end.rc, -ETIMEDOUT);
	assert_true(clock_now_ms() - began < 10000);
	done(&r);
	session_close(s, 100);
}

static void a_start_that_failed_knows_it(void **state)
{
	static const char *const argv[] = { "sleep", "100", NULL };
	struct session_spec spec = { .ns = "test", .pod = "mute", .local_argv = argv };
	struct run_spec run = { .script = "x", .n = 1, .window = 100 };
	struct result r = { .feed = NULL };
	struct session *s;

	CHECK_RC(session_open(&spec, &s), 0);
	start_spec(s, &run, deadline_after(50), &r);
	await(&r, &r.ended);
	CHECK_RC(r.end.rc, -ETIMEDOUT);
	CHECK_RC(session_run_kill(r.run, "TERM"), -ESRCH);
	CHECK_RC(session_run_eof(r.run), 0);
	done(&r);
	CHECK_RC(ready(s, deadline_after(50)), -ETIMEDOUT);
	session_close(s, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_root_is_put_before_every_path, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_handle_of_a_lost_stream_is_stale, set_up, tear_down),
		cmocka_unit_test(no_more_pass_a_gate_than_it_lets),
		cmocka_unit_test_setup_teardown(a_run_is_started_fed_and_ended, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_run_whose_stream_is_lost_says_lost, set_up, tear_down),
		cmocka_unit_test(a_run_can_be_held_longer_than_the_session),
		cmocka_unit_test(a_far_end_that_is_no_agent_is_an_error_at_once),
		cmocka_unit_test(a_far_end_that_dies_at_each_use_fills_no_log),
		cmocka_unit_test(a_mute_far_end_meets_the_callers_deadline),
		cmocka_unit_test(readiness_is_told_with_what_the_agent_can),
		cmocka_unit_test(attaching_waits_for_the_stream_and_so_do_wishes),
		cmocka_unit_test(an_attached_run_whose_stream_is_lost_tells_where_it_was),
		cmocka_unit_test(a_run_that_waits_is_copied_whole),
		cmocka_unit_test(signals_by_id_know_no_stream),
		cmocka_unit_test(a_mute_line_ends_a_start_at_its_deadline),
		cmocka_unit_test(a_start_that_failed_knows_it),
		cmocka_unit_test(a_local_command_is_copied),
		cmocka_unit_test_setup_teardown(
			hanging_up_spares_who_looks_after_kept_runs, set_up, tear_down),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
