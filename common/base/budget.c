#include "common/base/budget.h"

bool budget_take(struct budget *b, size_t n)
{
	size_t used;

	if (!b)
		return true;
	used = atomic_load(&b->used);
	do {
		if (n > b->most - used)
			return false;
	} while (!atomic_compare_exchange_weak(&b->used, &used, used + n));
	return true;
}

void budget_give(struct budget *b, size_t n)
{
	if (b)
		atomic_fetch_sub(&b->used, n);
}
