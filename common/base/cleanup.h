/*
 * Owners that let go by themselves.
 *
 * What a function owns it declares auto_; early return is then always
 * right and nobody needs goto. Giving away is visible: take_ptr, take_fd.
 */
#ifndef SBX_BASE_CLEANUP_H
#define SBX_BASE_CLEANUP_H

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define auto_with(fn) __attribute__((cleanup(fn)))
#define auto_free     auto_with(free_at)
#define auto_close    auto_with(close_at)

#define take_ptr(p)                                                                                \
	({                                                                                         \
		__typeof__(p) moved_ = (p);                                                        \
		(p) = NULL;                                                                        \
		moved_;                                                                            \
	})
#define take_fd(fd)                                                                                \
	({                                                                                         \
		int moved_ = (fd);                                                                 \
		(fd) = -1;                                                                         \
		moved_;                                                                            \
	})

static inline void free_at(void *at)
{
	free(*(void **)at);
}

/* Keeps errno, so that it may run between a failure and its report. */
static inline void close_at(int *at)
{
	int saved = errno;

	if (*at >= 0)
		close(*at);
	errno = saved;
}

/* scoped_lock(&x->lock); holds to the end of the block. */
static inline void unlock_at(pthread_mutex_t **at)
{
	pthread_mutex_unlock(*at);
}

static inline pthread_mutex_t *lock_now(pthread_mutex_t *m)
{
	pthread_mutex_lock(m);
	return m;
}

#define scoped_join2(a, b) a##b
#define scoped_join(a, b)  scoped_join2(a, b)
#define scoped_lock(m)                                                                             \
	__attribute__((unused)) pthread_mutex_t *scoped_join(scoped_, __LINE__)                    \
		auto_with(unlock_at) = lock_now(m)

#endif
