/*
 * Standard input on its way to a command: what came within the credit and cannot go yet waits here,
 * and what has gone is granted again. Shared by the runs of this stream, by those that are
 * followed, and by connections.
 */
#ifndef SBX_AGENT_FEED_H
#define SBX_AGENT_FEED_H

#include "common/remote/agent/static/task.h"

struct feed {
	struct watch watch; /* where it goes: a descriptor that does not block, or -1 */
	struct task *task;
	bool on; /* there is an input, and it has not ended */
	/* NULL: watch.fd is there while it is on. Else it is only while something is to go. */
	int (*open)(struct task *t);
	/* Eof came, and all before it has gone: closes it, or puts what means the end. */
	void (*at_end)(struct task *t);
	size_t credit; /* bytes welcome at once */
	bool sparing; /* grants a quarter of it at least: a message for each little input costs time */
	struct buf queue;
	bool ending;    /* eof came */
	bool held;      /* nothing goes for now */
	char last;      /* byte that went */
	uint64_t eaten; /* and not granted again yet */
};

void feed_init(struct feed *f, struct task *t, size_t credit, void (*at_end)(struct task *t));
void feed_fini(struct feed *f);

void feed_put(struct feed *f, const char *bytes, size_t n); /* beyond the credit: dropped */
void feed_eof(struct feed *f);
void feed_go(struct feed *f); /* as far as it can; by itself when there is room again */
/* No more of it; what waits is dropped. Again is harmless. */
void feed_close(struct feed *f);

#endif
