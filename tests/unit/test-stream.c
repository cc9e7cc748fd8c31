/* What becomes of a stream: its end, its pulse, its queue. */
#include "tests/lib/test.h"
#include "tests/lib/tally.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/remote/pulse.h"

#include <sys/socket.h>

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
		remote_send(r, &rq, deadline_after(LONG_MS), tally_end, &t);
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
	remote_send(r, &rq, deadline_after(LONG_MS), tally_end, &t);
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

static void a_peer_is_silent_when_its_ping_has_waited(void **state)
{
	struct pulse p = { .ping_ms = 15, .silence_ms = 45, .heard_ms = 100 };
	int64_t due;

	assert_false(pulse_silent(&p, 5000, 0, 10)); /* nobody has asked */
	assert_int_equal(pulse_turn(&p, 115, 0, &due), PULSE_PING);
	assert_false(pulse_silent(&p, 124, 0, 10));
	assert_true(pulse_silent(&p, 125, 0, 10));
	assert_false(pulse_silent(&p, 125, 120, 10)); /* it took something at 120 */
	p.heard_ms = 121;
	assert_false(pulse_silent(&p, 130, 0, 10));
	assert_true(pulse_silent(&p, 131, 0, 10));
	p.ping_out = false;
	assert_false(pulse_silent(&p, 5000, 0, 10));
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

/* It tells of changes without end, and answers nothing. */
static void serve_tellings(struct peer *p, const struct peer_line *line)
{
	static const char telling[] = "c 0 5\nall/\n";

	while (send(p->fd, telling, strlen(telling), MSG_NOSIGNAL) > 0)
		;
}

static void streams_that_only_tell_die(void **state)
{
	struct peer p;
	struct remote *r = open_to(&p, serve_tellings, NULL);

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
		remote_send(r, &rq, deadline_after(LONG_MS), tally_end, &t);
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
		remote_send(r, &rq, deadline_after(LONG_MS), tally_end, &t);
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
		cmocka_unit_test(a_dying_peer_ends_all_calls_first),
		cmocka_unit_test(kill_wakes_everybody),
		cmocka_unit_test(close_does_not_wait_for_a_mute_peer),
		cmocka_unit_test(a_silent_peer_is_pinged_then_dead),
		cmocka_unit_test(a_peer_is_silent_when_its_ping_has_waited),
		cmocka_unit_test(a_stopped_process_pings_before_it_judges),
		cmocka_unit_test(idle_streams_are_kept_alive),
		cmocka_unit_test(mute_streams_die),
		cmocka_unit_test(streams_that_only_tell_die),
		cmocka_unit_test(the_queue_has_a_ceiling),
		cmocka_unit_test(large_bodies_go_through_the_queue_whole),
		cmocka_unit_test(what_the_image_lacks_is_refused_here),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
