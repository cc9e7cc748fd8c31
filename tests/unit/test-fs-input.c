#include "tests/lib/fakefuse.h"
#include "tests/lib/test.h"

#include "fs/fs.h"
#include "fs/input.h"
#include "fs/notify.h"

#include <poll.h>

struct made {
	struct options opt;
	struct fs fs;
	struct input in;
	struct input_writer w;
	struct buf got;
	int eofs, rc;
};

static int take(void *arg, const char *bytes, size_t n)
{
	struct made *m = arg;

	if (m->rc == 0)
		buf_add(&m->got, bytes, n);
	return m->rc;
}

static void eof(void *arg)
{
	((struct made *)arg)->eofs++;
}

static const struct input_ops ops = { .send = take, .eof = eof };

static int make(void **state)
{
	struct made *m = xcalloc(1, sizeof(*m));

	assert_int_equal(fs_init(&m->fs, &m->opt), 0);
	buf_init(&m->got, 1 << 20);
	input_init(&m->in, &ops, m);
	input_open(&m->in, &m->w);
	*state = m;
	return 0;
}

static int unmake(void **state)
{
	struct made *m = *state;

	input_fini(&m->in);
	buf_fini(&m->got);
	nodes_fini(&m->fs.nodes);
	fs_fini(&m->fs);
	free(m);
	return 0;
}

static struct fuse_req *write_some(struct made *m, const char *bytes, size_t n, bool nonblock)
{
	struct fuse_req *req = fake_req();

	input_write(&m->in, fake_op(&m->fs, req, 0, n), bytes, nonblock);
	return req;
}

/* What it was answered; -1: not yet. Frees it. */
static long answer(struct fuse_req *req)
{
	long rc = req->answers == 0 ? -1 : req->err ? -req->err : (long)req->n;

	assert_in_range(req->answers, 0, 1);
	fake_req_free(req);
	return rc;
}

static void a_write_waits_for_credit_and_takes_a_part(void **state)
{
	struct made *m = *state;
	struct fuse_req *req = write_some(m, "0123456789", 10, false);

	assert_int_equal(req->answers, 0);
	input_more(&m->fs, &m->in, 4);
	assert_int_equal(answer(req), 4);
	CHECK_TEXT(buf_text(&m->got), "0123");
	input_more(&m->fs, &m->in, 100);
	assert_int_equal(answer(write_some(m, "456789", 6, false)), 6);
	CHECK_TEXT(buf_text(&m->got), "0123456789");
	input_close(&m->in, &m->w);
	assert_int_equal(m->eofs, 1);
}

static void without_waiting_it_is_eagain(void **state)
{
	struct made *m = *state;
	struct fuse_req *req;

	CHECK_RC(answer(write_some(m, "x", 1, true)), -EAGAIN);
	input_more(&m->fs, &m->in, 3);
	assert_int_equal(answer(write_some(m, "abcde", 5, true)), 3);
	CHECK_RC(answer(write_some(m, "de", 2, true)), -EAGAIN);
	req = write_some(m, "de", 2, false);
	CHECK_RC(answer(write_some(m, "x", 1, true)), -EAGAIN);
	input_end(&m->fs, &m->in);
	CHECK_RC(answer(req), -EPIPE);
	input_close(&m->in, &m->w);
	assert_int_equal(m->eofs, 0);
}

static void a_signal_ends_a_write_that_waits(void **state)
{
	struct made *m = *state;
	struct fuse_req *req = write_some(m, "x", 1, false);

	fake_signal(req);
	CHECK_RC(answer(req), -EINTR);
	input_more(&m->fs, &m->in, 5);
	assert_int_equal(m->got.len, 0);
	assert_int_equal(m->in.credit, 5);
	input_close(&m->in, &m->w);
}

static void poll_says_the_truth(void **state)
{
	struct made *m = *state;
	struct fuse_pollhandle *ph[3] = { fake_poll(), fake_poll(), fake_poll() };

	assert_int_equal(input_poll(&m->in, &m->w, ph[0]), 0);
	input_more(&m->fs, &m->in, 1);
	sem_wait(&ph[0]->told);
	assert_int_equal(input_poll(&m->in, &m->w, NULL), POLLOUT | POLLWRNORM);
	assert_int_equal(answer(write_some(m, "x", 1, true)), 1);
	assert_int_equal(input_poll(&m->in, &m->w, ph[1]), 0);
	assert_int_equal(input_poll(&m->in, &m->w, ph[2]), 0);
	assert_int_equal(ph[1]->destroyed, 1);
	input_end(&m->fs, &m->in);
	sem_wait(&ph[2]->told);
	assert_true(input_poll(&m->in, &m->w, NULL) & POLLERR);
	CHECK_RC(answer(write_some(m, "x", 1, true)), -EPIPE);
	input_close(&m->in, &m->w);
	notifier_close(take_ptr(m->fs.notifier));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ph[i]->destroyed, 1);
		free(ph[i]);
	}
}

static void the_last_close_is_the_end_and_only_once(void **state)
{
	struct made *m = *state;
	struct input_writer other = { 0 };

	input_open(&m->in, &other);
	input_close(&m->in, &m->w);
	assert_int_equal(m->eofs, 0);
	assert_true(input_eof(&m->fs, &m->in)); /* asked for by ctl */
	assert_false(input_eof(&m->fs, &m->in));
	input_close(&m->in, &other);
	assert_int_equal(m->eofs, 1);
}

static void what_the_stream_does_not_take_is_said(void **state)
{
	struct made *m = *state;

	m->rc = -ENOBUFS;
	input_more(&m->fs, &m->in, 5);
	assert_true(answer(write_some(m, "x", 1, false)) < 0);
	assert_int_equal(m->in.credit, 5);
	input_close(&m->in, &m->w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_write_waits_for_credit_and_takes_a_part, make, unmake),
		cmocka_unit_test_setup_teardown(without_waiting_it_is_eagain, make, unmake),
		cmocka_unit_test_setup_teardown(a_signal_ends_a_write_that_waits, make, unmake),
		cmocka_unit_test_setup_teardown(poll_says_the_truth, make, unmake),
		cmocka_unit_test_setup_teardown(
			the_last_close_is_the_end_and_only_once, make, unmake),
		cmocka_unit_test_setup_teardown(
			what_the_stream_does_not_take_is_said, make, unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
