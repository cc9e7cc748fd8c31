/* What a verb makes of signals that come to it: timeout(1) sends each of them twice. */
#include "tests/lib/test.h"

#include "common/base/clock.h"
#include "plugin/interrupt.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

static void send_twice(pid_t to, int sig)
{
	assert_int_equal(kill(to, sig), 0);
	assert_int_equal(kill(to, sig), 0);
}

/*
 * A child that minds its signals; fd reads from it: a byte when it does, one more at the first. Once fd is shut
 * for writing, with all signals sent, it ends by what it has heard.
 */
static pid_t watching_child(int *ret_fd)
{
	int ends[2];
	char byte;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(ends[0]);
		interrupt_watch();
		if (write(ends[1], "w", 1) != 1)
			_exit(1);
		while (!*interrupt_flag())
			poll(NULL, 0, 1);
		if (write(ends[1], "i", 1) != 1)
			_exit(1);
		while (read(ends[1], &byte, 1) != 0)
			;
		_exit(interrupt_signal());
	}
	close(ends[1]);
	*ret_fd = ends[0];
	return pid;
}

static int ends_with(pid_t pid, int fd)
{
	int status;

	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fd);
	return status;
}

/* False: it took longer than timeout(1) ever does. */
static bool said_twice(int *ret_status)
{
	int64_t began_ms;
	char byte;
	int fd;
	pid_t pid = watching_child(&fd);

	assert_int_equal(read(fd, &byte, 1), 1);
	began_ms = clock_now_ms();
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(read(fd, &byte, 1), 1);
	assert_int_equal(kill(pid, SIGTERM), 0);
	*ret_status = ends_with(pid, fd);
	return clock_now_ms() - began_ms < 100;
}

static void one_word_said_twice_ends_nothing(void **state)
{
	int status;

	(void)state;
	while (!said_twice(&status))
		;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), SIGTERM);
}

static void a_second_word_ends_it(void **state)
{
	int fd, status;
	char byte;
	pid_t pid = watching_child(&fd);

	(void)state;
	assert_int_equal(read(fd, &byte, 1), 1);
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(read(fd, &byte, 1), 1);
	assert_int_equal(kill(pid, SIGINT), 0);
	status = ends_with(pid, fd);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 128 + SIGINT);
}

static void a_loop_reads_it_once(void **state)
{
	int fd = interrupt_fd(), second;
	int64_t began_ms = clock_now_ms();

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(interrupt_read(fd), 0);
	assert_int_equal(kill(getpid(), SIGTERM), 0);
	assert_int_equal(interrupt_read(fd), SIGTERM);
	assert_int_equal(kill(getpid(), SIGTERM), 0);
	second = interrupt_read(fd);
	if (clock_now_ms() - began_ms < 100)
		assert_int_equal(second, 0);
	send_twice(getpid(), SIGINT);
	assert_int_equal(interrupt_read(fd), SIGINT);
	assert_int_equal(interrupt_read(fd), 0);
	close(fd);
}

static void what_is_handed_on_counts_each_time(void **state)
{
	int to[2];

	(void)state;
	assert_int_equal(pipe2(to, O_NONBLOCK), 0);
	interrupt_send(to[1], SIGINT);
	interrupt_send(to[1], SIGINT);
	assert_int_equal(interrupt_read(to[0]), SIGINT);
	assert_int_equal(interrupt_read(to[0]), SIGINT);
	assert_int_equal(interrupt_read(to[0]), 0);
	close(to[0]);
	close(to[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_word_said_twice_ends_nothing),
		cmocka_unit_test(a_second_word_ends_it),
		cmocka_unit_test(a_loop_reads_it_once),
		cmocka_unit_test(what_is_handed_on_counts_each_time),
	};

	return cmocka_run_group_tests_name("interrupts", tests, NULL, NULL);
}
