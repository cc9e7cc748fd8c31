/*
 * Whether a peer is alive: when to ping it and when to give it up.
 *
 * Only arithmetic on the caller's times, so that tests need no waiting.
 */
#ifndef SBX_REMOTE_PULSE_H
#define SBX_REMOTE_PULSE_H

#include <stdbool.h>
#include <stdint.h>

struct pulse {
	int ping_ms, silence_ms;
	int64_t heard_ms;  /* bytes of an answer came last */
	int64_t pinged_ms; /* when ping_out */
	bool ping_out;
};

enum pulse_act { PULSE_WAIT, PULSE_PING, PULSE_DEAD };

/*
 * taken_ms: when the peer took bytes last that had been waiting, which is a
 * sign of life, too. ret_due_ms: when to ask again. PULSE_PING: the ping
 * counts as out from now on, even if it cannot be sent.
 */
enum pulse_act pulse_turn(struct pulse *p, int64_t now_ms, int64_t taken_ms, int64_t *ret_due_ms);

/* A ping has been out for for_ms, and the peer gave no sign of life meanwhile. */
bool pulse_silent(const struct pulse *p, int64_t now_ms, int64_t taken_ms, int64_t for_ms);

#endif
