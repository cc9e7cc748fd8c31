/*
 * The calls of one mux: those that wait for their turn, and those at the peer,
 * by tag. Not locked: the mux's lock covers it.
 *
 * Small ones do not wait behind big ones: what has a large body waits apart, in order,
 * and so does what must not pass it (call.handle). Of those one goes when the stream has taken
 * all that was given to it; so a small one stands behind one body at most. Nor does a big one
 * pass a small one of its handle.
 */
#ifndef SBX_REMOTE_CALLS_H
#define SBX_REMOTE_CALLS_H

#include "common/remote/mux.h"

#define CALLS_BULK    (32 * 1024)
#define CALLS_BATCHES 64 /* told apart; more are taken for fewer */

struct calls {
	struct mux *mux;      /* for call_ops.late */
	struct call *at_peer; /* by tag */
	struct call *waiting; /* in order */
	struct call *bulk;    /* in order; frames above CALLS_BULK among them */
	size_t waiting_bytes; /* of the frames of both */
	unsigned passed;      /* small ones that went since one of bulk could have gone */
	uint32_t out, max;    /* at the peer and counted (CALL_SENT) */
	uint32_t next_tag;
	int64_t wake_ms; /* no deadline is earlier */
	/*
	 * Of those counted: how many of each batch are at the peer, and of how many batches there are any.
	 * Without those that nobody waits for.
	 */
	uint32_t in_batch[CALLS_BATCHES];
	unsigned batch, batches;
	bool patient; /* the one that calls_next gave last */
};

void calls_init(struct calls *s, struct mux *m, uint32_t max);
uint32_t calls_tag(struct calls *s);

/* At the end of those that wait. True: its deadline is the earliest of all. */
bool calls_wait(struct calls *s, struct call *c);

/* What has gone has gone together; what goes from now on is the next batch. */
void calls_next_batch(struct calls *s);
unsigned calls_batches(const struct calls *s); /* at the peer, those of them that were counted */

/*
 * The next one that may go, now at the peer: its frame, the caller's. False: none may.
 * room: one of those with a large body may, too.
 */
bool calls_next(struct calls *s, bool room, struct buf *ret_frame);

/* Goes at once and is not counted. As calls_wait and calls_next. */
bool calls_enter(struct calls *s, struct call *c, struct buf *ret_frame);

/* At the peer; take: no longer. NULL: nobody has this tag. */
struct call *calls_find(struct calls *s, uint32_t tag, bool take);

/* c is not counted any more. As calls_wait. */
bool calls_lasts(struct calls *s, struct call *c, int64_t deadline_ms);

/* Another deadline for a call at the peer (or just taken). As calls_wait. */
bool calls_deadline(struct calls *s, struct call *c, int64_t deadline_ms);

/*
 * A list (utlist's DL) of those whose deadline has passed. In place of each
 * that was at the peer stands one that drops what still comes (but for what
 * call_ops.late makes of its end), and keeps the tag and the place until then.
 */
struct call *calls_expired(struct calls *s, int64_t now_ms);

/* All, as a list; then there are none. */
struct call *calls_take_all(struct calls *s);

#endif
