/*
 * Of what may happen again and again, because somebody far away wants it so, a log gets one line at once and then at
 * most one in SELDOM_MS, which says how many were left out. The owner's lock guards it. Zeroed is ready.
 */
#ifndef SBX_BASE_SELDOM_H
#define SBX_BASE_SELDOM_H

#include <stdbool.h>
#include <stdint.h>

#define SELDOM_MS 60000

struct seldom {
	bool said;
	int64_t next_ms;
	unsigned left_out;
};

/* May a line be said at now_ms (clock_now_ms)? *ret: how many were not since the last one. */
bool seldom_may(struct seldom *s, int64_t now_ms, unsigned *ret);

/* "", or " (and N times more since this was said last)"; into ret of SELDOM_BYTES, which it returns. */
#define SELDOM_BYTES 64
const char *seldom_more(unsigned left_out, char *ret);

#endif
