/*
 * Where the bytes of an output go: a descriptor, as they are, made safe for a
 * terminal, or in lines with a name in front.
 */
#ifndef SBX_PLUGIN_SINK_H
#define SBX_PLUGIN_SINK_H

#include "common/base/buf.h"

#include <sys/types.h>

struct sink {
	int fd; /* polled before writing; borrowed */
	/* bytes taken, or -errno; NULL: write(2). Any amount, at least one */
	ssize_t (*write)(void *arg, const void *bytes, size_t n);
	void (*end)(void *arg); /* what is held back goes out; or NULL */
	void *arg;
};

/* At most PIPE_BUF bytes are taken, so where poll said writable it does not block. -errno. */
ssize_t sink_write(const struct sink *s, const void *bytes, size_t n);
void sink_end(const struct sink *s);

/*
 * Bytes made safe for a terminal: control characters but \t, \n, \r and what is no UTF-8 are shown as
 * \xHH. A character that comes in two pieces is held back until it is whole.
 */
struct plain {
	int fd;
	bool lines; /* \r is shown too: it would write over what stands in front */
	char held[3];
	size_t held_n;
};

/* Appends. */
void plain_escape(struct plain *p, const void *bytes, size_t n, struct buf *ret);
void plain_escape_end(struct plain *p, struct buf *ret);

/* fd as it is, or through p (which must live as long) when it is a terminal. */
struct sink sink_for(int fd, struct plain *p);

/*
 * Lines of one among many: each with its name in front, whole, also when others write at the same time.
 * A line without an end gets one; one longer than LINE_MAX_BYTES is cut into several.
 */
#define LINE_MAX_BYTES (64 * 1024)

struct lines_to {
	int fd;
	bool terminal;        /* the bytes are escaped */
	pthread_mutex_t lock; /* one piece of output at a time */
};

struct lines {
	struct lines_to *to;
	const char *name; /* borrowed */
	int copy;         /* gets every byte as it came; or -1; borrowed */
	int copy_rc;      /* why the copy is not complete, or 0 */
	struct plain plain;
	struct buf line; /* the one that has no end yet */
};

void lines_init(struct lines *l, struct lines_to *to, const char *name, int copy);
void lines_fini(struct lines *l);
struct sink sink_lines(struct lines *l);

#endif
