/*
 * What the one thread waits for: descriptors, through epoll.
 *
 * A watch lies in the memory of whoever owns the descriptor. That may be freed only between two
 * turns of the loop (loop_turn hands out events from one array), so owners are freed by a sweep
 * at the end of a turn.
 */
#ifndef SBX_AGENT_LOOP_H
#define SBX_AGENT_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

struct watch {
	int fd;
	uint32_t events; /* asked for; 0: not in the set */
	void (*ready)(void *arg, uint32_t events);
	void *arg;
};

int loop_open(void); /* its descriptor, or -errno */

/* Waits for these events from now on; 0: for none. EPOLLET may be among them. 0 or -errno. */
int watch_set(int loop, struct watch *w, uint32_t events);
/* Out of the set, and the descriptor is closed. Again is harmless. */
void watch_close(int loop, struct watch *w);

/* Waits at most timeout_ms (-1: without end) and calls what is ready. */
void loop_turn(int loop, int timeout_ms);

#endif
