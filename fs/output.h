/*
 * A stream as it can be read through a file: bytes that grow, then an end.
 *
 * Reads past what is there wait, to be answered when more comes or it ends.
 * The giver of the bytes works by credit: it is told how many more bytes may
 * come, a quarter of its window at least. At the ceiling, its own or that of
 * all outputs together (pool.h), what all who have it open have read is
 * forgotten. When that does not help, the giver waits: that is the
 * back-pressure; or the oldest bytes are dropped, and reads of them are
 * ENODATA. It also waits while the spool's disk is full.
 */
#ifndef SBX_FS_OUTPUT_H
#define SBX_FS_OUTPUT_H

#include "fs/op.h"
#include "fs/spool.h"

struct pool;

/* One open file on it. Lives in the handle. */
struct output_reader {
	uint64_t position;      /* it has what is before */
	uint64_t position_read; /* the end of its last answer: what poll asks about */
	bool started;           /* what it has not read counts: it has read something, or will */
	struct fuse_pollhandle *poll;
	struct output_reader *prev, *next;
};

/* Why a giver must wait. */
enum output_full { OUTPUT_ROOM, OUTPUT_CEILING, OUTPUT_TOTAL, OUTPUT_DISK };

/* n more bytes may come on stream. Any thread, maybe with pool->lock. Negative: ask again later. */
typedef int output_more(void *arg, int stream, size_t n);

struct output {
	/* from output_join */
	struct pool *pool; /* NULL: it counts nowhere */
	bool drop;
	output_more *more; /* NULL: output_add and output_read return the credit */
	void *arg;
	int stream;
	struct output *prev, *next; /* pool->lock; oldest first */

	pthread_mutex_t lock; /* all below */
	struct spool spool;
	uint64_t max;     /* ceiling of what is held */
	uint64_t granted; /* the giver may send up to this offset */
	uint64_t owed;    /* credit not yet given back */
	size_t least;     /* credit is given in multiples of this */
	uint64_t dropped;
	enum output_full full;
	bool hungry; /* counted in pool->hungry: it wants to be asked again */
	bool ended;
	int rc;             /* what reads at the end say when it has ended badly */
	int64_t changed_ms; /* wall */
	struct op *waits;
	struct output_reader *readers;
};

void output_init(struct output *o, uint64_t max, uint64_t granted);
/* It counts in the pool, until output_fini; more gets the credit, on whatever thread frees it. */
void output_join(
	struct output *o, struct pool *pool, bool drop, output_more *more, void *arg, int stream);
void output_fini(struct output *o);

/* Adds; how many more bytes may be sent on top of those granted so far (0 once joined). */
size_t output_add(struct fs *fs, struct output *o, const void *bytes, size_t n);
void output_end(struct fs *fs, struct output *o, int rc);

/*
 * Answers op (offset, size) now or when it can; an op with a step gets that instead of the bytes.
 * nonblock: -EAGAIN instead of waiting. A conversation (op->advance) that asks for what was dropped
 * gets -ENODATA once and goes on at the oldest byte. Returns what output_add does.
 */
size_t output_read(struct output *o, struct output_reader *r, struct op *op, bool nonblock);

void output_open(struct output *o, struct output_reader *r);
void output_close(struct output *o, struct output_reader *r);

/* Is a read at offset answered at once? Else ph (taken, may be NULL) is told when it would be. */
bool output_poll(
	struct output *o, struct output_reader *r, uint64_t offset, struct fuse_pollhandle *ph);

/* The handle to tell, now the caller's; NULL: nobody polls. */
struct fuse_pollhandle *output_take_poll(struct output *o, struct output_reader *r);

/* A reader's position, which answers move. */
uint64_t output_at(struct output *o, const uint64_t *position);

/* Bytes held at offset, for one who sends them elsewhere: spool_read's answers. */
ssize_t output_peek(struct output *o, uint64_t offset, void *ret, size_t n);

/* Another giver goes on at the end, which is returned, and may send so much at first. */
uint64_t output_restart(struct output *o, uint64_t granted);

bool output_full(struct output *o); /* holds its max, or its disk is full */
bool output_ended(struct output *o);
uint64_t output_size(struct output *o, int64_t *ret_changed_ms);

/*
 * Members of a run's status, where they are not 0: stdout_start, stderr_start (the first byte that
 * can be read), dropped (bytes nobody had read, of both), full (why the command waits: "ceiling",
 * "total" or an errno's name).
 */
void output_describe(struct output *out, struct output *err, struct buf *ret);

/* The pool's. */
void output_retry(struct output *o); /* gives credit, if there is any now */
uint64_t output_evict(
	struct output *o); /* forgets all of it, if it has ended and nobody has it open */

#endif
