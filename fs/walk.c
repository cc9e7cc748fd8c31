#include "fs/walk.h"

#define PROOF_MAX 32

static bool is_onward(const struct trail *t, size_t at)
{
	return at > t->last && at - t->last <= TRAIL_STRIDE;
}

static enum trail_step kind_of(const struct trail *t, size_t at, int64_t now_ms)
{
	if (!t->seen || now_ms - t->last_ms > TRAIL_GAP_MS)
		return TRAIL_FIRST;
	if (at == t->last)
		return TRAIL_SAME;
	return is_onward(t, at) ? TRAIL_ONWARD : TRAIL_JUMPED;
}

enum trail_step trail_step(struct trail *t, size_t at, int64_t now_ms)
{
	enum trail_step step = kind_of(t, at, now_ms);

	if (step == TRAIL_FIRST) {
		t->seen = 0;
		t->next = at + 1;
	}
	if (step != TRAIL_SAME)
		t->seen++;
	if (step == TRAIL_ONWARD && t->next <= at)
		t->next = at + 1;
	t->last = at;
	t->last_ms = now_ms;
	return step;
}

void pace_init(struct pace *p, unsigned least, unsigned start, unsigned most)
{
	*p = (struct pace){ .least = least, .window = start, .most = most };
}

unsigned pace_room(const struct pace *p)
{
	return p->out < p->window ? p->window - p->out : 0;
}

unsigned pace_proof(const struct pace *p)
{
	return p->doubts < 4 ? 2u << p->doubts : PROOF_MAX;
}

static void adjust(struct pace *p)
{
	if (p->used + p->wasted < p->window)
		return;
	if (p->wasted > p->used) {
		p->window = p->window / 2 > p->least ? p->window / 2 : p->least;
		p->doubts++;
	} else {
		p->window = 2 * p->window < p->most ? 2 * p->window : p->most;
		p->doubts = 0;
	}
	p->used = p->wasted = 0;
}

void pace_asked(struct pace *p)
{
	p->out++;
}

void pace_void(struct pace *p)
{
	if (p->out)
		p->out--;
}

void pace_used(struct pace *p)
{
	pace_void(p);
	p->used++;
	adjust(p);
}

void pace_wasted(struct pace *p)
{
	pace_void(p);
	p->wasted++;
	adjust(p);
}
