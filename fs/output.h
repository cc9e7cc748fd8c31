/*
 * A stream as it can be read through a file: bytes that grow, then an end.
 *
 * Reads past what is there wait, to be answered when more comes or it ends.
 * The giver of the bytes works by credit: output_add says how many more bytes
 * may come. At the ceiling that is none, until those who have it open have
 * read on: then the oldest bytes are forgotten. With nobody reading, the giver
 * waits: that is the back-pressure.
 */
#ifndef SBX_FS_OUTPUT_H
#define SBX_FS_OUTPUT_H

#include "fs/op.h"
#include "fs/spool.h"

/* One open file on it. Lives in the handle. */
struct output_reader {
	uint64_t position;      /* it has what is before */
	uint64_t position_read; /* the end of its last answer: what poll asks about */
	bool started;           /* it has read something */
	struct fuse_pollhandle *poll;
	struct output_reader *prev, *next;
};

struct output {
	pthread_mutex_t lock; /* all below */
	struct spool spool;
	uint64_t max;     /* ceiling of what is held */
	uint64_t granted; /* the giver may send up to this offset */
	uint64_t owed;    /* credit not yet given back */
	bool ended;
	int rc;             /* what reads at the end say when it has ended badly */
	int64_t changed_ms; /* wall */
	struct op *waits;
	struct output_reader *readers;
};

void output_init(struct output *o, uint64_t max, uint64_t granted);
void output_fini(struct output *o);

/* Adds; how many more bytes may be sent on top of those granted so far. */
size_t output_add(struct fs *fs, struct output *o, const void *bytes, size_t n);
void output_end(struct fs *fs, struct output *o, int rc);

/*
 * Answers op (offset, size) now or when it can; an op with a step gets that instead of the bytes.
 * nonblock: -EAGAIN instead of waiting. Returns credit that reading has freed, as output_add.
 */
size_t output_read(struct output *o, struct output_reader *r, struct op *op, bool nonblock);

void output_open(struct output *o, struct output_reader *r);
void output_close(struct output *o, struct output_reader *r);

/* Is a read at offset answered at once? Else ph (taken, may be NULL) is told when it would be. */
bool output_poll(
	struct output *o, struct output_reader *r, uint64_t offset, struct fuse_pollhandle *ph);

bool output_full(struct output *o); /* holds its max */
uint64_t output_size(struct output *o, int64_t *ret_changed_ms);

#endif
