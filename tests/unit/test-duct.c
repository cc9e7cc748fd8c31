/* The quick way through the waist: a stream's duct, with a scripted server at its far end. */
#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/kube/exec.h"
#include "tests/lib/wspeer.h"

#include <semaphore.h>
#include <setjmp.h>
#include <cmocka.h>
#include <unistd.h>

#define WAIT_MS 20000
#define BYTES   (8u * 1024 * 1024)
#define PIECE   (100 * 1000)

static const char *const sh[] = { "sh", NULL };
static const struct exec_spec spec = { .ns = "dev", .pod = "web", .argv = sh };

/* Who uses the duct: counts what comes and checks that it is the pattern. */
struct user {
	sem_t room, all; /* all: wanted bytes have come */
	size_t got, wanted;
	bool wrong;
};

static uint8_t pattern(size_t at)
{
	return (at * 2654435761u) >> 13;
}

static void on_bytes(void *arg, const void *bytes, size_t n)
{
	struct user *u = arg;

	for (size_t i = 0; i < n; i++)
		u->wrong = u->wrong || ((const uint8_t *)bytes)[i] != pattern(u->got + i);
	u->got += n;
	if (u->got >= u->wanted && u->got - n < u->wanted)
		sem_post(&u->all);
}

static void on_room(void *arg)
{
	struct user *u = arg;

	sem_post(&u->room);
}

struct scene {
	struct user user;
	struct peer *peer;
	struct net *net;
	struct exec *x;
	struct duct *duct;
};

static void scene_open(struct scene *sc, peer_script *script, void *arg, size_t wanted)
{
	struct duct_user user = { on_bytes, on_room, &sc->user };
	struct err err;

	memset(sc, 0, sizeof *sc);
	sem_init(&sc->user.room, 0, 0);
	sem_init(&sc->user.all, 0, 0);
	sc->user.wanted = wanted;
	sc->peer = peer_open(script, arg);
	assert_int_equal(net_open(&sc->net), 0);
	assert_int_equal(exec_open(sc->net, peer_target(sc->peer), &spec, deadline_after(WAIT_MS),
				 &sc->x, &err),
		0);
	sc->duct = exec_duct(sc->x);
	duct_open(sc->duct, &user);
}

static void scene_close(struct scene *sc)
{
	duct_close(sc->duct);
	exec_close(sc->x);
	net_close(sc->net);
	peer_close(sc->peer);
}

static bool in_time(sem_t *s)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += WAIT_MS / 1000;
	return sem_timedwait(s, &at) == 0;
}

static void put_all(struct scene *sc, size_t n)
{
	auto_free uint8_t *bytes = xmalloc(n);
	size_t at = 0;

	for (size_t i = 0; i < n; i++)
		bytes[i] = pattern(i);
	while (at < n) {
		size_t piece = n - at < PIECE ? n - at : PIECE;
		ssize_t put = duct_put(sc->duct, bytes + at, piece);

		assert_true(put >= 0);
		at += put;
		if ((size_t)put < piece)
			assert_true(in_time(&sc->user.room));
	}
}

/* Waits until arg's pipe is closed, if there is one, then gives back what comes. */
static void echo_script(struct peer_conn *c)
{
	auto_buf m = BUF_INIT(1 << 20);
	char byte;

	peer_upgrade(c, "v4.channel.k8s.io");
	while (c->arg && read(*(int *)c->arg, &byte, 1) > 0)
		continue;
	while (peer_recv_data(c, &m) == 2)
		peer_channel(c, 1, m.data + 1, m.len - 1);
}

static void what_is_put_comes_back(void **state)
{
	struct scene sc;

	scene_open(&sc, echo_script, NULL, BYTES);
	put_all(&sc, BYTES);
	assert_true(in_time(&sc.user.all));
	assert_int_equal(sc.user.got, BYTES);
	assert_false(sc.user.wrong);
	scene_close(&sc);
}

static void a_far_end_that_does_not_read_fills_it_and_room_is_told(void **state)
{
	auto_free uint8_t *bytes = xcalloc(1, PIECE);
	int fds[2], trap = 0;
	struct scene sc;
	size_t n = 0;

	assert_int_equal(pipe(fds), 0);
	scene_open(&sc, echo_script, &fds[0], SIZE_MAX);
	for (ssize_t put = PIECE; put == PIECE; n += put) {
		put = duct_put(sc.duct, bytes, PIECE);
		assert_true(put >= 0);
		assert_true(++trap < 1000); /* a socket's buffers, and ours: some MiB */
	}
	assert_int_equal(duct_put(sc.duct, bytes, PIECE), 0);
	sem_getvalue(&sc.user.room, &trap);
	assert_int_equal(trap, 0);
	close(fds[1]);
	assert_true(in_time(&sc.user.room));
	assert_true(duct_put(sc.duct, bytes, 1) >= 0);
	scene_close(&sc);
	close(fds[0]);
}

static void leave_script(struct peer_conn *c)
{
	auto_buf m = BUF_INIT(1 << 20);

	peer_upgrade(c, "v4.channel.k8s.io");
	peer_recv_data(c, &m); /* the duct is open */
	for (size_t at = 0; at < 4096; at++) {
		uint8_t byte = pattern(at);

		peer_channel(c, 1, &byte, 1);
	}
}

static void the_end_is_told_by_the_descriptor_behind_all_bytes(void **state)
{
	struct scene sc;
	char byte;

	scene_open(&sc, leave_script, NULL, 4096);
	assert_int_equal(duct_put(sc.duct, "go", 2), 2);
	assert_int_equal(io_read_some(exec_fd(sc.x), &byte, 1, deadline_after(WAIT_MS)), 0);
	assert_int_equal(duct_put(sc.duct, "x", 1), -EPIPE);
	duct_close(take_ptr(sc.duct));
	assert_int_equal(sc.user.got, 4096);
	assert_false(sc.user.wrong);
	scene_close(&sc);
}

static void flood_script(struct peer_conn *c)
{
	uint8_t chunk[1024] = { 0 };

	peer_upgrade(c, "v4.channel.k8s.io");
	while (peer_channel(c, 1, chunk, sizeof chunk))
		continue;
}

static void nobody_is_called_after_the_close(void **state)
{
	struct scene sc;
	size_t got;

	scene_open(&sc, flood_script, NULL, 100 * 1000);
	assert_true(in_time(&sc.user.all));
	duct_close(take_ptr(sc.duct));
	got = sc.user.got;
	/* The stream goes on, to the descriptor: some of that is read, none of it went by the duct. */
	for (int i = 0; i < 100; i++) {
		char chunk[1024];

		assert_true(io_read_some(exec_fd(sc.x), chunk, sizeof chunk,
				    deadline_after(WAIT_MS)) > 0);
	}
	assert_int_equal(sc.user.got, got);
	scene_close(&sc);
}

struct putter {
	struct scene *sc;
	size_t put;
};

static void *put_some(void *arg)
{
	struct putter *p = arg;

	for (int i = 0; i < 2000; i++) {
		ssize_t put = duct_put(p->sc->duct, "0123456789", 10);

		if (put < 0)
			break;
		p->put += put;
		if (put < 10 && !in_time(&p->sc->user.room))
			break;
	}
	return NULL;
}

static void count_script(struct peer_conn *c)
{
	auto_buf m = BUF_INIT(1 << 20);
	size_t *sum = c->arg;

	peer_upgrade(c, "v4.channel.k8s.io");
	while (peer_recv_data(c, &m) == 2)
		*sum += m.len - 1;
}

static void four_threads_put_at_once(void **state)
{
	struct putter putters[4];
	pthread_t threads[4];
	size_t sum = 0, put = 0;
	struct scene sc;

	scene_open(&sc, count_script, &sum, SIZE_MAX);
	for (int i = 0; i < 4; i++) {
		putters[i] = (struct putter){ .sc = &sc };
		pthread_create(&threads[i], NULL, put_some, &putters[i]);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		put += putters[i].put;
	}
	scene_close(&sc); /* the close goes behind what was put; the script has returned */
	assert_int_equal(put, 4 * 2000 * 10);
	assert_int_equal(sum, put);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_comes_back),
		cmocka_unit_test(a_far_end_that_does_not_read_fills_it_and_room_is_told),
		cmocka_unit_test(the_end_is_told_by_the_descriptor_behind_all_bytes),
		cmocka_unit_test(nobody_is_called_after_the_close),
		cmocka_unit_test(four_threads_put_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
