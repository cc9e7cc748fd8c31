/*
 * Work on threads of its own, so many at a time, with Ctrl-C for all of it.
 */
#ifndef SBX_PLUGIN_CREW_H
#define SBX_PLUGIN_CREW_H

#include <stddef.h>

struct crew {
	/* one piece of work, 0 to count-1; signals: gives what comes, by interrupt_read */
	void (*work)(void *arg, size_t index, int signals);
	void *arg;
	size_t count;
	size_t parallel; /* at most so many at once */
	int signals;     /* interrupt_fd's */
};

/*
 * Does all of it and waits for the end; what has not begun when a signal comes is not done. The number
 * of pieces begun: the first ones, in order.
 */
size_t crew_run(const struct crew *c);

#endif
