/*
 * Monotonic time and deadlines. Milliseconds throughout.
 *
 * A deadline is a point in time, so it may be handed down through many
 * waits; a timeout is a span. There is no "for ever".
 */
#ifndef SBX_BASE_CLOCK_H
#define SBX_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

int64_t clock_now_ms(void);  /* monotonic, since some fixed point */
int64_t clock_now_us(void);  /* the same clock, finer */
int64_t clock_wall_ms(void); /* since 1970, UTC */

int64_t deadline_after(int timeout_ms); /* now + timeout_ms */
int deadline_left(int64_t deadline_ms); /* ms left, 0 when passed, capped at INT_MAX: for poll */
bool deadline_passed(int64_t deadline_ms);

/* The same point for pthread_cond_timedwait on a condition made by clock_cond_init. */
struct timespec deadline_timespec(int64_t deadline_ms);

#include <pthread.h>
void clock_cond_init(pthread_cond_t *c); /* a condition that waits by this clock */

/*
 * "90", "90s", "1m30s", "2h", "500ms" (Go's durations; a bare number is seconds) -> ms.
 * -EINVAL: not a duration, negative, or over 10 years.
 */
int duration_parse(const char *text, int64_t *ret_ms);

/* RFC 3339 ("2026-11-22T04:10:29Z", fractions and offsets too) <-> ms since 1970. -EINVAL. */
int rfc3339_parse(const char *text, int64_t *ret_wall_ms);
void rfc3339_print(int64_t wall_ms, char ret[static 32]);

/* "45s", "5m12s", "3h", "2d4h": ages as kubectl prints them. */
void age_print(int64_t span_ms, char ret[static 24]);

#endif
