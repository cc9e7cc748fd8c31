/*
 * What session.c, call.c and run.c share. Nobody else includes it.
 */
#ifndef SBX_SESSION_PRIV_H
#define SBX_SESSION_PRIV_H

#include "common/session/link.h"

#define SESSION_QUEUE_MAX 1024

/* Something that needs a stream. Embedded first in a call or a run. */
struct waiter {
	struct waiter *next;
	int64_t deadline_ms;
	void (*keep)(struct waiter *w); /* it will wait: copy what is borrowed. Under the lock. */
	void (*go)(struct waiter *w, struct link *l);
	void (*fail)(struct waiter *w, int rc, const struct err *err); /* err may be NULL */
};

/* One try to connect, on a thread of its own: so that those who wait meet their deadlines
 * meanwhile. */
struct attempt {
	struct session *s;
	pthread_t thread;
	struct link *link; /* what came of it, or NULL */
	int rc;
	struct err err;
	bool over; /* session->lock */
};

struct session {
	struct session_spec spec; /* strings are those below */
	char *ns, *pod, *container, *root;
	struct link_stop stop; /* ends an attempt early */

	pthread_mutex_t lock; /* all below */
	pthread_cond_t wake;
	struct waiter *queue, **queue_end;
	unsigned queued;
	struct link *link;    /* the one in use; one reference is ours */
	struct link *dying;   /* to be hung up; one reference each is still ours */
	struct link *garbage; /* without references, to be freed */
	unsigned links;       /* not yet freed */
	uint32_t epoch;
	bool closing, closed, released;
	struct attempt *attempt; /* the one under way, or NULL */
	int bye_ms;
	int down_rc; /* the sandbox cannot serve: what every send gets */
	int last_rc; /* why the last attempt failed, or 0 */
	struct err last_err;
	int backoff_ms;
	int64_t retry_at_ms;
	unsigned opened, lost; /* counters */
};

/* Hands w to the stream, queues it, or fails it. */
void session_submit(struct session *s, struct waiter *w);
void session_unref_link(struct session *s, struct link *l);
void session_lose(struct session *s, struct link *l, int rc);
int session_lost_rc(struct session *s, struct err *err);

uint64_t session_handle_up(uint32_t epoch, uint64_t handle);
int session_handle_down(uint32_t epoch, uint64_t handle, uint64_t *ret);
bool session_handle_fits(uint64_t handle);

#endif
