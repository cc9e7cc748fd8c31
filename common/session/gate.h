/*
 * At most so many sessions connect at once. A mount of many sandboxes that all are looked into together would
 * else ask the API server for as many exec streams at the same moment, each of which is a process to be started on
 * some node: it refuses some of them, and all are so slow that they meet their deadlines.
 */
#ifndef SBX_SESSION_GATE_H
#define SBX_SESSION_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t left;
	unsigned inside, most;
};

void gate_init(struct gate *g, unsigned most);
void gate_fini(struct gate *g);

/* Takes NULL: no gate. Blocks; false: *stop (atomic) was set, at most 100 ms after. */
bool gate_enter(struct gate *g, const bool *stop);
void gate_leave(struct gate *g);

#endif
