/*
 * Many calls over one stream: who waits for which answer.
 *
 * A call is a request that has been encoded and an object with callbacks,
 * embedded in its owner's own struct. The mux gives it back exactly once, by
 * done(). One reader thread does all the waiting: it reads answers, drains
 * the queue of what the stream did not take at once, ends calls whose
 * deadline has passed, and pings a peer that is silent. With a duct (mux_direct)
 * the network's own thread does the first two.
 *
 * At most calls_max requests are out at the peer; the others wait here, in
 * order, but that small ones pass those with large bodies (calls.h). A call that was given up keeps its tag and its place until the
 * peer ends it.
 *
 * All callbacks run one at a time, on the reader thread or the network's ("the
 * reader" below is who has the turn), with no lock held that a sender needs,
 * and must not block. A call is never completed from within mux_send.
 */
#ifndef SBX_REMOTE_MUX_H
#define SBX_REMOTE_MUX_H

#include "common/base/buf.h"
#include "common/base/duct.h"
#include "common/remote/codec.h"

#include <uthash.h>

struct mux;
struct call;

#define CALL_AFTER_ALL UINT64_MAX /* it passes none */

struct call_ops {
	/* An s or i line. -EBADMSG: not in its place. NULL: this call has none. */
	int (*line)(struct call *c, const struct answer *a);
	/* Bytes of a d, o or e. -EBADMSG as above. */
	int (*piece)(struct call *c, const struct answer *a, const void *bytes, size_t n);
	/*
	 * The end; c belongs to its owner again. rc 0: a is the `=`; else a is the
	 * `!`, or NULL when it was this side that gave up. -EBADMSG: the `=` is
	 * not what was due; the owner has been told so already.
	 */
	int (*done)(struct call *c, int rc, const struct answer *a);
	/* The `=` came when the call had been given up already, and c is gone. NULL: no matter. */
	void (*late)(struct mux *m, const struct answer *a);
};

struct call {
	const struct call_ops *ops;
	int64_t deadline_ms; /* INT64_MAX: lives as long as the stream */
	uint32_t tag;        /* from mux_tag */
	struct buf frame;    /* the encoded request; the mux empties it */
	struct call *before; /* its request stands first in frame; enters together. Or NULL */
	uint64_t handle;     /* none of the same passes another; 0: none; or CALL_AFTER_ALL */
	bool patient;        /* it may wait some milliseconds for others to go with */

	/* The mux's own; mux->lock. */
	enum { CALL_WAITING, CALL_SENT, CALL_LASTING } state;
	bool bulk;                /* it waits among those with large bodies */
	struct call *prev, *next; /* waiting, or expired */
	unsigned batch;           /* of requests that went together */
	UT_hash_handle hh;
};

/*
 * Takes fd (a socket), also on failure. early: bytes already read behind the hello, copied.
 * calls_max at least 1. Fails with the errno of eventfd(2) or pthread_create(3).
 */
int mux_open(int fd, uint32_t calls_max, const void *early, size_t n, struct mux **ret);
/*
 * Kills it and waits until all calls and the death were told: from then on nothing is called back. Not
 * on the reader thread nor in a callback; before mux_close, by who will call that.
 */
void mux_end(struct mux *m);
void mux_close(struct mux *m); /* the same, and frees */

/*
 * Before the first call: from now on bytes go through d (duct.h), which is taken; fd tells the end alone.
 * The callbacks then run on the thread that receives.
 */
void mux_direct(struct mux *m, struct duct *d);

/* See remote_count. */
struct remote_traffic;
void mux_count(struct mux *m, struct remote_traffic *t);

/* A tag that is not in use. Any thread. */
uint32_t mux_tag(struct mux *m);

/*
 * Any thread; never blocks. 0: done() will be called. Else c is the caller's as before: -ENOBUFS
 * (REMOTE_QUEUE_MAX), or what mux_dead says.
 */
int mux_send(struct mux *m, struct call *c);

/* As mux_send, past the limit on calls and after nothing: for what must get through (bye waits). */
int mux_send_now(struct mux *m, struct call *c);

/* A request whose answer nobody waits for. Any thread; it may be lost with the stream. */
void mux_send_alone(struct mux *m, const struct remote_request *rq);

/* A message without an answer. -ENOBUFS or what mux_dead says. */
int mux_oneway(struct mux *m, const struct buf *frame, bool urgent);

/* On the reader thread: c has started to last (a run): it no longer counts against calls_max. */
void mux_lasts(struct mux *m, struct call *c, int64_t deadline_ms);

/* Any thread: another deadline for a call that has been sent and that its owner still waits for. */
void mux_deadline(struct mux *m, struct call *c, int64_t deadline_ms);

void mux_kill(struct mux *m, int rc); /* any thread; the first rc counts */
void mux_refuse(struct mux *m);       /* from now on mux_send says -EPIPE: bye has been sent */
int mux_dead(struct mux *m);          /* 0, or what every call returns */
bool mux_on_reader(struct mux *m);

/*
 * What the peer tells of its own accord (a is the `c`), on the reader thread with no lock held. fn NULL:
 * nobody is told. -EBADMSG from it ends the stream.
 */
typedef int mux_told(void *arg, const struct answer *a, const void *bytes, size_t n);
void mux_on_told(struct mux *m, mux_told *fn, void *arg);

/* fn NULL: nobody any more. When all is over already it is called at once, here. */
void mux_on_death(struct mux *m, void (*fn)(void *arg, int rc), void *arg);

/* PROTO_PING_MS and PROTO_SILENCE_MS, unless told otherwise. */
void mux_heartbeat(struct mux *m, int ping_ms, int silence_ms);
bool mux_silent(struct mux *m, int64_t for_ms); /* pulse_silent; any thread */

#endif
