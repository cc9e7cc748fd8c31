/*
 * Answers on their way to standard output, which never blocks.
 *
 * Each tag that has something to say is a source. Sources are asked for one frame after the other,
 * a round at a time, and only while little waits to be written: so what prints as fast as it can is
 * held back in its own pipe, and a short answer never stands behind more than a few frames. A
 * source that comes anew is asked before those that had their turn, as long as the others do not
 * starve.
 *
 * Each write wakes several programs on the way. So what nobody waits for (out_wants_later) goes with what
 * is said next, or OUT_LATER_MS after.
 */
#ifndef SBX_AGENT_OUT_H
#define SBX_AGENT_OUT_H

#include "common/base/buf.h"
#include "common/remote/agent/static/loop.h"

#define OUT_FRAME    (32 * 1024) /* content of one frame at most */
#define OUT_LATER_MS 5

struct source {
	/* Appends at most one frame. Whether there is more; if not it may free itself. */
	bool (*pull)(struct source *s, struct buf *to);
	struct source *next;
	bool waits; /* in one of the lists */
};

struct sources {
	struct source *first, **end;
};

struct out {
	int loop;
	struct watch watch;
	struct buf bytes; /* from `at` on: to be written */
	size_t at;
	struct sources fresh, old, later;
	int64_t later_ms; /* when they go in any case */
	size_t served;    /* bytes of fresh ones since an old one had its turn */
	bool broken;      /* nobody reads any more */
};

void out_init(struct out *o, int loop, int fd);
void out_fini(struct out *o);

/* It has something to say. Again is harmless. */
void out_wants(struct out *o, struct source *s);
void out_wants_later(struct out *o, struct source *s);
int out_timeout(
	const struct out *o); /* when out_flush shall be called again, in ms; -1: it need not */

/* Writes what can be written; waits for room by itself. */
void out_flush(struct out *o);
bool out_speaks(const struct out *o); /* something will be written when there is room */
bool out_idle(const struct out *o);   /* nothing waits */

#endif
