/*
 * Work that touches a mount, in a process of its own.
 *
 * Who has a file of a mount open cannot even end while its daemon is stopped:
 * the kernel waits for it at the close. So this process touches none; it waits
 * for the other, hands signals on to it, and leaves it behind when it must.
 */
#ifndef SBX_PLUGIN_GUARD_H
#define SBX_PLUGIN_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#define GUARD_WAYS_MAX   16
#define GUARD_NEXT_MS    100  /* so long one way is waited for before the next is tried as well */
#define GUARD_WAIT_MS    1000 /* so long all of them */
#define GUARD_GIVE_UP_MS 5000

struct guard_work {
	size_t ways; /* at most GUARD_WAYS_MAX: the rest is not tried */
	/* Can it be done so? It may hang. Has no standard descriptors. NULL: it can. */
	bool (*fits)(void *arg, size_t way);
	/* Its exit status. signals: where it takes its signals from, by interrupt_read. */
	int (*work)(void *arg, size_t way, int signals);
	void *arg;
};

/*
 * Tries the ways, each in a child, one after the other; the first that fits is gone, in the same child.
 * The exit status of the work. Two signals of which it does not end within GUARD_GIVE_UP_MS: it is
 * killed, said so, 128+signal. -ENOENT: none fits in time; no work was begun, and none will be. Or another
 * -errno, of what cannot be had. To be called before any thread is started; when there was work, the
 * signals stay blocked.
 */
int guard_run(const struct guard_work *w);

#endif
