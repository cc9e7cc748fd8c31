/* The order of requests on one handle, and attributes set all at once: of every far end. */
#include "tests/lib/agent.h"
#include "tests/lib/test.h"

#include "common/base/clock.h"
#include "common/remote/proto.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SENT_MAX 600

/* Requests that are sent without waiting, and what came of each. */
struct sent {
	struct agent *f;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	size_t count, answered;
	struct answer {
		struct sent *of;
		size_t order; /* in which it was answered, from 1 */
		struct remote_reply reply;
	} answers[SENT_MAX];
};

static struct sent *sent_open(struct agent *f)
{
	struct sent *s = calloc(1, sizeof(*s));

	s->f = f;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->cond, NULL);
	return s;
}

static void took(void *arg, struct remote_reply *reply)
{
	struct answer *a = arg;

	pthread_mutex_lock(&a->of->lock);
	remote_reply_move(&a->reply, reply);
	a->order = ++a->of->answered;
	pthread_cond_signal(&a->of->cond);
	pthread_mutex_unlock(&a->of->lock);
}

static void put(struct sent *s, struct remote_request rq)
{
	struct answer *a = &s->answers[s->count++];

	assert_true(s->count <= SENT_MAX);
	a->of = s;
	remote_send(s->f->r, &rq, deadline_after(LONG_MS), took, a);
}

#define PUT(...) put(s, (struct remote_request){ __VA_ARGS__ })

static void await(struct sent *s)
{
	pthread_mutex_lock(&s->lock);
	while (s->answered < s->count)
		pthread_cond_wait(&s->cond, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

static void sent_close(struct sent *s)
{
	for (size_t i = 0; i < s->count; i++)
		remote_reply_fini(&s->answers[i].reply);
	pthread_cond_destroy(&s->cond);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static bool is_tier(const char *name)
{
	return strcmp(agent_tier(), name) == 0;
}

/* The image has no tools for modes, owners and times. */
static bool has_tools(void)
{
	return !is_tier("reduced");
}

static void content_is(const char *path, const char *bytes, size_t n)
{
	char *got = malloc(n + 2);
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	assert_int_equal(fread(got, 1, n + 2, file), n);
	assert_memory_equal(got, bytes, n);
	fclose(file);
	free(got);
}

static const struct timespec leave = { 0, UTIME_OMIT };

static void makes_a_whole_file_without_waiting(void **state)
{
	struct agent *f = *state;
	const char *path = agent_in(f, "whole");
	const struct timespec then = { 1234567890, 0 };
	uint64_t h = PROTO_HANDLE_MIN + 77;
	struct sent *s = sent_open(f);
	struct stat st;

	PUT(.op = OP_OPEN, .path = path, .flags = OPEN_WRITE | OPEN_CREATE | OPEN_EXCL,
		.mode = 0600, .handle = h);
	PUT(.op = OP_WRITE, .handle = h, .data = "hello ", .n = 6);
	PUT(.op = OP_WRITE, .handle = h, .offset = 6, .data = "there", .n = 5);
	PUT(.op = OP_FSTAT, .handle = h);
	PUT(.op = OP_FSET, .handle = h, .sets = has_tools() ? SET_MODE : 0, .mode = 0751,
		.uid = REMOTE_ID_KEEP, .gid = REMOTE_ID_KEEP, .atime = leave,
		.mtime = has_tools() ? then : leave);
	PUT(.op = OP_CLOSE, .handle = h);
	PUT(.op = OP_WRITE, .handle = h, .offset = 11, .data = "x", .n = 1);
	await(s);
	for (int i = 0; i < 6; i++)
		if (i != 4 || agent_serves(f, OP_FSET))
			CHECK_RC(s->answers[i].reply.rc, 0);
	CHECK_RC(s->answers[6].reply.rc, -EBADF);
	assert_int_equal(s->answers[0].reply.handle, h);
	assert_int_equal(s->answers[3].reply.attr.size, 11);
	content_is(path, "hello there", 11);
	if (has_tools()) {
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0751);
		assert_int_equal(st.st_mtim.tv_sec, then.tv_sec);
		assert_int_equal(s->answers[4].reply.attr.mtime.tv_sec, then.tv_sec);
		assert_int_equal(s->answers[4].reply.attr.mode & 07777, 0751);
	}
	sent_close(s);
}

/* What shrinks goes packed both ways where the agent can, what does not goes as it is. */
static void large_contents_come_back_whatever_they_are(void **state)
{
	struct agent *f = *state;
	size_t max = remote_info(f->r)->max;
	size_t n = 2 * PROTO_SQUEEZE_MIN < max ? 2 * PROTO_SQUEEZE_MIN : max;
	char *bytes = malloc(n);
	uint32_t seed = 1;

	for (int noise = 0; noise < 2; noise++) {
		uint64_t h = PROTO_HANDLE_MIN + 90 + (uint64_t)noise;
		const char *path = agent_in(f, noise ? "noise" : "text");
		struct sent *s = sent_open(f);

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525u + 1013904223u;
			bytes[i] = noise ? (char)(seed >> 24) : "a few words again "[i % 18];
		}
		PUT(.op = OP_OPEN, .path = path, .flags = OPEN_READ | OPEN_WRITE | OPEN_CREATE,
			.mode = 0600, .handle = h);
		PUT(.op = OP_WRITE, .handle = h, .offset = 0, .data = bytes, .n = n);
		PUT(.op = OP_READ, .handle = h, .offset = 0, .size = n);
		PUT(.op = OP_READ, .handle = h, .offset = n / 2, .size = n);
		await(s);
		assert_int_equal(s->answers[1].reply.n, n);
		assert_int_equal(s->answers[2].reply.n, n);
		assert_memory_equal(s->answers[2].reply.data, bytes, n);
		assert_int_equal(s->answers[3].reply.n, n - n / 2);
		assert_memory_equal(s->answers[3].reply.data, bytes + n / 2, n - n / 2);
		content_is(path, bytes, n);
		sent_close(s);
	}
	free(bytes);
}

static void what_follows_a_failed_open_is_refused(void **state)
{
	struct agent *f = *state;
	uint64_t h = PROTO_HANDLE_MIN + 5;
	struct sent *s = sent_open(f);

	PUT(.op = OP_OPEN, .path = agent_in(f, "no/such/folder"), .flags = OPEN_WRITE | OPEN_CREATE,
		.mode = 0600, .handle = h);
	PUT(.op = OP_WRITE, .handle = h, .data = "x", .n = 1);
	PUT(.op = OP_WRITE, .handle = h, .data = "", .n = 0);
	PUT(.op = OP_FSTAT, .handle = h);
	PUT(.op = OP_FSET, .handle = h, .uid = REMOTE_ID_KEEP, .gid = REMOTE_ID_KEEP,
		.atime = leave, .mtime = leave);
	PUT(.op = OP_CLOSE, .handle = h);
	await(s);
	CHECK_RC(s->answers[0].reply.rc, -ENOENT);
	for (size_t i = 1; i < s->count; i++)
		if (i != 4 || agent_serves(f, OP_FSET))
			CHECK_RC(s->answers[i].reply.rc, -EBADF);
	sent_close(s);

	/* The number is free again. */
	s = sent_open(f);
	PUT(.op = OP_OPEN, .path = agent_in(f, "now"), .flags = OPEN_WRITE | OPEN_CREATE,
		.mode = 0600, .handle = h);
	PUT(.op = OP_WRITE, .handle = h, .data = "x", .n = 1);
	PUT(.op = OP_CLOSE, .handle = h);
	await(s);
	for (size_t i = 0; i < s->count; i++)
		CHECK_RC(s->answers[i].reply.rc, 0);
	content_is(agent_in(f, "now"), "x", 1);
	sent_close(s);
}

static void a_number_in_use_is_not_given_twice(void **state)
{
	struct agent *f = *state;
	const char *path = agent_in(f, "twice");
	uint64_t h = PROTO_HANDLE_MIN + 1;
	struct sent *s = sent_open(f);

	PUT(.op = OP_OPEN, .path = path, .flags = OPEN_WRITE | OPEN_CREATE, .mode = 0600,
		.handle = h);
	PUT(.op = OP_OPEN, .path = path, .flags = OPEN_WRITE, .handle = h);
	PUT(.op = OP_OPEN, .path = path, .flags = OPEN_WRITE, .handle = PROTO_HANDLE_MIN - 1);
	PUT(.op = OP_OPEN, .path = path, .flags = OPEN_WRITE | OPEN_CREATE, .mode = 0600);
	PUT(.op = OP_WRITE, .handle = h, .data = "y", .n = 1);
	await(s);
	CHECK_RC(s->answers[0].reply.rc, 0);
	CHECK_RC(s->answers[1].reply.rc, -EINVAL);
	CHECK_RC(s->answers[2].reply.rc, -EINVAL);
	CHECK_RC(s->answers[3].reply.rc, 0);
	assert_true(s->answers[3].reply.handle < PROTO_HANDLE_MIN);
	CHECK_RC(s->answers[4].reply.rc, 0);
	content_is(path, "y", 1);
	sent_close(s);
}

/* Each write lies over half of the one before it. */
static void writes_over_one_another_in_order(void **state)
{
	enum { WRITES = 60, N = 20000 };
	static char bytes[WRITES][N], whole[N];
	struct agent *f = *state;
	uint64_t h = PROTO_HANDLE_MIN;
	struct sent *s = sent_open(f);

	PUT(.op = OP_OPEN, .path = agent_in(f, "over"),
		.flags = OPEN_READ | OPEN_WRITE | OPEN_CREATE, .mode = 0600, .handle = h);
	for (int i = 0; i < WRITES; i++) {
		memset(bytes[i], 'A' + i, N);
		PUT(.op = OP_WRITE, .handle = h, .data = bytes[i], .n = N - (size_t)i * 100);
		memcpy(whole, bytes[i], N - (size_t)i * 100);
		PUT(.op = OP_READ, .handle = h, .size = 10);
		PUT(.op = OP_READ, .handle = h, .offset = 5, .size = 10);
	}
	PUT(.op = OP_FSYNC, .handle = h);
	await(s);
	for (size_t i = 0; i + 1 < s->count; i++) {
		CHECK_RC(s->answers[i].reply.rc, 0);
		if (i % 3 != 1 && i)
			assert_memory_equal(s->answers[i].reply.data, bytes[(i - 1) / 3], 10);
	}
	if (agent_serves(f, OP_FSYNC)) {
		CHECK_RC(s->answers[s->count - 1].reply.rc, 0);
		assert_true(s->answers[s->count - 1].reply.has_attr);
		assert_int_equal(s->answers[s->count - 1].reply.attr.size, N);
	}
	content_is(agent_in(f, "over"), whole, N);
	sent_close(s);
}

static void sets_what_it_is_told_and_leaves_the_rest(void **state)
{
	struct agent *f = *state;
	const char *path = agent_in(f, "set");
	struct remote_request rq = { .op = OP_SET,
		.path = path,
		.uid = REMOTE_ID_KEEP,
		.gid = REMOTE_ID_KEEP,
		.atime = leave,
		.mtime = leave };
	struct remote_reply reply;
	struct stat st;

	CHECK_RC(agent_ask(f,
			 (struct remote_request){ .op = OP_OPEN,
				 .path = path,
				 .flags = OPEN_WRITE | OPEN_CREATE,
				 .mode = 0640 },
			 &reply),
		0);
	rq.handle = reply.handle;
	remote_reply_fini(&reply);
	if (!agent_serves(f, OP_SET))
		return;
	if (!has_tools()) {
		rq.sets = SET_MODE;
		CHECK_RC(agent_try(f, rq), -EOPNOTSUPP);
		return;
	}
	CHECK_RC(agent_try(f, rq), 0);
	rq.sets = SET_MODE | SET_SIZE;
	rq.mode = 04711;
	rq.size = 9;
	if (geteuid() == 0 && !is_tier("ls"))
		rq.uid = rq.gid = 12345;
	rq.mtime = (struct timespec){ 1000000000, 0 };
	CHECK_RC(agent_ask(f, rq, &reply), 0);
	assert_int_equal(reply.attr.size, 9);
	assert_int_equal(reply.attr.mode, S_IFREG | 04711);
	remote_reply_fini(&reply);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 04711); /* the owner before the mode */
	assert_int_equal(st.st_size, 9);
	assert_int_equal(st.st_mtim.tv_sec, 1000000000);
	if (geteuid() == 0 && !is_tier("ls")) {
		assert_int_equal(st.st_uid, 12345);
		assert_int_equal(st.st_gid, 12345);
	}
	rq.op = OP_FSET;
	rq.sets = SET_SIZE;
	rq.size = 4;
	rq.uid = rq.gid = REMOTE_ID_KEEP;
	rq.mtime = (struct timespec){ 0, UTIME_NOW };
	CHECK_RC(agent_ask(f, rq, &reply), 0);
	assert_int_equal(reply.attr.size, 4);
	assert_true(reply.attr.mtime.tv_sec > 1700000000 || is_tier("ls"));
	remote_reply_fini(&reply);
	rq.op = OP_SET;
	rq.path = agent_in(f, "none");
	CHECK_RC(agent_try(f, rq), -ENOENT);
	rq.op = OP_FSET;
	rq.handle = 99999;
	CHECK_RC(agent_try(f, rq), -EBADF);
}

/* The mode that an open has put off does not come back over one that was set since. */
static void the_last_mode_stays(void **state)
{
	struct agent *f = *state;
	const char *path = agent_in(f, "last");
	uint64_t h = PROTO_HANDLE_MIN + 9;
	struct sent *s = sent_open(f);
	struct stat st;

	PUT(.op = OP_OPEN, .path = path, .flags = OPEN_WRITE | OPEN_CREATE, .mode = 0444,
		.handle = h);
	PUT(.op = OP_FSET, .handle = h, .sets = SET_MODE, .mode = 0666, .uid = REMOTE_ID_KEEP,
		.gid = REMOTE_ID_KEEP, .atime = leave, .mtime = leave);
	PUT(.op = OP_CLOSE, .handle = h);
	await(s);
	if (has_tools()) {
		CHECK_RC(s->answers[1].reply.rc, 0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0666);
	}
	sent_close(s);
}

static void a_set_that_fails_in_the_middle_says_so(void **state)
{
	struct agent *f = *state;
	const char *path = agent_in(f, "middle");
	uint64_t h = PROTO_HANDLE_MIN + 9;
	struct sent *s = sent_open(f);
	struct stat st;

	if (!has_tools() || !agent_serves(f, OP_FSET)) {
		sent_close(s);
		return;
	}
	assert_int_equal(close(creat(path, 0600)), 0);
	/* A size cannot be set of what is open for reading; what comes behind is done. */
	PUT(.op = OP_OPEN, .path = path, .flags = OPEN_READ, .handle = h);
	PUT(.op = OP_FSET, .handle = h, .sets = SET_MODE | SET_SIZE, .size = 5, .mode = 0666,
		.uid = REMOTE_ID_KEEP, .gid = REMOTE_ID_KEEP, .atime = leave, .mtime = leave);
	PUT(.op = OP_FSET, .handle = h, .sets = SET_MODE, .mode = 0640, .uid = REMOTE_ID_KEEP,
		.gid = REMOTE_ID_KEEP, .atime = leave, .mtime = leave);
	PUT(.op = OP_CLOSE, .handle = h);
	await(s);
	CHECK_RC(s->answers[1].reply.rc, -EINVAL);
	CHECK_RC(s->answers[2].reply.rc, 0);
	CHECK_RC(s->answers[3].reply.rc, 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_size, 0);
	sent_close(s);
}

/* So many that each bucket of a table has more than one, and closed in another order. */
static void keeps_many_apart(void **state)
{
	enum { FILES = 150 };
	struct agent *f = *state;
	struct sent *s = sent_open(f);
	char name[FILES][16];

	for (int i = 0; i < FILES; i++) {
		uint64_t h = PROTO_HANDLE_MIN + (uint64_t)i * 64;

		snprintf(name[i], sizeof(name[i]), "many-%d", i);
		PUT(.op = OP_OPEN, .path = agent_in(f, name[i]), .flags = OPEN_WRITE | OPEN_CREATE,
			.mode = 0600, .handle = h);
		PUT(.op = OP_WRITE, .handle = h, .data = name[i], .n = strlen(name[i]));
	}
	for (int i = 0; i < FILES; i++)
		PUT(.op = OP_CLOSE, .handle = PROTO_HANDLE_MIN + (uint64_t)((i * 7) % FILES) * 64);
	await(s);
	for (size_t i = 0; i < s->count; i++)
		CHECK_RC(s->answers[i].reply.rc, 0);
	for (int i = 0; i < FILES; i++)
		content_is(agent_in(f, name[i]), name[i], strlen(name[i]));
	sent_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			makes_a_whole_file_without_waiting, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			what_follows_a_failed_open_is_refused, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			a_number_in_use_is_not_given_twice, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			writes_over_one_another_in_order, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			sets_what_it_is_told_and_leaves_the_rest, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(the_last_mode_stays, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			a_set_that_fails_in_the_middle_says_so, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(
			large_contents_come_back_whatever_they_are, agent_start, agent_stop),
		cmocka_unit_test_setup_teardown(keeps_many_apart, agent_start, agent_stop),
	};

	return agent_run_tests(tests);
}
