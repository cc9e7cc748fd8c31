/*
 * Calls to a peer, for tests: opening, one stat, and many calls whose ends are
 * counted. What fails here fails the test.
 */
#ifndef SBX_TESTS_TALLY_H
#define SBX_TESTS_TALLY_H

#include "tests/lib/peer.h"

#include "common/remote/remote.h"

#include <semaphore.h>

#define LONG_MS 20000 /* a test that waits so long has failed */

typedef void serve_fn(struct peer *p, const struct peer_line *line);

struct remote *open_on(int fd);
struct remote *open_to(struct peer *p, serve_fn *serve, void *arg); /* with PEER_HELLO */
void end(struct remote *r, struct peer *p);
int stat_in(struct remote *r, const char *path, int timeout_ms);
void serve_nothing(struct peer *p, const struct peer_line *line);

struct tally {
	sem_t ended;
	int rc; /* of the last */
	_Atomic int by_rc[200];
};

void tally_init(struct tally *t);
void tally_end(void *arg, struct remote_reply *reply); /* a remote_done; arg: the tally */
void tally_wait(struct tally *t, int n);

#endif
