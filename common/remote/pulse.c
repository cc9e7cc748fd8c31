#include "common/remote/pulse.h"

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* A process that was stopped for long pings first, and gives the peer its time to answer. */
static int64_t death_ms(const struct pulse *p, int64_t taken_ms)
{
	int64_t silent_ms = later(p->heard_ms, taken_ms) + p->silence_ms;

	return later(silent_ms, p->pinged_ms + p->silence_ms - p->ping_ms);
}

enum pulse_act pulse_turn(struct pulse *p, int64_t now_ms, int64_t taken_ms, int64_t *ret_due_ms)
{
	enum pulse_act act = PULSE_WAIT;

	if (!p->ping_out && now_ms >= p->heard_ms + p->ping_ms) {
		p->ping_out = true;
		p->pinged_ms = now_ms;
		act = PULSE_PING;
	}
	*ret_due_ms = p->ping_out ? death_ms(p, taken_ms) : p->heard_ms + p->ping_ms;
	if (act == PULSE_WAIT && now_ms >= *ret_due_ms)
		return PULSE_DEAD;
	return act;
}

bool pulse_silent(const struct pulse *p, int64_t now_ms, int64_t taken_ms, int64_t for_ms)
{
	int64_t since_ms = later(p->pinged_ms, later(p->heard_ms, taken_ms));

	return p->ping_out && now_ms - since_ms >= for_ms;
}
