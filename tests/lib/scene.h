/*
 * A peer with a script, and an exec that is opened to it.
 */
#ifndef SBX_TESTS_SCENE_H
#define SBX_TESTS_SCENE_H

#include "common/base/clock.h"
#include "common/kube/exec.h"
#include "tests/lib/wspeer.h"

#define WAIT_MS 20000
#define SUCCESS "{\"metadata\":{},\"status\":\"Success\"}"

extern const struct exec_spec spec, spec_v5;

/* One net, one peer with a script, one open exec. */
struct scene {
	struct peer *peer;
	struct net *net;
	struct exec *x;
	struct err err;
	int rc;
};

/* One that is refused has rc and err, and no exec. */
struct scene scene_open(peer_script *script, void *arg, const struct exec_spec *s);
void scene_close(struct scene *sc);
struct exec_end end_of(struct scene *sc);

/* For scripts: the status on its channel, and the close. */
void say_status(struct peer_conn *c, const char *json);
/* Reads until the client has gone. */
void nobody_answers_script(struct peer_conn *c);

#endif
