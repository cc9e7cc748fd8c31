#include "tests/lib/test.h"
#include "tests/lib/pair.h"
#include "tests/lib/peer.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/remote/pulse.h"
#include "common/remote/remote.h"

#include <semaphore.h>

#define LONG_MS 20000 /* a test that waits so long has failed */

typedef void serve_fn(struct peer *p, const struct peer_line *line);

static struct remote *open_on(int fd)
{
	struct remote *r = NULL;
	struct err err = { "" };
	int rc = remote_open(fd, deadline_after(LONG_MS), &r, &err);

	if (rc < 0)
		fail_msg("remote_open: %s: %s", errno_name(rc), err.text);
	return r;
}

static struct remote *open_to(struct peer *p, serve_fn *serve, void *arg)
{
	return open_on(peer_open(p, PEER_HELLO, serve, arg));
}

static void end(struct remote *r, struct peer *p)
{
	remote_close(r, 0);
	peer_close(p);
}

static int stat_in(struct remote *r, const char *path, int timeout_ms)
{
	struct remote_request rq = { .op = OP_STAT, .path = path };
	struct remote_reply reply;
	int rc = remote_call(r, &rq, deadline_after(timeout_ms), &reply);

	remote_reply_fini(&reply);
	return rc;
}

/* Calls whose ends are counted. */
struct tally {
	sem_t ended;
	int rc; /* of the last */
	_Atomic int by_rc[200];
};

static void count_end(void *arg, struct remote_reply *reply)
{
	struct tally *t = arg;

	t->rc = reply->rc;
	t->by_rc[-reply->rc]++;
	sem_post(&t->ended);
}

static void tally_init(struct tally *t)
{
	memset(t, 0, sizeof(*t));
	sem_init(&t->ended, 0, 0);
}

static void tally_wait(struct tally *t, int n)
{
	for (int i = 0; i < n; i++) {
		while (sem_wait(&t->ended) < 0)
			;
	}
}

/* --- order -------------------------------------------------------------- */

#define RECORD "81a4 1 42 1 0 0 5 8 1 2 3 0 0|.5|.25|/\n"

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
		remote_send(r, &rq, deadline_after(LONG_MS), count_end, &t);
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
		remote_send(r, &rq, deadline_after(LONG_MS), count_end, &t);
	tally_wait(&t, 100);
	assert_int_equal(t.by_rc[0], 100);
	end(r, &p);
	assert_int_equal(l.most, 2);
}

/* --- deadlines ---------------------------------------------------------- */

static void serve_nothing(struct peer *p, const struct peer_line *line)
{
}

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
		remote_send(r, &rq, deadline_after(30), count_end, &t);
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
	broken(OP_STAT, "d @ 39\n" RECORD "= @ 3\n");
	broken(OP_STAT, "d @ 78\n" RECORD RECORD "= @\n");
	broken(OP_STAT, "o @ 1\nx");
	broken(OP_STAT, "s @ 1\n");
	broken(OP_STAT, "i @ 1\n");
	broken(OP_STAT, "d @ 3\nabc= @\n");
	broken(OP_STAT, "= @\n= @\n");
	broken(OP_OPEN, "d @ 39\n" RECORD "= @\n");
	broken(OP_OPEN, "= @ 5\n");
	broken(OP_MKDIR, "= @\n");
	broken(OP_UNLINK, "d @ 1\nx= @\n");
	broken(OP_UNLINK, "= @ 1\n");
	broken(OP_READ, "d @ 5\nabcde= @ 5\n"); /* more than asked for */
	broken(OP_READ, "d @ 2\nabd @ 3\ncde= @ 4\n");
	broken(OP_READ, "d @ 2\nab= @ 3\n"); /* valid beyond what came */
	broken(OP_READ, "d @ 2\nab= @\n");
	broken(OP_READ, "d @ 1048577\n");
	broken(OP_WRITE, "= @ 3\n");
	broken(OP_WRITE, "= @ 5\n");
	broken(OP_LIST, "= @\n");
	broken(OP_LIST, "= @ 1\n");
	broken(OP_LIST, "d @ 39\n" RECORD "= @ 1\n"); /* without a name */
	broken(OP_READLINK, "d @ 3\na\\0b= @ 1\n");
	broken(OP_STATFS, "= @ 1 2 3 4 5 6\n");
	broken(OP_STATFS, "= @ 1 2 3 4 5 6 7 8\n");
	broken(OP_FSYNC, "d @ 1\n");
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

	CHECK_RC(answer_with("d @ 39\n41ed 1 2 1 0 0 5 8 1 2 3 0 0|||a/\n41ed d @ 31\n1 3 1 0 0 5 "
			     "8 1 2 3 0 "
			     "0|||b c/\n= @ 2\n",
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
	size_t whole = strlen(PEER_HELLO) + strlen("d 1 39\n" RECORD "= 1\n");

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
	size_t to = from + strlen("d 1 39\n" RECORD "= 1\n");

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

/* --- death -------------------------------------------------------------- */

struct death {
	sem_t told;
	struct tally *tally;
	int ended_before, rc;
};

static void note_death(void *arg, int rc)
{
	struct death *d = arg;

	d->rc = rc;
	d->ended_before = d->tally->by_rc[EPIPE];
	sem_post(&d->told);
}

static void a_dying_peer_ends_all_calls_first(void **state)
{
	struct remote_request rq = { .op = OP_STAT, .path = "/" };
	struct tally t;
	struct death d = { .tally = &t };
	struct peer p;
	struct remote *r = open_to(&p, serve_nothing, NULL);

	tally_init(&t);
	sem_init(&d.told, 0, 0);
	remote_on_death(r, note_death, &d);
	for (int i = 0; i < 100; i++)
		remote_send(r, &rq, deadline_after(LONG_MS), count_end, &t);
	peer_hang_up(&p);
	sem_wait(&d.told);
	assert_int_equal(d.ended_before, 100);
	CHECK_RC(d.rc, -EPIPE);
	CHECK_RC(stat_in(r, "/", LONG_MS), -EPIPE);
	remote_on_death(r, note_death, &d); /* too late: told at once */
	sem_wait(&d.told);
	end(r, &p);
}

static void *kill_it(void *arg)
{
	remote_kill(arg);
	return NULL;
}

static void kill_wakes_everybody(void **state)
{
	pthread_t thread;
	struct peer p;
	struct remote *r = open_to(&p, serve_nothing, NULL);

	pthread_create(&thread, NULL, kill_it, r);
	CHECK_RC(stat_in(r, "/", LONG_MS), -EPIPE);
	pthread_join(thread, NULL);
	end(r, &p);
}

static void close_does_not_wait_for_a_mute_peer(void **state)
{
	struct remote_request rq = { .op = OP_STAT, .path = "/" };
	struct tally t;
	struct peer p;
	struct remote *r = open_to(&p, serve_nothing, NULL);
	int64_t start = clock_now_ms();

	tally_init(&t);
	remote_send(r, &rq, deadline_after(LONG_MS), count_end, &t);
	remote_close(r, 30);
	assert_in_range(clock_now_ms() - start, 30, 1000);
	assert_int_equal(t.by_rc[EPIPE], 1);
	peer_close(&p);
}

/* --- heartbeat ---------------------------------------------------------- */

static void a_silent_peer_is_pinged_then_dead(void **state)
{
	struct pulse p = { .ping_ms = 15, .silence_ms = 45, .heard_ms = 100 };
	int64_t due;

	assert_int_equal(pulse_turn(&p, 114, 0, &due), PULSE_WAIT);
	assert_int_equal(due, 115);
	assert_int_equal(pulse_turn(&p, 115, 0, &due), PULSE_PING);
	assert_int_equal(due, 145);
	assert_int_equal(pulse_turn(&p, 144, 0, &due), PULSE_WAIT);
	assert_int_equal(pulse_turn(&p, 145, 120, &due), PULSE_WAIT); /* it took something at 120 */
	assert_int_equal(due, 165);
	assert_int_equal(pulse_turn(&p, 165, 120, &due), PULSE_DEAD);
}

static void a_stopped_process_pings_before_it_judges(void **state)
{
	struct pulse p = { .ping_ms = 15, .silence_ms = 45, .heard_ms = 100 };
	int64_t due;

	assert_int_equal(pulse_turn(&p, 100000, 0, &due), PULSE_PING);
	assert_int_equal(pulse_turn(&p, 100001, 0, &due), PULSE_WAIT);
	assert_int_equal(due, 100030);
}

struct pings {
	sem_t seen;
};

static void serve_pings(struct peer *p, const struct peer_line *line)
{
	struct pings *pings = p->arg;

	peer_say(p, "= %s\n", line->tag);
	sem_post(&pings->seen);
}

static void idle_streams_are_kept_alive(void **state)
{
	struct pings pings;
	struct peer p;
	struct remote *r;

	sem_init(&pings.seen, 0, 0);
	r = open_to(&p, serve_pings, &pings);
	remote_heartbeat(r, 5, 10000);
	for (int i = 0; i < 5; i++)
		sem_wait(&pings.seen);
	CHECK_RC(remote_dead(r), 0);
	end(r, &p);
}

static void mute_streams_die(void **state)
{
	struct peer p;
	struct remote *r = open_to(&p, serve_nothing, NULL);

	remote_heartbeat(r, 20, 60);
	CHECK_RC(stat_in(r, "/", LONG_MS), -ETIMEDOUT);
	CHECK_RC(remote_dead(r), -ETIMEDOUT);
	end(r, &p);
}

/* --- the queue ---------------------------------------------------------- */

/* Nobody reads: sending never blocks, and ends at the ceiling. */
static void the_queue_has_a_ceiling(void **state)
{
	static const char block[65536];
	struct remote_request rq = { .op = OP_WRITE, .data = block, .n = sizeof(block) };
	struct tally t;
	int fds[2];
	struct remote *r;
	int sent = 0;

	assert_int_equal(io_pair(fds), 0);
	assert_int_equal(write(fds[0], PEER_HELLO, strlen(PEER_HELLO)), strlen(PEER_HELLO));
	r = open_on(fds[1]);
	tally_init(&t);
	while (!t.by_rc[ENOBUFS] && sent < 2000) {
		remote_send(r, &rq, deadline_after(LONG_MS), count_end, &t);
		sent++;
	}
	assert_in_range(sent, REMOTE_QUEUE_MAX / 65536 / 2, REMOTE_QUEUE_MAX / 65536 + 20);
	remote_close(r, 0);
	assert_int_equal(t.by_rc[EPIPE], sent - 1);
	close(fds[0]);
}

static void serve_writes(struct peer *p, const struct peer_line *line)
{
	auto_buf body = BUF_INIT(65536);
	uint64_t *total = p->arg;

	peer_body(p, 65536, &body);
	for (size_t i = 0; i < body.len; i++)
		*total += body.data[i] == (char)('a' + i % 26);
	peer_say(p, "= %s %zu\n", line->tag, body.len);
}

static void large_bodies_go_through_the_queue_whole(void **state)
{
	char block[65536];
	struct remote_request rq = { .op = OP_WRITE, .data = block, .n = sizeof(block) };
	uint64_t total = 0;
	struct tally t;
	struct peer p;
	struct remote *r = open_to(&p, serve_writes, &total);

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)('a' + i % 26);
	tally_init(&t);
	for (int i = 0; i < 300; i++)
		remote_send(r, &rq, deadline_after(LONG_MS), count_end, &t);
	tally_wait(&t, 300);
	assert_int_equal(t.by_rc[0], 300);
	end(r, &p);
	assert_int_equal(total, 300 * 65536);
}

static void what_the_image_lacks_is_refused_here(void **state)
{
	struct remote_request rq = { .op = OP_READ, .size = 4097 };
	struct remote_reply reply;
	struct peer p;
	struct remote *r =
		open_on(peer_open(&p, "hello sbx 1 sh max=4096 ops=read\n", serve_nothing, NULL));

	CHECK_RC(stat_in(r, "/", LONG_MS), -ENOSYS);
	CHECK_RC(remote_call(r, &rq, deadline_after(LONG_MS), &reply), -EMSGSIZE);
	end(r, &p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_come_in_any_order),
		cmocka_unit_test(four_threads_call_at_once),
		cmocka_unit_test(no_more_are_out_than_the_peer_wants),
		cmocka_unit_test(deadlines_are_kept),
		cmocka_unit_test(calls_that_wait_expire_too),
		cmocka_unit_test(late_answers_are_dropped),
		cmocka_unit_test(broken_peers_are_dead_for_ever),
		cmocka_unit_test(padding_is_cut_off),
		cmocka_unit_test(listings_and_targets_arrive),
		cmocka_unit_test(a_stream_cut_anywhere_is_an_error),
		cmocka_unit_test(a_flipped_byte_ends_in_time),
		cmocka_unit_test(one_byte_at_a_time_is_enough),
		cmocka_unit_test(garbage_instead_of_a_hello_is_refused),
		cmocka_unit_test(a_dying_peer_ends_all_calls_first),
		cmocka_unit_test(kill_wakes_everybody),
		cmocka_unit_test(close_does_not_wait_for_a_mute_peer),
		cmocka_unit_test(a_silent_peer_is_pinged_then_dead),
		cmocka_unit_test(a_stopped_process_pings_before_it_judges),
		cmocka_unit_test(idle_streams_are_kept_alive),
		cmocka_unit_test(mute_streams_die),
		cmocka_unit_test(the_queue_has_a_ceiling),
		cmocka_unit_test(large_bodies_go_through_the_queue_whole),
		cmocka_unit_test(what_the_image_lacks_is_refused_here),
	};

	return cmocka_run_group_tests_name("mux", tests, NULL, NULL);
}
