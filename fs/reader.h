/*
 * Read-ahead of one open file.
 *
 * Reads are cut into blocks of at most what the far end gives at once; all
 * blocks of a read are in flight together, and while a program reads on in
 * order a growing window beyond them, too. A read is answered when all its
 * blocks have come: whole, or short at the end of the file, or with an error;
 * never padded.
 */
#ifndef SBX_FS_READER_H
#define SBX_FS_READER_H

#include "fs/node.h"

#define READER_WINDOW_MIN (256u * 1024)
#define READER_WINDOW_MAX (4u * 1024 * 1024)
/* Of all open files together, ahead of what was asked for. */
#define READER_AHEAD_MAX (64u * 1024 * 1024)

struct fs;
struct op;

struct reader {
	struct block *blocks; /* by offset, without overlaps */
	struct read_wait *waits;
	size_t window; /* bytes; 0: the last read was not in order */
	uint64_t high; /* the end of what was asked for */
	bool started;
	unsigned generation; /* of the writer when they were asked for */
	struct stamp stamp;  /* of the file then, as far as it was known */
};

/* Answers op (op->h, offset, size), now or later. No lock held. */
void reader_read(struct op *op);

/* fs->lock held. */
void reader_fini(struct fs *fs, struct reader *r);

#endif
