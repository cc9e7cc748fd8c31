/*
 * What session.c, call.c and run.c share. Nobody else includes it.
 */
#ifndef SBX_SESSION_PRIV_H
#define SBX_SESSION_PRIV_H

#include "common/base/seldom.h"
#include "common/session/bulk.h"
#include "common/session/file.h"
#include "common/session/link.h"
#include "common/session/meter.h"

#include <uthash.h>

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
	struct link_stop *stop; /* ends it early */
	uint32_t epoch;         /* of the session when it began */
	pthread_t thread;
	struct link *link; /* what came of it, or NULL */
	int rc;
	struct err err;
	bool over; /* session->lock */
};

struct session {
	struct session_spec spec; /* strings are those below */
	char *ns, *pod, *container, *root;
	char **argv; /* of a local far end, or NULL */
	struct link_stop stop;
	struct meter meter;

	pthread_mutex_t lock; /* all below */
	pthread_cond_t wake;
	struct waiter *queue, **queue_end;
	unsigned queued;
	struct link *link;    /* the one in use; one reference is ours */
	struct link *dying;   /* to be hung up; one reference each is still ours */
	struct link *garbage; /* without references, to be freed */
	unsigned links;       /* not yet freed */
	uint32_t epoch;
	uint32_t handles; /* that session_handle gave */
	bool closing, closed, released;
	struct attempt *attempt; /* the one under way, or NULL */
	int bye_ms;
	int down_rc; /* the sandbox cannot serve: what every send gets */
	int last_rc; /* why the last attempt failed, or 0 */
	struct err last_err;
	int backoff_ms;
	int64_t retry_at_ms;
	unsigned opened, lost; /* counters */
	struct seldom log;     /* of streams that are lost */
	unsigned telling;      /* spec.changed is being called */
	struct bulk bulk;
	struct file *files; /* open ones by handle; all of the stream in use */
};

/* A request. */
struct call {
	struct waiter w;
	struct session *s;
	struct link *link; /* the stream it was sent on; referenced while it is out */
	struct file *file; /* whose handle it uses, while it is out; or NULL */
	struct remote_request rq;
	char *path, *path2;  /* ours: with the root in front */
	void *data;          /* ours once kept */
	char *signal, *name; /* ours once kept */
	bool repeat;
	int64_t sent_us;
	remote_done *done;
	void *arg;
};

/* As its route says; rc what the route came to. No lock held. */
void call_send(struct call *c, int rc, struct route *r);

/* Hands w to the stream, queues it, or fails it. */
void session_submit(struct session *s, struct waiter *w);
void session_unref_link(struct session *s, struct link *l);
void session_unref_locked(struct session *s, struct link *l); /* session->lock held */
/* session->lock held. To be hung up; its reference of the session's own goes with that. */
void session_bury(struct session *s, struct link *l);
/* session->lock held */
struct attempt *session_attempt(struct session *s, struct link_stop *stop);
/* A far end's words as JSON. */
void session_put_json(struct buf *ret, const char *text);
void session_lose(struct session *s, struct link *l, int rc);
int session_lost_rc(struct session *s, struct err *err);

uint64_t session_handle_up(uint32_t epoch, uint64_t handle);
int session_handle_down(uint32_t epoch, uint64_t handle, uint64_t *ret);
bool session_handle_fits(uint64_t handle);

/* A watch, or all below it, numbered across streams. */
uint64_t session_watch_up(uint32_t epoch, uint64_t watch);

#endif
