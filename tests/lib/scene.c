#include "tests/lib/scene.h"

#include <setjmp.h>
#include <cmocka.h>
#include <sys/socket.h>

static const char *const sh[] = { "sh", "-c", "a b&c=d/\xc3\xa9", NULL };
const struct exec_spec spec = { .ns = "dev", .pod = "web", .container = "main", .argv = sh };
const struct exec_spec spec_v5 = { .ns = "dev", .pod = "web", .argv = sh, .protocol = EXEC_V5 };

struct scene scene_open(peer_script *script, void *arg, const struct exec_spec *s)
{
	struct scene sc = { .peer = peer_open(script, arg) };

	assert_int_equal(net_open(&sc.net), 0);
	sc.rc = exec_open(sc.net, peer_target(sc.peer), s, deadline_after(WAIT_MS), &sc.x, &sc.err);
	if (sc.rc < 0)
		sc.x = NULL;
	return sc;
}

void scene_close(struct scene *sc)
{
	exec_close(sc->x);
	net_close(sc->net);
	peer_close(sc->peer);
}

struct exec_end end_of(struct scene *sc)
{
	struct exec_end end;

	assert_int_equal(sc->rc, 0);
	assert_int_equal(exec_wait(sc->x, deadline_after(WAIT_MS), &end), 0);
	return end;
}

void say_status(struct peer_conn *c, const char *json)
{
	peer_channel(c, 3, json, strlen(json));
	peer_send(c, 0x88, "\x03\xe8", 2);
}

void nobody_answers_script(struct peer_conn *c)
{
	char byte;

	while (recv(c->fd, &byte, 1, 0) > 0)
		continue;
}
