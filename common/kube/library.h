/*
 * Shared libraries that are loaded when they are first needed.
 *
 * libcurl brings thirty others. Their loading took longer than all else that a
 * run through a mount does, which needs none of them.
 *
 *	#define FUNCTIONS(X) X(SSL_read) X(SSL_write)
 *	static struct { FUNCTIONS(LIBRARY_MEMBER) } table;
 *	static struct library library = LIBRARY_INIT("libssl.so.3", table, FUNCTIONS, NULL);
 */
#ifndef SBX_KUBE_LIBRARY_H
#define SBX_KUBE_LIBRARY_H

#include "common/base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define LIBRARY_MEMBER(name) __typeof__(name) *name;
#define LIBRARY_NAME(name)   #name,

struct library {
	const char *file;
	const char *const *names;
	size_t count;
	void *table;         /* nothing but as many pointers to functions; written once */
	void (*ready)(void); /* called once, when it is loaded; or NULL */

	pthread_mutex_t lock; /* all below */
	bool tried;
	int rc;
	struct err trouble;
};

#define LIBRARY_INIT(file_, table_, FUNCTIONS, ready_)                                             \
	{                                                                                          \
		.file = file_, .names = (const char *const[]){ FUNCTIONS(LIBRARY_NAME) },          \
		.count = sizeof(table_) / sizeof(void *), .table = &(table_), .ready = ready_,     \
		.lock = PTHREAD_MUTEX_INITIALIZER                                                  \
	}

/*
 * Loads it, for good; any thread. -ELIBACC: it is not there; -ELIBBAD: it lacks a function; err names the
 * file. Once it has been 0, it always is.
 */
int library_need(struct library *l, struct err *err);

#endif
