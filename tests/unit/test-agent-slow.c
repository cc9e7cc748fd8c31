/* A file operation that hangs, of the kind that the static agent's own thread does: it delays no other. */
#include "tests/lib/agent.h"
#include "tests/lib/test.h"

#include "common/base/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define TURNS   6
#define REST_MS 50 /* longer than the agent rests from such work after one that hung */

struct waited {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
	int rc;
};

static void took(void *arg, struct remote_reply *reply)
{
	struct waited *w = arg;

	pthread_mutex_lock(&w->lock);
	w->done = true;
	w->rc = reply->rc;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

static bool is_done(struct waited *w)
{
	bool done;

	pthread_mutex_lock(&w->lock);
	done = w->done;
	pthread_mutex_unlock(&w->lock);
	return done;
}

static int await(struct waited *w)
{
	pthread_mutex_lock(&w->lock);
	while (!w->done)
		pthread_cond_wait(&w->cond, &w->lock);
	pthread_mutex_unlock(&w->lock);
	return w->rc;
}

static int do_at(struct agent *f, enum remote_op op, const char *name)
{
	return agent_try(
		f, (struct remote_request){ .op = op, .path = agent_in(f, name), .mode = 0755 });
}

static void work_until(struct agent *f, int64_t deadline_ms)
{
	do {
		assert_int_equal(do_at(f, OP_MKDIR, "other"), 0);
		assert_int_equal(do_at(f, OP_RMDIR, "other"), 0);
	} while (!deadline_passed(deadline_ms));
}

static void hang(struct agent *f, struct waited *w, const char *path)
{
	assert_int_equal(mkfifo(path, 0600), 0);
	remote_send(f->r, &(struct remote_request){ .op = OP_UNLINK, .path = path },
		deadline_after(LONG_MS), took, w);
}

static void let_go(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC); /* waits for the agent to be at it */

	assert_true(fd >= 0);
	close(fd);
}

static void one_that_hangs_delays_no_other(void **state)
{
	struct agent *f = *state;

	for (int i = 0; i < TURNS; i++) {
		struct waited w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER };
		auto_free char *path = xstrdup(agent_in(f, "hangs"));

		work_until(f, deadline_after(REST_MS));
		hang(f, &w, path);
		work_until(f, deadline_after(2));
		assert_int_equal(agent_try(f, (struct remote_request){ .op = OP_PING }), 0);
		assert_false(is_done(&w));
		let_go(path);
		assert_int_equal(await(&w), 0);
		assert_int_equal(access(path, F_OK), -1);
	}
}

static void two_that_hang_delay_no_other(void **state)
{
	struct waited w[2] = { { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER },
		{ PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER } };
	struct agent *f = *state;
	char path[2][200];

	work_until(f, deadline_after(REST_MS));
	for (int i = 0; i < 2; i++) {
		snprintf(path[i], sizeof(path[i]), "%s", agent_in(f, i ? "two" : "one"));
		hang(f, &w[i], path[i]);
	}
	work_until(f, deadline_after(2));
	assert_false(is_done(&w[0]) || is_done(&w[1]));
	for (int i = 1; i >= 0; i--) {
		let_go(path[i]);
		assert_int_equal(await(&w[i]), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			one_that_hangs_delays_no_other, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			two_that_hang_delay_no_other, agent_start, agent_stop),
	};

	return agent_run_tests(tests);
}
