/*
 * A ceiling that many share: so many bytes together, first come, first served. Any thread; never blocks.
 *
 * Who gets none fails and says so. It does not wait: those who hold the rest may wait themselves for
 * somebody who answers nothing.
 */
#ifndef SBX_BASE_BUDGET_H
#define SBX_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct budget {
	size_t most;
	atomic_size_t used;
};

/* False: there is not as much left, and nothing was taken. NULL has no end. */
bool budget_take(struct budget *b, size_t n);
void budget_give(struct budget *b, size_t n); /* of what was taken; takes NULL */

#endif
