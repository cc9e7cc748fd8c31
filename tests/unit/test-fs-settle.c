#include "tests/lib/fakefuse.h"
#include "tests/lib/test.h"

#include "common/base/clock.h"
#include "fs/box.h"
#include "fs/handle.h"
#include "fs/notify.h"
#include "fs/ops.h"
#include "fs/writer.h"

/* A file that was written to: nothing of it is pending, and it is not open at the far end. */
struct made {
	struct options opt;
	struct fs fs;
	struct box *box;
	struct node *n;
	struct handle *h;
};

static void open_written(struct made *m)
{
	struct stat st = { 0 };

	scoped_lock(&m->fs.lock);
	m->n = node_make(&m->fs.nodes, m->fs.nodes.root, "f", NODE_INSIDE, m->box);
	node_ref(m->n);
	m->h = handle_new(m->n);
	m->h->writable = true;
	handle_opened(m->h);
	writer_believe(m->n, 0, &st);
	writer_settle(m->n, writer_generation(m->n));
}

static int make(void **state)
{
	struct made *m = xcalloc(1, sizeof(*m));

	assert_int_equal(fs_init(&m->fs, &m->opt), 0);
	m->box = box_new(&m->fs, "", "b", "uid", "", "", true);
	open_written(m);
	fake_kernel_init();
	*state = m;
	return 0;
}

static int unmake(void **state)
{
	struct made *m = *state;

	for (int i = 0; i < 9; i++)
		sem_post(&fake_kernel.reads); /* what a failed test has left waiting */
	handle_unref_unlocked(&m->fs, m->h);
	pthread_mutex_lock(&m->fs.lock);
	node_unref(&m->fs, m->n);
	pthread_mutex_unlock(&m->fs.lock);
	box_unref(m->box);
	nodes_fini(&m->fs.nodes);
	fs_fini(&m->fs);
	fake_forget = NULL;
	free(m);
	return 0;
}

static void wait_for_last(struct made *m)
{
	sem_t done;

	sem_init(&done, 0, 0);
	notify_last(m->fs.notifier, m->box, fake_post, &done);
	sem_wait(&done);
}

static void wait_for_then(struct made *m)
{
	sem_t done;

	sem_init(&done, 0, 0);
	notify_then(m->fs.notifier, fake_post, &done);
	sem_wait(&done);
}

static void give_up(struct made *m, int rc)
{
	scoped_lock(&m->fs.lock);
	writer_fail(m->h, rc);
}

static struct fuse_req *settle(struct made *m, void (*how)(struct op *op))
{
	struct fuse_file_info fi = { .fh = (uintptr_t)m->h };
	struct fuse_req *r = fake_req();

	how(op_new(&m->fs, r, "settle", m->n->id, &fi));
	return r;
}

/* Answered when the page that the kernel is reading has come, and no sooner. */
static struct fuse_req *settle_behind_a_read(struct made *m, void (*how)(struct op *op))
{
	struct fuse_req *r = settle(m, how);
	int before;

	wait_for_then(m);
	before = r->answers;
	sem_post(&fake_kernel.reads);
	wait_for_last(m);
	assert_int_equal(before, 0);
	assert_int_equal(r->answers, 1);
	return r;
}

/* Else who reads at once what could not be written is given it from the kernel's pages. */
static void says_what_failed_when_the_pages_are_forgotten(struct made *m, void (*how)(struct op *))
{
	struct fuse_req *r;

	give_up(m, -ENOSPC);
	r = settle_behind_a_read(m, how);
	assert_int_equal(fake_kernel.pages, 1);
	assert_int_equal(r->err, ENOSPC);
	fake_req_free(r);
}

static void a_close_says_what_failed_when_the_pages_are_forgotten(void **state)
{
	says_what_failed_when_the_pages_are_forgotten(*state, inside_flush);
}

static void an_fsync_says_what_failed_when_the_pages_are_forgotten(void **state)
{
	says_what_failed_when_the_pages_are_forgotten(*state, inside_fsync);
}

/* It may be a part of what the program wrote at once: then that was short, and it has heard of no failure. */
static void what_a_write_has_told_is_told_by_the_close_too(void **state)
{
	struct made *m = *state;
	struct fuse_req *r;
	int told, again, more;

	sem_post(&fake_kernel.reads);
	sem_post(&fake_kernel.reads);
	give_up(m, -ENOSPC);
	pthread_mutex_lock(&m->fs.lock);
	told = writer_tell_error(m->h);
	again = writer_tell_error(m->h);
	pthread_mutex_unlock(&m->fs.lock);
	give_up(m, -EIO);
	pthread_mutex_lock(&m->fs.lock);
	more = writer_tell_error(m->h);
	pthread_mutex_unlock(&m->fs.lock);
	r = settle(m, inside_flush);
	wait_for_last(m);
	assert_int_equal(told, -ENOSPC);
	assert_int_equal(again, 0);
	assert_int_equal(more, -ENOSPC);
	assert_int_equal(r->err, ENOSPC);
	fake_req_free(r);
	r = settle(m, inside_flush);
	wait_for_last(m);
	assert_int_equal(r->err, 0);
	fake_req_free(r);
}

/* What was given up may have been heard of already, by a call whose answer waits for nothing. */
static void a_close_waits_for_the_pages_though_the_failure_was_told(void **state)
{
	struct made *m = *state;
	struct fuse_req *r;

	give_up(m, -EIO);
	pthread_mutex_lock(&m->fs.lock);
	CHECK_RC(writer_take_error(m->h), -EIO);
	pthread_mutex_unlock(&m->fs.lock);
	r = settle_behind_a_read(m, inside_flush);
	assert_int_equal(r->err, 0);
	fake_req_free(r);
}

static void nobody_waits_where_nothing_has_failed(void **state)
{
	struct fuse_req *r = settle(*state, inside_flush);

	assert_int_equal(r->answers, 1);
	assert_int_equal(r->err, 0);
	assert_int_equal(fake_kernel.pages, 0);
	fake_req_free(r);
}

/* The kernel has new pages then, without having been given attributes in between. */
static void pages_are_forgotten_again_when_more_fails(void **state)
{
	struct made *m = *state;

	for (int i = 1; i < 4; i++) {
		give_up(m, -EIO);
		sem_post(&fake_kernel.reads);
		wait_for_last(m);
		assert_int_equal(fake_kernel.pages, i);
	}
}

static void a_thousand_failures_fill_no_queue(void **state)
{
	struct made *m = *state;

	for (int i = 0; i < 1000; i++)
		give_up(m, -EIO);
	for (int i = 0; i < 1000; i++)
		sem_post(&fake_kernel.reads);
	wait_for_last(m);
	/* the one that had begun already, and one for all others */
	assert_in_range(fake_kernel.pages, 1, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_close_says_what_failed_when_the_pages_are_forgotten, make, unmake),
		cmocka_unit_test_setup_teardown(
			an_fsync_says_what_failed_when_the_pages_are_forgotten, make, unmake),
		cmocka_unit_test_setup_teardown(
			a_close_waits_for_the_pages_though_the_failure_was_told, make, unmake),
		cmocka_unit_test_setup_teardown(
			what_a_write_has_told_is_told_by_the_close_too, make, unmake),
		cmocka_unit_test_setup_teardown(
			nobody_waits_where_nothing_has_failed, make, unmake),
		cmocka_unit_test_setup_teardown(
			pages_are_forgotten_again_when_more_fails, make, unmake),
		cmocka_unit_test_setup_teardown(a_thousand_failures_fill_no_queue, make, unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
