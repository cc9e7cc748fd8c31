#include "common/base/seldom.h"

#include <limits.h>
#include <stdio.h>

bool seldom_may(struct seldom *s, int64_t now_ms, unsigned *ret)
{
	if (s->said && now_ms < s->next_ms) {
		s->left_out += s->left_out < UINT_MAX;
		return false;
	}
	*ret = s->left_out;
	*s = (struct seldom){ .said = true, .next_ms = now_ms + SELDOM_MS };
	return true;
}

const char *seldom_more(unsigned left_out, char *ret)
{
	*ret = '\0';
	if (left_out)
		snprintf(ret, SELDOM_BYTES, " (and %u times more since this was said last)",
			left_out);
	return ret;
}
