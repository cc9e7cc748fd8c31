/*
 * What the outputs of all runs of a mount hold together, and its ceiling.
 *
 * An output reserves what it lets come, before it comes. When there is no
 * room, the outputs of finished runs that nobody has open are forgotten, the
 * oldest first; then runs wait, and are asked again when room comes.
 */
#ifndef SBX_FS_POOL_H
#define SBX_FS_POOL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output;

struct pool {
	uint64_t max;
	_Atomic uint64_t held;   /* may pass max by the first window of each output */
	_Atomic uint64_t wanted; /* the last that was refused */
	atomic_bool changed;     /* there may be room for one who waits, or there is a new one */
	atomic_uint hungry;      /* outputs that wait for room */
	int64_t tick_ms;         /* the notifier's */

	pthread_mutex_t lock;   /* before an output's, and held while its giver is told */
	struct output *outputs; /* oldest first */
};

void pool_init(struct pool *p, uint64_t max);
void pool_fini(struct pool *p);

/* All take NULL for p. */
void pool_add(struct pool *p, struct output *o);
void pool_remove(struct pool *p, struct output *o); /* afterwards the pool does not touch it */

bool pool_take(struct pool *p, uint64_t n);  /* any lock; false: no room, nothing was taken */
void pool_force(struct pool *p, uint64_t n); /* the same past the ceiling */
void pool_give(struct pool *p, uint64_t n);

void pool_changed(struct pool *p); /* any lock: there may be room */

/*
 * No output's lock held. When something changed and somebody waits: forgets finished outputs for
 * what was refused, and asks those that wait again.
 */
void pool_kick(struct pool *p);
void pool_tick(struct pool *p); /* now and then: a disk may have room again */

#endif
