#include "tests/lib/fakefuse.h"
#include "tests/lib/test.h"

#include "common/base/clock.h"
#include "fs/fs.h"
#include "fs/notify.h"
#include "fs/output.h"
#include "fs/pool.h"

#define MIB    (1024 * 1024)
#define WINDOW (64 * 1024)

/* A giver that sends what it may, as an agent does. */
struct giver {
	struct output *o;
	_Atomic uint64_t allowed;
	uint64_t sent;
	_Atomic int refuses; /* so many times it has no room for being told */
};

struct made {
	struct options opt;
	struct fs fs;
};

static int make(void **state)
{
	struct made *m = xcalloc(1, sizeof(*m));

	m->opt.spool_total_mib = 1024;
	assert_int_equal(fs_init(&m->fs, &m->opt), 0);
	*state = m;
	return 0;
}

static int unmake(void **state)
{
	struct made *m = *state;

	assert_int_equal(m->fs.pool.held, 0);
	assert_int_equal(m->fs.pool.hungry, 0);
	nodes_fini(&m->fs.nodes);
	fs_fini(&m->fs);
	free(m);
	return 0;
}

static int more(void *arg, int stream, size_t n)
{
	struct giver *g = arg;

	assert_int_equal(stream, 1);
	if (g->refuses > 0 && g->refuses-- > 0)
		return -ENOBUFS;
	g->allowed += n;
	return 0;
}

static void open_on(struct made *m, struct giver *g, struct output *o, uint64_t max, bool drop)
{
	*g = (struct giver){ .o = o, .allowed = WINDOW };
	output_init(o, max, WINDOW);
	output_join(o, &m->fs.pool, drop, more, g, 1);
}

static char byte_at(uint64_t at)
{
	return (char)(at * 31 % 251);
}

/* As far as it may, to a total of n. */
static void give(struct made *m, struct giver *g, uint64_t n)
{
	char bytes[5000];

	while (g->sent < n && g->sent < g->allowed) {
		uint64_t part = sizeof(bytes);

		if (part > n - g->sent)
			part = n - g->sent;
		if (part > g->allowed - g->sent)
			part = g->allowed - g->sent;
		for (size_t i = 0; i < part; i++)
			bytes[i] = byte_at(g->sent + i);
		g->sent += part;
		output_add(&m->fs, g->o, bytes, part);
	}
}

/* -errno, or the count of bytes, which are checked; waits is 1 when there must be no answer yet. */
static long read_at(
	struct made *m, struct output *o, struct output_reader *r, uint64_t at, size_t n)
{
	struct fuse_req *req = fake_req();
	long rc;

	output_read(o, r, fake_op(&m->fs, req, at, n), true);
	assert_int_equal(req->answers, 1);
	rc = req->err ? -req->err : (long)req->n;
	for (long i = 0; i < rc; i++) {
		if (req->bytes[i] != byte_at(at + (uint64_t)i))
			fail_msg("byte %llu is another", (unsigned long long)at + (unsigned long)i);
	}
	fake_req_free(req);
	return rc;
}

static bool describes(struct output *o, const char *part)
{
	auto_buf text = BUF_INIT(1000);
	struct output none;
	bool has;

	output_init(&none, 1, 1);
	output_describe(o, &none, &text);
	output_fini(&none);
	has = strstr(buf_text(&text), part);
	if (!has)
		print_message("# %s\n", buf_text(&text));
	return has;
}

static void waits_at_the_ceiling_until_its_reader_reads(void **state)
{
	struct made *m = *state;
	struct output_reader r = { .started = true };
	struct output o;
	struct giver g;
	uint64_t at = 0;

	open_on(m, &g, &o, MIB, false);
	output_open(&o, &r);
	give(m, &g, 64 * MIB);
	assert_int_equal(g.sent, MIB);
	assert_true(describes(&o, "\"full\":\"ceiling\""));
	while (at < 10 * MIB) {
		long n = read_at(m, &o, &r, at, 30000);

		assert_true(n > 0);
		at += (uint64_t)n;
		give(m, &g, 64 * MIB);
		assert_true(g.sent - at <= MIB);
	}
	assert_false(o.dropped);
	output_end(&m->fs, &o, 0);
	assert_false(describes(&o, "full"));
	CHECK_RC(read_at(m, &o, &r, 0, 1), -ENODATA);
	output_close(&o, &r);
	output_fini(&o);
}

static void many_readers_keep_what_the_slowest_needs(void **state)
{
	struct made *m = *state;
	struct output_reader r[8] = { { 0 } };
	uint64_t at[8] = { 0 };
	struct output o;
	struct giver g;

	open_on(m, &g, &o, MIB, false);
	for (int i = 0; i < 8; i++) {
		r[i].started = true;
		output_open(&o, &r[i]);
	}
	for (int turn = 0; turn < 4000; turn++) {
		int i = turn % 8;

		give(m, &g, 64 * MIB);
		if (at[i] < g.sent && turn / 8 % (i + 1) == 0) {
			long n = read_at(m, &o, &r[i], at[i], 1000 * (size_t)(i + 1));

			assert_true(n > 0);
			at[i] += (uint64_t)n;
		}
	}
	assert_true(g.sent > MIB);
	output_end(&m->fs, &o, 0);
	for (int i = 0; i < 8; i++)
		output_close(&o, &r[i]);
	output_fini(&o);
}

/* One has read all and waits; the one that was behind goes away: it must go on by that alone. */
static void the_slowest_readers_close_lets_it_go_on(void **state)
{
	struct made *m = *state;
	struct output_reader fast = { .started = true }, slow = { .started = true };
	struct fuse_req *req = fake_req();
	struct output o;
	struct giver g;
	uint64_t before;

	open_on(m, &g, &o, MIB, false);
	output_open(&o, &fast);
	output_open(&o, &slow);
	give(m, &g, 64 * MIB);
	output_read(&o, &fast, fake_op(&m->fs, req, g.sent, 10), false);
	assert_int_equal(req->answers, 0);
	before = g.allowed;
	output_close(&o, &slow);
	assert_true(g.allowed > before);
	give(m, &g, g.sent + 1);
	assert_int_equal(req->answers, 1);
	assert_int_equal(req->n, 1);
	fake_req_free(req);
	output_end(&m->fs, &o, 0);
	output_close(&o, &fast);
	output_fini(&o);
}

static void drops_the_oldest_and_counts_them(void **state)
{
	struct made *m = *state;
	struct output_reader r = { .started = true };
	struct output o;
	struct giver g;
	uint64_t start;

	open_on(m, &g, &o, MIB, true);
	output_open(&o, &r);
	give(m, &g, WINDOW);
	assert_int_equal(read_at(m, &o, &r, 0, 1000), 1000);
	give(m, &g, 9 * MIB);
	assert_int_equal(g.sent, 9 * MIB);
	CHECK_RC(read_at(m, &o, &r, 1000, 1000), -ENODATA);
	CHECK_RC(read_at(m, &o, &r, 1000, 1000), -ENODATA);
	start = o.spool.start;
	assert_in_range(start, 8 * MIB, 8 * MIB + 2 * WINDOW);
	assert_in_range(o.dropped, start - WINDOW, start);
	assert_true(describes(&o, "\"stdout_start\":8"));
	assert_true(describes(&o, "\"dropped\":"));
	CHECK_RC(read_at(m, &o, &r, start - 1, 1), -ENODATA);
	assert_int_equal(read_at(m, &o, &r, start, 100000), 100000);
	output_end(&m->fs, &o, 0);
	assert_int_equal(read_at(m, &o, &r, 9 * MIB, 5), 0);
	output_close(&o, &r);
	output_fini(&o);
}

static void a_conversation_is_told_once_and_goes_on(void **state)
{
	struct made *m = *state;
	struct output_reader r = { 0 };
	uint64_t position = 0;
	struct output o;
	struct giver g;

	open_on(m, &g, &o, MIB, true);
	output_open(&o, &r);
	give(m, &g, 3 * MIB);
	for (int i = 0; i < 2; i++) {
		struct fuse_req *req = fake_req();
		struct op *op = fake_op(&m->fs, req, position, 100);

		op->advance = &position;
		output_read(&o, &r, op, true);
		assert_int_equal(req->err, i == 0 ? ENODATA : 0);
		assert_int_equal(req->n, i == 0 ? 0 : 100);
		fake_req_free(req);
	}
	assert_int_equal(position, o.spool.start + 100);
	output_end(&m->fs, &o, 0);
	output_close(&o, &r);
	output_fini(&o);
}

static void every_offset_is_answered_as_it_must(void **state)
{
	struct made *m = *state;
	struct output_reader r = { 0 };
	struct output o;
	struct giver g;

	open_on(m, &g, &o, MIB, true);
	output_open(&o, &r);
	give(m, &g, 2 * MIB + 12345);
	for (uint64_t at = 0; at < g.sent + 100000; at += 7001) {
		long want = at < o.spool.start   ? -ENODATA
			    : at >= g.sent       ? -EAGAIN
			    : g.sent - at < 9000 ? (long)(g.sent - at)
						 : 9000;

		CHECK_RC(read_at(m, &o, &r, at, 9000), want);
	}
	CHECK_RC(read_at(m, &o, &r, UINT64_MAX, 1), -EAGAIN);
	output_end(&m->fs, &o, -EIO);
	CHECK_RC(read_at(m, &o, &r, g.sent, 10), -EIO);
	CHECK_RC(read_at(m, &o, &r, UINT64_MAX, 1), -EIO);
	assert_int_equal(read_at(m, &o, &r, g.sent - 10, 100), 10);
	output_close(&o, &r);
	output_fini(&o);
}

static void reads_wait_for_bytes_a_signal_or_the_end(void **state)
{
	struct made *m = *state;
	struct output_reader r = { 0 };
	struct fuse_req *reqs[3] = { fake_req(), fake_req(), fake_req() };
	struct output o;
	struct giver g;

	open_on(m, &g, &o, MIB, false);
	output_open(&o, &r);
	output_read(&o, &r, fake_op(&m->fs, reqs[0], 0, 10), false);
	output_read(&o, &r, fake_op(&m->fs, reqs[1], 5, 10), false);
	output_read(&o, &r, fake_op(&m->fs, reqs[2], 0, 10), false);
	fake_signal(reqs[2]);
	assert_int_equal(reqs[2]->err, EINTR);
	give(m, &g, 3);
	assert_int_equal(reqs[0]->n, 3);
	assert_int_equal(reqs[1]->answers, 0);
	output_end(&m->fs, &o, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(reqs[i]->answers, 1);
		fake_req_free(reqs[i]);
	}
	output_close(&o, &r);
	output_fini(&o);
}

static void pollers_are_told_of_bytes_and_of_the_end(void **state)
{
	struct made *m = *state;
	struct output_reader r = { 0 };
	struct fuse_pollhandle *ph[3] = { fake_poll(), fake_poll(), fake_poll() };
	struct output o;
	struct giver g;

	open_on(m, &g, &o, MIB, false);
	output_open(&o, &r);
	assert_false(output_poll(&o, &r, 0, ph[0]));
	assert_false(output_poll(&o, &r, 0, ph[1]));
	assert_int_equal(ph[0]->destroyed, 1);
	give(m, &g, 3);
	sem_wait(&ph[1]->told);
	assert_true(output_poll(&o, &r, 0, NULL));
	assert_false(output_poll(&o, &r, 3, ph[2]));
	output_end(&m->fs, &o, 0);
	sem_wait(&ph[2]->told);
	assert_true(output_poll(&o, &r, 3, NULL));
	output_close(&o, &r);
	output_fini(&o);
	notifier_close(take_ptr(m->fs.notifier)); /* then all handles are done with */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ph[i]->destroyed, 1);
		free(ph[i]);
	}
}

static void a_giver_that_could_not_be_told_is_told_later(void **state)
{
	struct made *m = *state;
	struct output o;
	struct giver g;

	open_on(m, &g, &o, MIB, false);
	g.refuses = 1;
	give(m, &g, WINDOW); /* each quarter that has come is given back */
	assert_int_equal(g.refuses, 0);
	assert_in_range(g.allowed, 2 * WINDOW - WINDOW / 4, 2 * WINDOW);
	output_end(&m->fs, &o, 0);
	output_fini(&o);
}

/* --- all together ----------------------------------------------------------- */

static void at_the_total_the_oldest_finished_go_first(void **state)
{
	struct made *m = *state;
	struct output_reader r = { .started = true };
	struct output old[3], o;
	struct giver g[3], last;

	m->fs.pool.max = 4 * MIB;
	for (int i = 0; i < 3; i++) {
		open_on(m, &g[i], &old[i], 2 * MIB, false);
		give(m, &g[i], MIB);
		assert_int_equal(g[i].sent, MIB);
		if (i < 2)
			output_end(&m->fs, &old[i], 0);
	}
	output_open(&old[0], &r);
	open_on(m, &last, &o, 3 * MIB, false);
	give(m, &last, 3 * MIB);
	assert_int_equal(old[0].spool.start, 0); /* somebody has it open */
	assert_int_equal(old[1].spool.start, MIB);
	assert_true(describes(&old[1], "\"dropped\":1048576"));
	assert_int_equal(old[2].spool.start, 0); /* it runs */
	assert_in_range(last.sent, 2 * MIB - 2 * WINDOW, 2 * MIB + WINDOW);
	assert_true(describes(&o, "\"full\":\"total\""));
	output_close(&old[0], &r); /* now it may go, too: that alone is enough */
	give(m, &last, 3 * MIB);
	assert_in_range(last.sent, 3 * MIB - 2 * WINDOW, 3 * MIB);
	assert_int_equal(old[0].spool.start, MIB);
	output_end(&m->fs, &old[2], 0);
	output_end(&m->fs, &o, 0);
	for (int i = 0; i < 3; i++)
		output_fini(&old[i]);
	output_fini(&o);
}

static void at_the_total_a_reader_makes_its_own_room(void **state)
{
	struct made *m = *state;
	struct output_reader r = { .started = true };
	struct output full, o;
	struct giver g, last;
	uint64_t at = 0;

	m->fs.pool.max = MIB;
	open_on(m, &g, &full, 2 * MIB, false);
	give(m, &g, 2 * MIB);
	open_on(m, &last, &o, 2 * MIB, false);
	output_open(&o, &r);
	while (at < 3 * MIB) {
		long n;

		give(m, &last, 9 * MIB);
		n = read_at(m, &o, &r, at, 4000);
		if (n == -EAGAIN) { /* that it asks frees what it has read */
			give(m, &last, 9 * MIB);
			n = read_at(m, &o, &r, at, 4000);
		}
		assert_true(n > 0);
		at += (uint64_t)n;
	}
	assert_in_range(m->fs.pool.held, 0, MIB + WINDOW);
	output_fini(&full);
	output_close(&o, &r);
	output_fini(&o);
}

/* --- a disk that is full ------------------------------------------------------ */

static void a_full_disk_holds_the_run_back_and_loses_nothing(void **state)
{
	struct made *m = *state;
	struct output_reader r = { 0 };
	struct output o;
	struct giver g;
	uint64_t held, at = 0;

	setenv("TMPDIR", "/nonexistent", 1);
	open_on(m, &g, &o, 8 * MIB, false);
	give(m, &g, 3 * MIB);
	held = g.sent;
	assert_in_range(held, MIB, MIB + 2 * WINDOW);
	assert_true(describes(&o, "\"full\":\"ENOENT\""));
	unsetenv("TMPDIR");
	for (int i = 0; i < 100 && g.allowed == held; i++) /* the notifier looks now and then */
		nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000 * 1000 }, NULL);
	give(m, &g, 3 * MIB);
	assert_int_equal(g.sent, 3 * MIB);
	assert_int_equal(o.rc, 0);
	output_end(&m->fs, &o, 0);
	output_open(&o, &r);
	while (at < 3 * MIB)
		at += (uint64_t)read_at(m, &o, &r, at, 100000);
	assert_int_equal(at, 3 * MIB);
	output_close(&o, &r);
	output_fini(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			waits_at_the_ceiling_until_its_reader_reads, make, unmake),
		cmocka_unit_test_setup_teardown(
			many_readers_keep_what_the_slowest_needs, make, unmake),
		cmocka_unit_test_setup_teardown(
			the_slowest_readers_close_lets_it_go_on, make, unmake),
		cmocka_unit_test_setup_teardown(drops_the_oldest_and_counts_them, make, unmake),
		cmocka_unit_test_setup_teardown(
			a_conversation_is_told_once_and_goes_on, make, unmake),
		cmocka_unit_test_setup_teardown(every_offset_is_answered_as_it_must, make, unmake),
		cmocka_unit_test_setup_teardown(
			reads_wait_for_bytes_a_signal_or_the_end, make, unmake),
		cmocka_unit_test_setup_teardown(
			pollers_are_told_of_bytes_and_of_the_end, make, unmake),
		cmocka_unit_test_setup_teardown(
			a_giver_that_could_not_be_told_is_told_later, make, unmake),
		cmocka_unit_test_setup_teardown(
			at_the_total_the_oldest_finished_go_first, make, unmake),
		cmocka_unit_test_setup_teardown(
			at_the_total_a_reader_makes_its_own_room, make, unmake),
		cmocka_unit_test_setup_teardown(
			a_full_disk_holds_the_run_back_and_loses_nothing, make, unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
