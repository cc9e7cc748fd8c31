/*
 * The quick way through the waist: bytes both ways without a descriptor between.
 *
 * The waist is a descriptor (a socket pair's end, a process's pipe), and stays one: with it a far end is
 * opened, greeted and ended, and over a local process there is nothing else. But a pair between two
 * threads costs each request and each answer a copy, two system calls and a switch of threads. So who
 * holds the far side of the descriptor may offer a duct beside it: what is put goes to the network on
 * the putter's thread, and what comes is handed over on the thread that received it. From duct_open
 * on bytes go through the duct alone; the descriptor then only tells of the end, either side's.
 */
#ifndef SBX_BASE_DUCT_H
#define SBX_BASE_DUCT_H

#include <stddef.h>
#include <sys/types.h>

/* Called on the receiving thread, one at a time, with no lock held that a put needs; must not block. */
struct duct_user {
	void (*bytes)(void *arg, const void *bytes, size_t n); /* borrowed */
	void (*room)(void *arg); /* after a put that took less than all: it may take some now */
	void *arg;
};

struct duct;

struct duct_ops {
	void (*open)(struct duct *d, const struct duct_user *user);
	ssize_t (*put)(struct duct *d, const void *bytes, size_t n);
	void (*close)(struct duct *d);
};

/* First in the struct of who makes one. */
struct duct {
	const struct duct_ops *ops;
};

/* Once, with nothing under way: what came on the descriptor and was not read is lost. */
static inline void duct_open(struct duct *d, const struct duct_user *user)
{
	d->ops->open(d, user);
}

/* Any thread. How many were taken, in order; less than n: room() will be called. -EPIPE: it has ended. */
static inline ssize_t duct_put(struct duct *d, const void *bytes, size_t n)
{
	return d->ops->put(d, bytes, n);
}

/* Frees it. No callback runs any more when it returns; not from within one. Takes NULL. */
static inline void duct_close(struct duct *d)
{
	if (d)
		d->ops->close(d);
}

#endif
