#include "plugin/guard.h"
#include "plugin/offer.h"

#include "common/base/clock.h"
#include "common/base/io.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

struct plan {
	const char *ways; /* a letter each: y fits, n does not, h hangs */
	int out;          /* what work says */
};

static bool fits(void *arg, size_t way)
{
	const struct plan *p = arg;

	while (p->ways[way] == 'h')
		pause();
	return p->ways[way] == 'y';
}

static int work(void *arg, size_t way, int signals)
{
	const struct plan *p = arg;
	char c = (char)('0' + way);

	if (write(p->out, &c, 1) != 1 || fcntl(0, F_GETFD) < 0 || fcntl(1, F_GETFD) < 0 ||
		fcntl(2, F_GETFD) < 0)
		return 1;
	return 40 + (int)way;
}

/* What guard_run gives; ret: the digits of the ways that were gone. */
static int run_ways(const char *ways, char ret[8])
{
	struct plan p = { .ways = ways };
	struct guard_work w = { strlen(ways), fits, work, &p };
	int fds[2], rc;
	ssize_t n;

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	p.out = fds[1];
	rc = guard_run(&w);
	n = read(fds[0], ret, 7);
	ret[n > 0 ? n : 0] = '\0';
	close(fds[0]);
	close(fds[1]);
	return rc;
}

static void the_first_way_that_fits_is_gone(void **state)
{
	char gone[8];

	assert_int_equal(run_ways("y", gone), 40);
	assert_string_equal(gone, "0");
	assert_int_equal(run_ways("nnyy", gone), 42);
	assert_string_equal(gone, "2");
}

static void no_way_is_told_and_nothing_begun(void **state)
{
	char gone[8];

	assert_int_equal(run_ways("nn", gone), -ENOENT);
	assert_string_equal(gone, "");
	assert_int_equal(run_ways("", gone), -ENOENT);
}

static void one_that_hangs_is_passed_over(void **state)
{
	int64_t before = clock_now_ms();
	char gone[8];

	assert_int_equal(run_ways("hy", gone), 41);
	assert_string_equal(gone, "1");
	assert_int_equal(run_ways("hhn", gone), -ENOENT);
	assert_string_equal(gone, "");
	assert_true(clock_now_ms() - before < 10 * GUARD_WAIT_MS);
}

static void work_without_a_question_is_done_at_once(void **state)
{
	struct plan p = { .ways = "y" };
	struct guard_work w = { 1, NULL, work, &p };
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	p.out = fds[1];
	assert_int_equal(guard_run(&w), 40);
	close(fds[0]);
	close(fds[1]);
}

static void what_was_withdrawn_cannot_be_taken(void **state)
{
	struct offer o;

	assert_int_equal(offer_open(&o), 0);
	assert_int_equal(offer_taker(&o), -1);
	assert_true(offer_withdraw(&o));
	assert_false(offer_withdraw(&o));
	assert_false(offer_take(&o, 1));
	assert_int_equal(offer_taker(&o), -1);
	offer_close(&o);
}

/* In a child, as it is meant: standard output is what it was, and nobody else has it. */
static int take_and_say(struct offer *o, int hold)
{
	char byte;

	offer_let_go();
	if (read(hold, &byte, 1) != 1 || !offer_take(o, 7))
		return 1;
	return offer_take(o, 8) || write(1, "x", 1) != 1;
}

static void who_takes_has_them_as_they_were(void **state)
{
	int out[2], hold[2], status, saved = fcntl(1, F_DUPFD_CLOEXEC, 10);
	struct offer o;
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	fflush(stdout);
	dup2(out[1], 1);
	assert_int_equal(offer_open(&o), 0);
	pid = fork();
	if (pid == 0)
		_exit(take_and_say(&o, hold[0]));
	dup2(saved, 1);
	close(saved);
	close(out[1]);
	assert_int_equal(write(hold[1], "g", 1), 1);
	assert_int_equal(io_read_some(out[0], &byte, 1, deadline_after(10000)), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(offer_taker(&o), 7);
	assert_false(offer_withdraw(&o));
	offer_close(&o);
	close(out[0]);
	close(hold[0]);
	close(hold[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_way_that_fits_is_gone),
		cmocka_unit_test(no_way_is_told_and_nothing_begun),
		cmocka_unit_test(one_that_hangs_is_passed_over),
		cmocka_unit_test(work_without_a_question_is_done_at_once),
		cmocka_unit_test(what_was_withdrawn_cannot_be_taken),
		cmocka_unit_test(who_takes_has_them_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
