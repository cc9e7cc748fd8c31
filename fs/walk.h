/*
 * Walks: somebody goes through a folder's entries one after the other, and so will go on.
 *
 * Two things are decided here, of numbers alone: whether it is a walk (a trail), and how much is
 * asked for ahead of it (a pace). What was asked for and never used was a waste of the line, so a
 * pace halves itself when that is the larger part, and doubles when it is not; where waste was seen,
 * more of a trail must be seen before anything is asked for again.
 *
 * Nothing here is locked, sends or allocates.
 */
#ifndef SBX_FS_WALK_H
#define SBX_FS_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who pauses for so long has ended his walk. */
#define TRAIL_GAP_MS 2000
/* In folders up to this any order will do: all of it is soon used. */
#define TRAIL_SMALL 64
/* Entries of another kind, or already known, may stand between two that are used. */
#define TRAIL_STRIDE 64

enum trail_step {
	TRAIL_SAME,   /* the one that was used before */
	TRAIL_FIRST,  /* nothing was used shortly before */
	TRAIL_ONWARD, /* a little behind the one before */
	TRAIL_JUMPED
};

/* Of one kind of entry in one folder. All zero: nothing was used. */
struct trail {
	unsigned seen; /* steps since the walk's first, itself included */
	size_t last;   /* the position that was used last */
	size_t next;   /* asked for ahead, or not wanted, is what stands before */
	int64_t last_ms;
};

/* The entry at this position is used. */
enum trail_step trail_step(struct trail *t, size_t at, int64_t now_ms);

struct pace {
	unsigned least, most;
	unsigned window;       /* how many may be out; 0: as pace_init */
	unsigned out;          /* asked for ahead, neither used nor given up */
	unsigned used, wasted; /* since the window was changed */
	unsigned doubts;       /* how often it was halved and not doubled since */
};

void pace_init(struct pace *p, unsigned least, unsigned start, unsigned most);
unsigned pace_room(const struct pace *p);
/* Steps of a trail before something is asked for ahead of it: 2, or more after waste. */
unsigned pace_proof(const struct pace *p);
void pace_asked(struct pace *p);
void pace_used(struct pace *p);
void pace_wasted(struct pace *p);
void pace_void(struct pace *p); /* it failed or was overtaken: says nothing about the walk */

#endif
