/* Many calls over one stream, and peers that break the protocol. */
#include "tests/lib/test.h"
#include "tests/lib/pair.h"
#include "tests/lib/tally.h"

#include "common/base/clock.h"
#include "common/remote/calls.h"

/* --- order -------------------------------------------------------------- */

#define RECORD "81a4 1 42 1 0 0 5 8 1 2 3 0 0|.5|.25|.125|/\n"

static void answer_stat(struct peer *p, const char *tag)
{
	peer_say(p, "d %s %zu\n%s= %s\n", tag, strlen(RECORD), RECORD, tag);
}

struct hold {
	char tags[8][16];
	int n, until;
};

/* Answers when `until` requests are there, the last one first, with mixed pieces. */
static void serve_backwards(struct peer *p, const struct peer_line *line)
{
	struct hold *h = p->arg;

	snprintf(h->tags[h->n++], sizeof(h->tags[0]), "%s", line->tag);
	if (h->n < h->until)
		return;
	for (int i = 0; i < h->n; i++)
		peer_say(p, "d %s 10\n%.10s", h->tags[i], RECORD);
	while (h->n--)
		peer_say(p, "d %s %zu\n%s= %s\n", h->tags[h->n], strlen(RECORD) - 10, &RECORD[10],
			h->tags[h->n]);
	h->n = 0;
}

static void answers_come_in_any_order(void **state)
{
	struct hold h = { .until = 8 };
	struct remote_request rq = { .op = OP_STAT, .path = "/" };
	struct tally t;
	struct peer p;
	struct remote *r = open_to(&p, serve_backwards, &h);

	tally_init(&t);
	for (int i = 0; i < 8; i++)
		remote_send(r, &rq, deadline_after(LONG_MS), tally_end, &t);
	tally_wait(&t, 8);
	assert_int_equal(t.by_rc[0], 8);
	end(r, &p);
}

static void serve_stats(struct peer *p, const struct peer_line *line)
{
	if (strcmp(line->op, "stat") == 0)
		answer_stat(p, line->tag);
	else
		peer_say(p, "= %s\n", line->tag);
}

static void *call_many(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		int rc = stat_in(arg, "/x", LONG_MS);

		if (rc < 0)
			return (void *)(intptr_t)rc;
	}
	return NULL;
}

static void four_threads_call_at_once(void **state)
{
	pthread_t threads[4];
	struct peer p;
	struct remote *r = open_to(&p, serve_stats, NULL);

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, call_many, r), 0);
	for (int i = 0; i < 4; i++) {
		void *rc;

		pthread_join(threads[i], &rc);
		CHECK_RC((intptr_t)rc, 0);
	}
	remote_close(r, LONG_MS);
	peer_close(&p);
}

struct limit {
	int out, most;
	char tags[4][16];
};

/* Holds two; a third one at a time would be one too many. */
static void serve_two_at_a_time(struct peer *p, const struct peer_line *line)
{
	struct limit *l = p->arg;

	snprintf(l->tags[l->out++ % 4], 16, "%s", line->tag);
	if (l->out > l->most)
		l->most = l->out;
	if (l->out < 2)
		return;
	answer_stat(p, l->tags[0]);
	answer_stat(p, l->tags[1]);
	l->out = 0;
}

static void no_more_are_out_than_the_peer_wants(void **state)
{
	struct limit l = { 0 };
	struct remote_request rq = { .op = OP_STAT, .path = "/" };
	struct tally t;
	struct peer p;
	struct remote *r = open_on(peer_open(
		&p, "noise\nhello sbx 1 sh max=4096 calls=2 ops=stat\n", serve_two_at_a_time, &l));

	tally_init(&t);
	for (int i = 0; i < 100; i++)
		remote_send(r, &rq, deadline_after(LONG_MS), tally_end, &t);
	tally_wait(&t, 100);
	assert_int_equal(t.by_rc[0], 100);
	end(r, &p);
	assert_int_equal(l.most, 2);
}

struct seen_paths {
	char paths[4][8];
	int n;
};

static void serve_and_note(struct peer *p, const struct peer_line *line)
{
	struct seen_paths *s = p->arg;

	if (strcmp(line->op, "stat") == 0)
		snprintf(s->paths[s->n++ % 4], sizeof(s->paths[0]), "%s", line->args[0]);
	serve_stats(p, line);
}

static void a_patient_call_goes_before_what_comes_next(void **state)
{
	struct remote_request patient = { .op = OP_STAT, .path = "/a", .patient = true };
	struct remote_request next = { .op = OP_STAT, .path = "/b" };
	struct seen_paths seen = { .n = 0 };
	struct tally t;
	struct peer p;
	struct remote *r = open_to(&p, serve_and_note, &seen);

	tally_init(&t);
	remote_send(r, &patient, deadline_after(LONG_MS), tally_end, &t);
	remote_send(r, &next, deadline_after(LONG_MS), tally_end, &t);
	tally_wait(&t, 2);
	assert_int_equal(t.by_rc[0], 2);
	end(r, &p);
	assert_string_equal(seen.paths[0], "/a");
	assert_string_equal(seen.paths[1], "/b");
}

static void a_patient_call_goes_though_nothing_follows(void **state)
{
	struct remote_request patient = { .op = OP_STAT, .path = "/a", .patient = true };
	struct tally t;
	struct peer p;
	struct remote *r = open_to(&p, serve_stats, NULL);

	tally_init(&t);
	for (int i = 1; i <= 3; i++) {
		remote_send(r, &patient, deadline_after(LONG_MS), tally_end, &t);
		tally_wait(&t, 1); /* one more */
		assert_int_equal(t.by_rc[0], i);
	}
	end(r, &p);
}

/* What calls_next gives, as letters: s small, B large, on handle 0 or 1. */
static void wait_all(struct calls *s, struct call *all, const char *what)
{
	static const char body[CALLS_BULK + 1];

	for (int i = 0; what[i]; i += 2) {
		struct call *c = &all[i / 2];

		*c = (struct call){ .tag = (uint32_t)i / 2 + 1, .deadline_ms = INT64_MAX };
		c->handle = what[i + 1] == 'z' ? CALL_AFTER_ALL : (uint64_t)(what[i + 1] - '0');
		buf_init(&c->frame, sizeof(body));
		buf_add(&c->frame, body, what[i] == 'B' ? sizeof(body) : 1);
		calls_wait(s, c);
	}
}

static void goes(struct calls *s, bool room, uint32_t tag)
{
	auto_buf frame = BUF_INIT(0);

	if (!tag) {
		assert_false(calls_next(s, room, &frame));
		return;
	}
	assert_true(calls_next(s, room, &frame));
	assert_non_null(calls_find(s, tag, true));
}

static void small_ones_pass_large_bodies(void **state)
{
	struct call all[8];
	struct calls s;

	calls_init(&s, NULL, 8);
	wait_all(&s, all, "B1B2s0s3");
	goes(&s, false, 3);
	goes(&s, true, 4);
	goes(&s, false, 0);
	goes(&s, true, 1);
	goes(&s, true, 2);
	goes(&s, true, 0);
	assert_int_equal(s.waiting_bytes, 0);
}

static void what_uses_the_same_handle_does_not_pass(void **state)
{
	struct call all[8];
	struct calls s;

	calls_init(&s, NULL, 8);
	wait_all(&s, all, "s1B1s1s2s1sz");
	goes(&s, false, 1);
	goes(&s, false, 4);
	goes(&s, false, 0);
	goes(&s, true, 2);
	goes(&s, false, 0);
	goes(&s, true, 3);
	goes(&s, true, 5);
	goes(&s, true, 6);
}

/* It has let as many pass as it has to, and waits all the same. */
static void large_bodies_do_not_pass_their_own_handle(void **state)
{
	enum { SMALL = 200 };
	static const char *const ends[] = { "s1B1", "s1Bz" };
	struct call all[SMALL + 2];
	char what[2 * SMALL + 5];

	for (size_t k = 0; k < sizeof(ends) / sizeof(ends[0]); k++) {
		struct calls s;

		for (int i = 0; i < SMALL; i++)
			memcpy(&what[(size_t)i * 2], "s0", 2);
		memcpy(&what[(size_t)SMALL * 2], ends[k], 5);
		calls_init(&s, NULL, 8);
		wait_all(&s, all, what);
		for (uint32_t tag = 1; tag <= SMALL + 2; tag++)
			goes(&s, true, tag);
	}
}

/* The small one of another handle stays behind. */
static void large_bodies_pass_other_handles(void **state)
{
	enum { SMALL = 200 };
	struct call all[SMALL + 1];
	char what[2 * SMALL + 3] = "B1";
	struct calls s;
	uint32_t tag = 2;

	for (int i = 1; i <= SMALL; i++)
		memcpy(&what[(size_t)i * 2], "s2", 3);
	calls_init(&s, NULL, 8);
	wait_all(&s, all, what);
	for (; !calls_find(&s, 1, true); tag++) {
		auto_buf frame = BUF_INIT(0);

		assert_true(tag < 100);
		assert_true(calls_next(&s, true, &frame));
		calls_find(&s, tag, true);
	}
	for (tag--; tag <= SMALL + 1; tag++)
		goes(&s, true, tag);
}

static void large_bodies_do_not_starve(void **state)
{
	struct call all[2], small;
	struct calls s;
	uint32_t last;
	int n = 0;

	calls_init(&s, NULL, 8);
	wait_all(&s, all, "B0");
	do {
		auto_buf frame = BUF_INIT(0);

		small = (struct call){ .tag = 9, .deadline_ms = INT64_MAX };
		calls_wait(&s, &small);
		assert_true(calls_next(&s, true, &frame));
		last = calls_find(&s, 1, true) ? 1 : 9;
		if (last == 9)
			calls_find(&s, 9, true);
		assert_true(++n < 100);
	} while (last == 9);
	assert_ptr_equal(calls_take_all(&s), &small);
}

/* --- deadlines ---------------------------------------------------------- */

static void deadlines_are_kept(void **state)
{
	struct peer p;
	struct remote *r = open_to(&p, serve_nothing, NULL);

	for (int ms = 10; ms <= 90; ms += 40) {
		int64_t start = clock_now_ms();
		int64_t took;

		CHECK_RC(stat_in(r, "/", ms), -ETIMEDOUT);
		took = clock_now_ms() - start;
		assert_in_range(took, ms, ms + 150);
	}
	CHECK_RC(stat_in(r, "/", 0), -ETIMEDOUT);
	CHECK_RC(remote_dead(r), 0);
	end(r, &p);
}

/* 100 calls wait behind 16 that are never answered. */
static void calls_that_wait_expire_too(void **state)
{
	struct remote_request rq = { .op = OP_STAT, .path = "/" };
	struct tally t;
	struct peer p;
	struct remote *r = open_to(&p, serve_nothing, NULL);

	tally_init(&t);
	for (int i = 0; i < 116; i++)
		remote_send(r, &rq, deadline_after(30), tally_end, &t);
	tally_wait(&t, 116);
	assert_int_equal(t.by_rc[ETIMEDOUT], 116);
	end(r, &p);
}

struct late {
	sem_t seen;
	char tag[16];
};

/* "/late" is answered when "/now" is asked for. */
static void serve_late(struct peer *p, const struct peer_line *line)
{
	struct late *late = p->arg;

	if (strcmp(line->op, "stat") == 0 && strcmp(line->args[0], "/late") == 0) {
		snprintf(late->tag, sizeof(late->tag), "%s", line->tag);
		return;
	}
	answer_stat(p, late->tag);
	answer_stat(p, line->tag);
}

static void late_answers_are_dropped(void **state)
{
	struct late late = { .tag = "" };
	struct peer p;
	struct remote *r = open_to(&p, serve_late, &late);

	for (int i = 0; i < 40; i++) { /* more than calls=: their places are given back */
		CHECK_RC(stat_in(r, "/late", 2), -ETIMEDOUT);
		CHECK_RC(stat_in(r, "/now", LONG_MS), 0);
	}
	end(r, &p);
}

struct late_open {
	sem_t closed;
	char tag[16], closed_handle[32];
};

/* The open is answered when it has been given up. */
static void serve_late_open(struct peer *p, const struct peer_line *line)
{
	struct late_open *late = p->arg;

	if (strcmp(line->op, "open") == 0) {
		snprintf(late->tag, sizeof(late->tag), "%s", line->tag);
		return;
	}
	if (strcmp(line->op, "close") == 0) {
		snprintf(late->closed_handle, sizeof(late->closed_handle), "%s", line->args[0]);
		peer_say(p, "= %s\n", line->tag);
		sem_post(&late->closed);
		return;
	}
	peer_say(p, "d %s %zu\n%s= %s 77\n", late->tag, strlen(RECORD), RECORD, late->tag);
	answer_stat(p, line->tag);
}

static void a_handle_that_comes_too_late_is_closed(void **state)
{
	struct remote_request rq = { .op = OP_OPEN, .path = "/f", .flags = OPEN_READ };
	struct remote_reply reply;
	struct late_open late = { .tag = "" };
	struct peer p;
	struct remote *r = open_to(&p, serve_late_open, &late);

	sem_init(&late.closed, 0, 0);
	CHECK_RC(remote_call(r, &rq, deadline_after(5), &reply), -ETIMEDOUT);
	remote_reply_fini(&reply);
	CHECK_RC(stat_in(r, "/now", LONG_MS), 0);
	sem_wait(&late.closed);
	CHECK_TEXT(late.closed_handle, "77");
	end(r, &p);
}

/* --- bad peers ---------------------------------------------------------- */

static void serve_text(struct peer *p, const struct peer_line *line)
{
	const char *text = p->arg; /* with %s for the tag, at most twice */
	auto_buf b = BUF_INIT(65536);

	for (const char *c = text; *c; c++) {
		if (*c == '@')
			buf_str(&b, line->tag);
		else
			buf_char(&b, *c);
	}
	peer_send(p, b.data, b.len);
}

static int answer_with(
	const char *text, const struct remote_request *rq, struct remote_reply *reply)
{
	struct peer p;
	struct remote *r = open_to(&p, serve_text, (void *)(uintptr_t)text);
	int rc = remote_call(r, rq, deadline_after(LONG_MS), reply);

	if (rc == -EBADMSG) {
		CHECK_RC(stat_in(r, "/", LONG_MS), -EBADMSG);
		CHECK_RC(remote_dead(r), -EBADMSG);
	}
	end(r, &p);
	return rc;
}

static void broken(enum remote_op op, const char *text)
{
	struct remote_request rq = { .op = op,
		.path = "/p",
		.path2 = "/q",
		.size = 4,
		.data = "abcd",
		.n = op == OP_WRITE ? 4 : 0 };
	struct remote_reply reply;
	int rc = answer_with(text, &rq, &reply);

	remote_reply_fini(&reply);
	if (rc != -EBADMSG)
		fail_msg("'%s' gave %s", text, errno_name(rc));
}

static void broken_peers_are_dead_for_ever(void **state)
{
	broken(OP_STAT, "= 77\n");
	broken(OP_STAT, "! 77 EIO -\n");
	broken(OP_STAT, "d 77 1\nx");
	broken(OP_STAT, "hello\n");
	broken(OP_STAT, "= @\n"); /* no record */
	broken(OP_STAT, "d @ 44\n" RECORD "= @ 3\n");
	broken(OP_STAT, "d @ 83\n" RECORD RECORD "= @\n");
	broken(OP_STAT, "o @ 1\nx");
	broken(OP_STAT, "s @ 1\n");
	broken(OP_STAT, "i @ 1\n");
	broken(OP_STAT, "d @ 3\nabc= @\n");
	broken(OP_STAT, "= @\n= @\n");
	broken(OP_OPEN, "d @ 44\n" RECORD "= @\n");
	broken(OP_OPEN, "= @ 5\n");
	broken(OP_MKDIR, "= @\n");
	broken(OP_UNLINK, "d @ 1\nx= @\n");
	broken(OP_UNLINK, "= @ 1\n");
	broken(OP_READ, "d @ 5\nabcde= @ 5\n"); /* more than asked for */
	broken(OP_READ, "d @ 2\nabd @ 3\ncde= @ 4\n");
	broken(OP_READ, "d @ 2\nab= @ 3\n"); /* valid beyond what came */
	broken(OP_READ, "d @ 2\nab= @\n");
	broken(OP_READ, "d @ 1048577\n");
	broken(OP_READ, "d @ 2\n\x10"
			"a= @ 2 1\n"); /* packed, and nobody said that it may be */
	broken(OP_ZREAD, "d @ 2\n\x10"
			 "a= @ 3 1\n");
	broken(OP_ZREAD, "d @ 2\n\x10"
			 "a= @ 2 5\n"); /* more than asked for */
	broken(OP_ZREAD, "d @ 2\n\x10"
			 "a= @ 2 2\n"); /* it holds one byte */
	broken(OP_ZREAD, "d @ 2\n\x10"
			 "a= @ 2 0\n");
	broken(OP_WRITE, "= @ 3\n");
	broken(OP_WRITE, "= @ 5\n");
	broken(OP_LIST, "= @\n");
	broken(OP_LIST, "= @ 1\n");
	broken(OP_LIST, "d @ 44\n" RECORD "= @ 1\n"); /* without a name */
	broken(OP_READLINK, "d @ 3\na\\0b= @ 1\n");
	broken(OP_STATFS, "= @ 1 2 3 4 5 6\n");
	broken(OP_STATFS, "= @ 1 2 3 4 5 6 7 8\n");
	broken(OP_FSYNC, "d @ 1\n");
}

static void what_is_packed_is_unpacked(void **state)
{
	struct remote_request rq = { .op = OP_ZREAD, .size = 4 };
	struct remote_reply reply;

	CHECK_RC(answer_with("d @ 5\n\x40"
			     "abcd= @ 5 4\n",
			 &rq, &reply),
		-EBADMSG); /* content is never longer than what was asked for */
	remote_reply_fini(&reply);
	CHECK_RC(answer_with("d @ 4\n\x30"
			     "abc= @ 4 3\n",
			 &rq, &reply),
		0);
	assert_int_equal(reply.n, 3);
	assert_memory_equal(reply.data, "abc", 3);
	remote_reply_fini(&reply);
	CHECK_RC(answer_with("d @ 4\nabcd= @ 3\n", &rq, &reply), 0);
	assert_int_equal(reply.n, 3);
	assert_memory_equal(reply.data, "abc", 3);
	remote_reply_fini(&reply);
}

static void padding_is_cut_off(void **state)
{
	struct remote_request rq = { .op = OP_READ, .size = 4 };
	struct remote_reply reply;

	CHECK_RC(answer_with("d @ 3\nabcd @ 1\n?= @ 3\n", &rq, &reply), 0);
	assert_int_equal(reply.n, 3);
	assert_string_equal(reply.data, "abc");
	remote_reply_fini(&reply);
	CHECK_RC(answer_with("= @ 0\n", &rq, &reply), 0);
	assert_int_equal(reply.n, 0);
	assert_string_equal(reply.data, "");
	remote_reply_fini(&reply);
}

static void listings_and_targets_arrive(void **state)
{
	struct remote_request rq = { .op = OP_LIST, .path = "/" };
	struct remote_reply reply;

	CHECK_RC(answer_with("d @ 40\n41ed 1 2 1 0 0 5 8 1 2 3 0 0||||a/\n41ed d @ 32\n1 3 1 0 0 5 "
			     "8 1 2 3 0 "
			     "0||||b c/\n= @ 2\n",
			 &rq, &reply),
		0);
	assert_int_equal(reply.entry_count, 2);
	assert_string_equal(reply.entries[1].name, "b c");
	remote_reply_fini(&reply);
	rq.op = OP_READLINK;
	CHECK_RC(answer_with("d @ 3\n../d @ 1\nx= @\n", &rq, &reply), 0);
	assert_string_equal(reply.data, "../x");
	remote_reply_fini(&reply);
}

/* The conversation of one stat, cut after each number of bytes: an end, and never a success. */
static void a_stream_cut_anywhere_is_an_error(void **state)
{
	size_t whole = strlen(PEER_HELLO) + strlen("d 1 44\n" RECORD "= 1\n");

	for (size_t n = strlen(PEER_HELLO); n < whole; n++) {
		struct pair_faults cut = { .cut_after = n };
		struct pair line;
		struct peer p;
		struct remote *r = open_on(
			pair_wrap(&line, peer_open(&p, PEER_HELLO, serve_stats, NULL), &cut));

		CHECK_RC(stat_in(r, "/", LONG_MS), -EPIPE);
		remote_close(r, 0);
		peer_close(&p);
		pair_close(&line);
	}
}

static void serve_once(struct peer *p, const struct peer_line *line)
{
	answer_stat(p, line->tag);
	peer_hang_up(p);
}

static void a_flipped_byte_ends_in_time(void **state)
{
	size_t from = strlen(PEER_HELLO) + 1;
	size_t to = from + strlen("d 1 44\n" RECORD "= 1\n");

	for (size_t n = from; n < to; n++) {
		struct pair_faults flip = { .flip_at = n, .flip_bits = 1 << n % 8 };
		struct pair line;
		struct peer p;
		struct remote *r = open_on(
			pair_wrap(&line, peer_open(&p, PEER_HELLO, serve_once, NULL), &flip));
		int rc = stat_in(r, "/", LONG_MS);

		if (rc != 0 && rc != -EPIPE && rc != -EBADMSG)
			fail_msg("byte %zu: %s", n, errno_name(rc));
		remote_close(r, 0);
		peer_close(&p);
		pair_close(&line);
	}
}

static void one_byte_at_a_time_is_enough(void **state)
{
	struct pair_faults slow = { .chunk_bytes = 1 };
	struct pair line;
	struct peer p;
	struct remote *r =
		open_on(pair_wrap(&line, peer_open(&p, PEER_HELLO, serve_stats, NULL), &slow));

	for (int i = 0; i < 20; i++)
		CHECK_RC(stat_in(r, "/", LONG_MS), 0);
	remote_close(r, LONG_MS);
	peer_close(&p);
	pair_close(&line);
}

static void garbage_instead_of_a_hello_is_refused(void **state)
{
	struct peer p;
	struct remote *r = NULL;
	struct err err;
	auto_buf noise = BUF_INIT(1 << 20);

	for (int i = 0; i < 4000; i++)
		buf_str(&noise, "this is not a hello at all\n");
	CHECK_RC(remote_open(peer_open(&p, noise.data, serve_nothing, NULL),
			 deadline_after(LONG_MS), &r, &err),
		-EBADMSG);
	peer_close(&p);
	CHECK_RC(remote_open(peer_open(&p, "hello sbx 9\n", serve_nothing, NULL),
			 deadline_after(LONG_MS), &r, &err),
		-EPROTONOSUPPORT);
	peer_close(&p);
	CHECK_RC(remote_open(peer_open(&p, "sh: not \033found\n", serve_nothing, NULL),
			 deadline_after(20), &r, &err),
		-ETIMEDOUT);
	assert_non_null(strstr(err.text, "sh: not"));
	assert_null(strchr(err.text, '\033'));
	peer_close(&p);
	CHECK_RC(remote_open(peer_open(&p, PEER_HELLO "= 1\n", serve_nothing, NULL),
			 deadline_after(LONG_MS), &r, &err),
		-EBADMSG); /* an answer to nothing */
	peer_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_come_in_any_order),
		cmocka_unit_test(four_threads_call_at_once),
		cmocka_unit_test(no_more_are_out_than_the_peer_wants),
		cmocka_unit_test(a_patient_call_goes_before_what_comes_next),
		cmocka_unit_test(a_patient_call_goes_though_nothing_follows),
		cmocka_unit_test(small_ones_pass_large_bodies),
		cmocka_unit_test(what_uses_the_same_handle_does_not_pass),
		cmocka_unit_test(large_bodies_do_not_pass_their_own_handle),
		cmocka_unit_test(large_bodies_pass_other_handles),
		cmocka_unit_test(large_bodies_do_not_starve),
		cmocka_unit_test(deadlines_are_kept),
		cmocka_unit_test(calls_that_wait_expire_too),
		cmocka_unit_test(late_answers_are_dropped),
		cmocka_unit_test(a_handle_that_comes_too_late_is_closed),
		cmocka_unit_test(broken_peers_are_dead_for_ever),
		cmocka_unit_test(what_is_packed_is_unpacked),
		cmocka_unit_test(padding_is_cut_off),
		cmocka_unit_test(listings_and_targets_arrive),
		cmocka_unit_test(a_stream_cut_anywhere_is_an_error),
		cmocka_unit_test(a_flipped_byte_ends_in_time),
		cmocka_unit_test(one_byte_at_a_time_is_enough),
		cmocka_unit_test(garbage_instead_of_a_hello_is_refused),
	};

	return cmocka_run_group_tests_name("mux", tests, NULL, NULL);
}
