/*
 * Read-ahead of one open file.
 *
 * Reads are cut into pieces of at most what the far end gives at once; all
 * pieces of a read are in flight together, and while a program reads on in
 * order a growing window beyond them, too. A read is answered when all its
 * pieces have come: whole, or short at the end of the file, or with an error;
 * never padded.
 *
 * A file that is read here and there (a database, an archive's index) is fetched whole once reading it so has
 * taken as long as that would have: then no more than twice the time of the better way is spent, whatever
 * comes. It is held while it is open and is known to be as it was (dir_attr_until).
 */
#ifndef SBX_FS_READER_H
#define SBX_FS_READER_H

#include "fs/node.h"

#define READER_WINDOW_MIN (256u * 1024)
#define READER_WINDOW_MAX (4u * 1024 * 1024)
#define READER_GROWS      4 /* times, with each read that is in order */
/* A file up to that comes whole with its open, a larger one begins with so much. */
#define READER_FIRST_WHOLE (128u * 1024)
#define READER_FIRST       (64u * 1024)
/* Of all open files together, ahead of what was asked for; */
#define READER_AHEAD_MAX (64u * 1024 * 1024)
/* of it, files that are held whole; */
#define READER_HELD_MAX (32u * 1024 * 1024)
/* so fast a file is taken to come: bytes a microsecond. */
#define READER_PACE 64u

struct fs;
struct handle;
struct op;

struct reader {
	struct piece *pieces; /* by offset, without overlaps */
	struct read_wait *waits;
	size_t window;              /* bytes; 0: the last read was not in order */
	uint64_t high;              /* the end of what was asked for */
	uint64_t here_and_there_us; /* that reads out of order have waited */
	uint64_t held;              /* not 0: the file is held whole, so many bytes, */
	uint64_t fetched;           /* asked for up to there */
	bool started;
	unsigned generation; /* of the writer when they were asked for */
	struct stamp stamp;  /* of the file then, as far as it was known */
	struct op *late;     /* reads that wait for the far end to open it */
	bool opening, tried;
	bool orphan; /* it cannot: what is held is all that there is */
};

/*
 * How many of the first bytes of a file of size are worth coming with its open: all of a small one,
 * else what the first read asks for. In whole pages, as the kernel reads.
 */
size_t reader_first(uint64_t size, size_t max);

/*
 * The first reply->n bytes of the file came with its open, want having been asked for when the writer
 * was at generation. Takes them out of reply. fs->lock held.
 */
void reader_begin(struct handle *h, struct remote_reply *reply, size_t want, unsigned generation);

/* Answers op (op->h, offset, size), now or later. No lock held. */
void reader_read(struct op *op);

/* fs->lock held. */
void reader_fini(struct fs *fs, struct reader *r);

#endif
