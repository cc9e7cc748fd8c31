/* The second stream of a session, over local far ends: what goes on it, and what its loss does. */
#include "tests/lib/owntmp.h"
#include "tests/lib/test.h"

#include "common/base/clock.h"
#include "common/session/session.h"

#include <dirent.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE   (128 * 1024)
#define PIECES  40
#define SIZE    (PIECE * PIECES)
#define AGENTS  8
#define WAIT_MS 20000

struct fixture {
	char dir[32];
	struct session *s;
	char *bytes; /* SIZE of them */
};

static int64_t soon(void)
{
	return deadline_after(WAIT_MS);
}

static int open_as(void **state, bool one_stream, bool agent_sh)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct session_spec spec = { .ns = "test",
		.pod = "local",
		.root = f->dir,
		.one_stream = one_stream,
		.agent_sh = agent_sh };

	snprintf(f->dir, sizeof(f->dir), "/tmp/sbx-bulk.XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	f->bytes = xmalloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		f->bytes[i] = (char)(i * 2654435761U >> 13);
	*state = f;
	return session_open(&spec, &f->s);
}

static int set_up(void **state)
{
	return open_as(state, false, false);
}

static int set_up_one(void **state)
{
	return open_as(state, true, false);
}

static int set_up_sh(void **state)
{
	return open_as(state, false, true);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	auto_free char *rm = xprintf("rm -rf %s", f->dir);

	session_close(f->s, 1000);
	if (system(rm) != 0)
		return -1;
	free(f->bytes);
	free(f);
	return 0;
}

/* --- requests ------------------------------------------------------------------ */

static int ask(struct fixture *f, struct remote_request rq, struct remote_reply *reply)
{
	struct remote_reply own = { 0 };
	int rc = session_call(f->s, &rq, soon(), reply ? reply : &own);

	remote_reply_fini(&own);
	return rc;
}

#define ASK(...) ask(f, (struct remote_request){ __VA_ARGS__ }, NULL)

static uint64_t open_file(struct fixture *f, const char *path, uint32_t flags)
{
	struct remote_request rq = { .op = OP_OPEN, .path = path, .flags = flags, .mode = 0644 };
	struct remote_reply reply;
	uint64_t handle;

	CHECK_RC(ask(f, rq, &reply), 0);
	handle = reply.handle;
	remote_reply_fini(&reply);
	return handle;
}

static int put(struct fixture *f, uint64_t h, int piece)
{
	return ASK(.op = OP_WRITE, .handle = h, .offset = (uint64_t)piece * PIECE,
		.data = f->bytes + (size_t)piece * PIECE, .n = PIECE);
}

static int get(struct fixture *f, uint64_t h, int piece)
{
	struct remote_request rq = {
		.op = OP_READ, .handle = h, .offset = (uint64_t)piece * PIECE, .size = PIECE
	};
	struct remote_reply reply;
	int rc = ask(f, rq, &reply);

	if (rc == 0) {
		assert_int_equal(reply.n, PIECE);
		assert_memory_equal(reply.data, f->bytes + (size_t)piece * PIECE, PIECE);
	}
	remote_reply_fini(&reply);
	return rc;
}

static bool described(struct fixture *f, const char *part)
{
	auto_buf b = BUF_INIT(4096);

	session_describe(f->s, &b);
	return strstr(buf_text(&b), part) != NULL;
}

/* Asks for pieces until n files are on the bulk stream. */
static void use_until(struct fixture *f, uint64_t h, bool writing, int n)
{
	auto_free char *wanted = xprintf("\"bulk_files\":%d,", n);
	int64_t deadline_ms = soon();

	for (int i = 0; !described(f, wanted); i++) {
		CHECK_RC(writing ? put(f, h, i % PIECES) : get(f, h, i % PIECES), 0);
		assert_false(deadline_passed(deadline_ms));
	}
}

/* A file of all the bytes, open as flags say, on the bulk stream. */
static uint64_t moved_file(struct fixture *f, const char *path, uint32_t flags)
{
	uint64_t h = open_file(f, path, OPEN_CREATE | OPEN_WRITE | flags);

	for (int i = 0; i < PIECES; i++)
		CHECK_RC(put(f, h, i), 0);
	if (!(flags & OPEN_WRITE)) {
		CHECK_RC(ASK(.op = OP_CLOSE, .handle = h), 0);
		h = open_file(f, path, flags);
	}
	use_until(f, h, flags & OPEN_WRITE, 1);
	return h;
}

static void file_is_right(struct fixture *f, const char *path)
{
	auto_free char *real = xprintf("%s%s", f->dir, path);
	auto_free char *got = xmalloc(SIZE + 1);
	auto_close int fd = open(real, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, got, SIZE + 1), SIZE);
	assert_memory_equal(got, f->bytes, SIZE);
}

/* --- the far ends --------------------------------------------------------------- */

static int parent_of(int pid)
{
	auto_free char *path = xprintf("/proc/%d/stat", pid);
	FILE *file = fopen(path, "re");
	int parent = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%*d (%*[^)]) %*c %d", &parent) != 1)
		parent = -1;
	fclose(file);
	return parent;
}

/* The child that came last: with two streams the bulk one's agent; first: the other. */
static int agent(bool first)
{
	DIR *proc = opendir("/proc");
	int found = 0;

	for (struct dirent *d = readdir(proc); d; d = readdir(proc)) {
		int pid = (int)strtol(d->d_name, NULL, 10);

		if (pid <= 0 || parent_of(pid) != getpid())
			continue;
		if (!found || (first ? pid < found : pid > found))
			found = pid;
	}
	closedir(proc);
	assert_true(found > 0);
	return found;
}

static void await_text(struct fixture *f, const char *part)
{
	int64_t deadline_ms = soon();

	while (!described(f, part)) {
		assert_false(deadline_passed(deadline_ms));
		sched_yield();
	}
}

struct answer {
	sem_t came;
	struct remote_reply reply;
};

static void came(void *arg, struct remote_reply *reply)
{
	struct answer *a = arg;

	remote_reply_move(&a->reply, reply);
	sem_post(&a->came);
}

static void send(struct fixture *f, const struct remote_request *rq, struct answer *a)
{
	sem_init(&a->came, 0, 0);
	session_send(f->s, rq, soon(), came, a);
}

static int await(struct answer *a)
{
	int rc;

	while (sem_wait(&a->came) < 0)
		continue;
	rc = a->reply.rc;
	sem_destroy(&a->came);
	return rc;
}

/* --- what goes on it ------------------------------------------------------------- */

static void a_large_file_moves_and_keeps_its_bytes(void **state)
{
	struct fixture *f = *state;
	uint64_t h = moved_file(f, "/f", OPEN_READ | OPEN_WRITE);
	struct remote_reply reply;

	for (int i = 0; i < PIECES; i++)
		CHECK_RC(put(f, h, i), 0);
	for (int i = 0; i < PIECES; i++)
		CHECK_RC(get(f, h, i), 0);
	CHECK_RC(ask(f, (struct remote_request){ .op = OP_FSTAT, .handle = h }, &reply), 0);
	assert_int_equal(reply.attr.size, SIZE);
	remote_reply_fini(&reply);
	CHECK_RC(ASK(.op = OP_FSYNC, .handle = h), 0);
	CHECK_RC(ASK(.op = OP_CLOSE, .handle = h), 0);
	assert_true(described(f, "\"bulk_files\":0,"));
	CHECK_RC(put(f, h, 0), -EBADF);
	file_is_right(f, "/f");
}

static void names_runs_and_small_files_want_none(void **state)
{
	struct fixture *f = *state;
	uint64_t h = open_file(f, "/f", OPEN_CREATE | OPEN_WRITE | OPEN_READ);

	for (int i = 0; i < 4; i++)
		CHECK_RC(put(f, h, i), 0);
	/* Many small reads are no bulk data. */
	for (int i = 0; i < 3000; i++)
		CHECK_RC(ASK(.op = OP_READ, .handle = h, .size = 4096), 0);
	CHECK_RC(ASK(.op = OP_LIST, .path = "/"), 0);
	CHECK_RC(ASK(.op = OP_CLOSE, .handle = h), 0);
	assert_false(described(f, "bulk"));
}

static void one_is_enough_when_told_so(void **state)
{
	struct fixture *f = *state;
	uint64_t h = open_file(f, "/f", OPEN_CREATE | OPEN_WRITE);

	for (int i = 0; i < PIECES; i++)
		CHECK_RC(put(f, h, i), 0);
	CHECK_RC(ASK(.op = OP_CLOSE, .handle = h), 0);
	assert_false(described(f, "bulk"));
	file_is_right(f, "/f");
}

static void a_file_without_a_name_moves_too(void **state)
{
	struct fixture *f = *state;
	uint64_t h = open_file(f, "/f", OPEN_CREATE | OPEN_WRITE | OPEN_READ);

	CHECK_RC(put(f, h, 0), 0);
	CHECK_RC(ASK(.op = OP_UNLINK, .path = "/f"), 0);
	CHECK_RC(ASK(.op = OP_CLOSE, .handle = open_file(f, "/f", OPEN_CREATE | OPEN_WRITE)), 0);
	for (int i = 1; i < PIECES; i++)
		CHECK_RC(put(f, h, i), 0);
	use_until(f, h, true, 1);
	for (int i = 0; i < PIECES; i++)
		CHECK_RC(get(f, h, i), 0);
	CHECK_RC(ASK(.op = OP_CLOSE, .handle = h), 0);
}

static void appends_stay_appends(void **state)
{
	struct fixture *f = *state;
	auto_free char *real = xprintf("%s/f", f->dir);
	uint64_t h = open_file(f, "/f", OPEN_CREATE | OPEN_APPEND);
	auto_close int fd = open(real, O_WRONLY | O_APPEND);
	int64_t deadline_ms = soon();
	struct stat st;
	off_t n = 0;

	while (!described(f, "\"bulk_files\":1,")) {
		CHECK_RC(put(f, h, 0), 0); /* wherever it says */
		assert_int_equal(write(fd, "x", 1), 1);
		n += PIECE + 1;
		assert_false(deadline_passed(deadline_ms));
	}
	CHECK_RC(put(f, h, 0), 0);
	assert_int_equal(write(fd, "x", 1), 1);
	CHECK_RC(put(f, h, 0), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, n + 2 * PIECE + 1);
	CHECK_RC(ASK(.op = OP_CLOSE, .handle = h), 0);
}

/* Overlapping writes, new sizes and reads of one file, all sent at once while it moves. */
static void order_is_kept_across_the_move(void **state)
{
	enum { COUNT = 400 };
	struct fixture *f = *state;
	uint64_t h = open_file(f, "/f", OPEN_CREATE | OPEN_WRITE | OPEN_READ);
	auto_free struct answer *all = xcalloc(COUNT, sizeof(*all));
	auto_free char *model = xcalloc(1, 4 * PIECE), *got = xmalloc(4 * PIECE);
	auto_free char *real = xprintf("%s/f", f->dir);
	auto_close int fd = -1;
	size_t size = 0;
	unsigned seed = 7;

	/* So that there is one to move to. */
	CHECK_RC(ASK(.op = OP_CLOSE, .handle = moved_file(f, "/g", OPEN_READ)), 0);
	for (int i = 0; i < COUNT; i++) {
		size_t at = (size_t)rand_r(&seed) % (3 * PIECE), from = (size_t)i * 1000;
		struct remote_request rq = { .op = OP_WRITE,
			.handle = h,
			.offset = at,
			.data = f->bytes + from,
			.n = PIECE };

		if (i % 7 == 6) {
			rq = (struct remote_request){ .op = OP_FSET,
				.handle = h,
				.sets = SET_SIZE,
				.size = at,
				SET_NO_OWNER,
				SET_NO_TIMES };
			if (at < size)
				memset(model + at, 0, size - at);
			size = at;
		} else {
			memcpy(model + at, f->bytes + from, PIECE);
			size = at + PIECE > size ? at + PIECE : size;
		}
		send(f, &rq, &all[i]);
	}
	for (int i = 0; i < COUNT; i++) {
		CHECK_RC(await(&all[i]), 0);
		remote_reply_fini(&all[i].reply);
	}
	assert_true(described(f, "\"bulk_files\":1,"));
	CHECK_RC(ASK(.op = OP_CLOSE, .handle = h), 0);
	fd = open(real, O_RDONLY);
	assert_int_equal(read(fd, got, 4 * PIECE), size);
	assert_memory_equal(got, model, size);
}

/* --- what its loss does ------------------------------------------------------------ */

static void what_has_nothing_out_goes_on_on_the_first(void **state)
{
	struct fixture *f = *state;
	uint64_t h = moved_file(f, "/f", OPEN_READ | OPEN_WRITE);

	assert_int_equal(kill(agent(false), SIGKILL), 0);
	await_text(f, "\"bulk\":false");
	assert_true(described(f, "\"bulk_lost\":1"));
	for (int i = 0; i < PIECES; i++)
		CHECK_RC(put(f, h, i), 0);
	use_until(f, h, true, 1); /* on the next one */
	assert_true(described(f, "\"bulk_opened\":2"));
	for (int i = 0; i < PIECES; i++)
		CHECK_RC(get(f, h, i), 0);
	CHECK_RC(ASK(.op = OP_CLOSE, .handle = h), 0);
	assert_true(described(f, "\"opened\":1,\"lost\":0"));
	file_is_right(f, "/f");
}

static void a_read_that_was_out_is_asked_again(void **state)
{
	struct fixture *f = *state;
	uint64_t h = moved_file(f, "/f", OPEN_READ);
	struct remote_request rq = { .op = OP_READ, .handle = h, .size = PIECE };
	struct answer a = { 0 };
	int pid = agent(false);

	assert_int_equal(kill(pid, SIGSTOP), 0);
	send(f, &rq, &a);
	/* A small one does not stand behind it. */
	CHECK_RC(ASK(.op = OP_READ, .handle = h, .size = 4096), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	CHECK_RC(await(&a), 0);
	assert_int_equal(a.reply.n, PIECE);
	assert_memory_equal(a.reply.data, f->bytes, PIECE);
	remote_reply_fini(&a.reply);
	CHECK_RC(ASK(.op = OP_CLOSE, .handle = h), 0);
}

static void a_change_that_was_out_makes_its_file_stale(void **state)
{
	struct fixture *f = *state;
	uint64_t other = open_file(f, "/other", OPEN_CREATE | OPEN_WRITE);
	uint64_t h = moved_file(f, "/f", OPEN_READ | OPEN_WRITE);
	struct remote_request rq = { .op = OP_WRITE, .handle = h, .data = f->bytes, .n = PIECE };
	struct answer a = { 0 };
	int pid = agent(false);

	assert_int_equal(kill(pid, SIGSTOP), 0);
	send(f, &rq, &a);
	assert_int_equal(kill(pid, SIGKILL), 0);
	CHECK_RC(await(&a), -EIO);
	remote_reply_fini(&a.reply);
	CHECK_RC(put(f, h, 0), -ESTALE);
	CHECK_RC(get(f, h, 0), -ESTALE);
	CHECK_RC(ASK(.op = OP_FSYNC, .handle = h), -ESTALE);
	CHECK_RC(put(f, other, 0), 0);
	CHECK_RC(ASK(.op = OP_CLOSE, .handle = h), 0);
	CHECK_RC(ASK(.op = OP_CLOSE, .handle = other), 0);
}

static void it_ends_with_the_first(void **state)
{
	struct fixture *f = *state;
	uint64_t h = moved_file(f, "/f", OPEN_READ);

	assert_int_equal(kill(agent(true), SIGKILL), 0);
	await_text(f, "\"lost\":1");
	CHECK_RC(ASK(.op = OP_STAT, .path = "/f"), 0);
	CHECK_RC(get(f, h, 0), -ESTALE);
	CHECK_RC(ASK(.op = OP_CLOSE, .handle = h), 0);
	h = open_file(f, "/f", OPEN_READ);
	use_until(f, h, false, 1);
	CHECK_RC(ASK(.op = OP_CLOSE, .handle = h), 0);
}

static void what_is_held_back_ends_with_the_first_too(void **state)
{
	struct fixture *f = *state;
	uint64_t h = open_file(f, "/f", OPEN_CREATE | OPEN_WRITE | OPEN_READ);
	struct answer all[PIECES] = { 0 };
	int bad = 0, odd = 0, gaps = 0;

	CHECK_RC(ASK(.op = OP_CLOSE, .handle = moved_file(f, "/g", OPEN_READ)), 0);
	for (int i = 0; i < PIECES; i++) {
		struct remote_request rq = {
			.op = OP_WRITE, .handle = h, .data = f->bytes, .n = PIECE
		};

		send(f, &rq, &all[i]);
		if (i == PIECES / 2)
			assert_int_equal(kill(agent(true), SIGKILL), 0);
	}
	for (int i = 0; i < PIECES; i++) {
		int rc = await(&all[i]);

		remote_reply_fini(&all[i].reply);
		odd += rc != 0 && rc != -EIO && rc != -ESTALE;
		gaps += rc == 0 && bad;
		bad = rc < 0 ? rc : bad;
	}
	assert_int_equal(odd, 0);
	assert_int_equal(gaps, 0);   /* none that nobody was told of */
	await_text(f, "\"lost\":1"); /* else the close may be lost with it */
	CHECK_RC(ASK(.op = OP_CLOSE, .handle = h), 0);
}

/* One is out on the first stream, the next waits for it; the first ends, and bulk is there for a moment yet. */
static void what_waits_for_one_that_is_lost_is_lost(void **state)
{
	struct fixture *f = *state;
	uint64_t from = open_file(f, "/from", OPEN_CREATE | OPEN_WRITE | OPEN_READ);
	uint64_t h = moved_file(f, "/f", OPEN_READ | OPEN_WRITE);
	const struct remote_request copy = {
		.op = OP_COPY, .handle = h, .handle2 = from, .size = PIECE
	};
	const struct remote_request write = {
		.op = OP_WRITE, .handle = h, .data = f->bytes, .n = PIECE
	};
	struct answer copied = { 0 }, wrote = { 0 };
	int pid = agent(true), rc[2];

	assert_int_equal(kill(pid, SIGSTOP), 0);
	send(f, &copy, &copied);
	send(f, &write, &wrote);
	assert_int_equal(kill(pid, SIGKILL), 0);
	rc[0] = await(&copied);
	rc[1] = await(&wrote);
	remote_reply_fini(&copied.reply);
	remote_reply_fini(&wrote.reply);
	assert_true(rc[0] < 0);
	CHECK_RC(rc[1], -ESTALE);
	await_text(f, "\"lost\":1");
	CHECK_RC(ASK(.op = OP_CLOSE, .handle = h), 0);
	CHECK_RC(ASK(.op = OP_CLOSE, .handle = from), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_large_file_moves_and_keeps_its_bytes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			names_runs_and_small_files_want_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_is_enough_when_told_so, set_up_one, tear_down),
		cmocka_unit_test_setup_teardown(one_is_enough_when_told_so, set_up_sh, tear_down),
		cmocka_unit_test_setup_teardown(a_file_without_a_name_moves_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(appends_stay_appends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(order_is_kept_across_the_move, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_has_nothing_out_goes_on_on_the_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_read_that_was_out_is_asked_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_change_that_was_out_makes_its_file_stale, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_ends_with_the_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_is_held_back_ends_with_the_first_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_waits_for_one_that_is_lost_is_lost, set_up, tear_down),
	};

	owntmp();
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
