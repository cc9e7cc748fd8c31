/* A mux over a duct that the test plays: what it takes, and when it tells of room. */
#include "tests/lib/test.h"

#include "common/remote/mux.h"

#include <pthread.h>
#include <sys/socket.h>

#define LARGE (100 * 1024)

struct played {
	struct duct duct; /* first */
	struct duct_user user;
	int puts;
	size_t took;
};

static void take_user(struct duct *d, const struct duct_user *user)
{
	((struct played *)d)->user = *user;
}

static void *tell_room(void *arg)
{
	struct played *p = arg;

	p->user.room(p->user.arg);
	return NULL;
}

/* Of the first it takes a half, and has told of room before that is known. */
static ssize_t take_half(struct duct *d, const void *bytes, size_t n)
{
	struct played *p = (struct played *)d;
	pthread_t other;

	if (p->puts++ == 0) {
		assert_int_equal(pthread_create(&other, NULL, tell_room, p), 0);
		pthread_join(other, NULL);
		n /= 2;
	}
	p->took += n;
	return (ssize_t)n;
}

static void do_nothing(struct duct *d)
{
	(void)d;
}

static const struct duct_ops played_ops = { take_user, take_half, do_nothing };

static void room_that_comes_while_somebody_is_sending_is_his(void **state)
{
	struct played p = { .duct = { &played_ops } };
	auto_buf frame = BUF_INIT(LARGE);
	struct mux *m;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	CHECK_RC(mux_open(fds[0], 1, NULL, 0, &m), 0);
	mux_direct(m, &p.duct);
	while (frame.len < LARGE)
		buf_char(&frame, 'x');
	CHECK_RC(mux_oneway(m, &frame, false), 0);
	assert_int_equal(p.puts, 2);
	assert_int_equal(p.took, LARGE);
	mux_close(m);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(room_that_comes_while_somebody_is_sending_is_his),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
