/*
 * One stream of a session: an exec (or a local process) with a remote on it.
 *
 * Counted: the session holds one reference, so does each call while it is
 * being handed over and each run as long as somebody knows it. The network
 * side is let go as soon as the stream is dead (link_hang_up); the memory when
 * the last reference has gone and link_free was called, on a thread that is
 * not the remote's reader.
 */
#ifndef SBX_SESSION_LINK_H
#define SBX_SESSION_LINK_H

#include "common/session/session.h"

struct link {
	struct remote *remote;
	struct exec *exec; /* NULL for a local process, and after link_hang_up */
	int pid;           /* of a local process, or 0 */
	char why[160];     /* why its agent is not the static one, or "" */
	uint32_t epoch;    /* which first stream of its session this is, or goes with; never 0 */
	bool bulk;         /* the second one (bulk.h) */
	int refs;          /* session->lock */
	struct link *next; /* session->lock: in the list of those to be freed */
	struct session *session;
};

/* How another thread ends an opening early. */
struct link_stop {
	bool stop; /* atomic; true ends the exec's opening within 100 ms */
	pthread_mutex_t lock;
	int fd; /* lock; a duplicate of the descriptor whose hello is awaited, or -1 */
};
void link_stop_init(struct link_stop *stop);
void link_stop_fini(struct link_stop *stop);
void link_stop_now(struct link_stop *stop); /* any thread */

/* Blocks until deadline_ms or stop (-EINTR, -EPIPE). The sentence names the sandbox and says what
 * to do. */
int link_open(const struct session_spec *spec, struct link_stop *stop, int64_t deadline_ms,
	struct link **ret, struct err *err);

/* bye if alive, then the network side goes. At most timeout_ms and a second. */
void link_hang_up(struct link *l, int timeout_ms);
void link_free(struct link *l);

#endif
