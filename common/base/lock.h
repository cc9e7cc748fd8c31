/* A lock that is held for a moment at a time, by threads on several processors. */
#ifndef SBX_BASE_LOCK_H
#define SBX_BASE_LOCK_H

#include <pthread.h>

/*
 * Who finds it taken looks again a few times before it sleeps: its holder is about to let go, and
 * sleeping and being woken costs ten times what the holder does. Otherwise as pthread_mutex_init.
 */
static inline void lock_init(pthread_mutex_t *m)
{
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
#ifdef PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP /* glibc */
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ADAPTIVE_NP);
#endif
	pthread_mutex_init(m, &a);
	pthread_mutexattr_destroy(&a);
}

#endif
