/*
 * The calls of one mux: those that wait for their turn, in order, and those
 * at the peer, by tag. Not locked: the mux's lock covers it.
 */
#ifndef SBX_REMOTE_CALLS_H
#define SBX_REMOTE_CALLS_H

#include "common/remote/mux.h"

struct calls {
	struct call *at_peer; /* by tag */
	struct call *waiting; /* in order */
	size_t waiting_bytes; /* of their frames */
	uint32_t out, max;    /* at the peer and counted (CALL_SENT) */
	uint32_t next_tag;
	int64_t wake_ms; /* no deadline is earlier */
};

void calls_init(struct calls *s, uint32_t max);
uint32_t calls_tag(struct calls *s);

/* At the end of those that wait. True: its deadline is the earliest of all. */
bool calls_wait(struct calls *s, struct call *c);

/* The next one that may go, now at the peer: its frame, the caller's. False: none may. */
bool calls_next(struct calls *s, struct buf *ret_frame);

/* Goes at once and is not counted. As calls_wait and calls_next. */
bool calls_enter(struct calls *s, struct call *c, struct buf *ret_frame);

/* At the peer; take: no longer. NULL: nobody has this tag. */
struct call *calls_find(struct calls *s, uint32_t tag, bool take);

/* c is not counted any more. As calls_wait. */
bool calls_lasts(struct calls *s, struct call *c, int64_t deadline_ms);

/*
 * A list (utlist's DL) of those whose deadline has passed. In place of each
 * that was at the peer stands one that drops what still comes, and keeps
 * the tag and the place until the peer ends it.
 */
struct call *calls_expired(struct calls *s, int64_t now_ms);

/* All, as a list; then there are none. */
struct call *calls_take_all(struct calls *s);

#endif
