/*
 * Write-behind: what was written and is not acknowledged, one queue a file.
 *
 * A write is copied and answered at once; neighbours are merged while an
 * earlier request is under way. Order: a chunk that overlaps one in flight
 * waits for it, appends go one at a time, so the far end may answer in any
 * order. The write that goes past WRITER_FILE_MAX in one file, or WRITER_BOX_MAX
 * in one sandbox, is answered when there is room; those behind it are not even
 * taken until then (a signal: EINTR). The first failure is kept in the handle and
 * given back once, by the next write, flush or fsync; what was queued behind
 * it on that handle is dropped.
 *
 * Whoever must see the file as it was written (flush, fsync, getattr, reads,
 * truncate, rename) drains: waits until all that was queued before has been
 * acknowledged.
 */
#ifndef SBX_FS_WRITER_H
#define SBX_FS_WRITER_H

#include "fs/node.h"

#define WRITER_FILE_MAX (8u * 1024 * 1024)
#define WRITER_BOX_MAX  (64u * 1024 * 1024)

struct chunk;
struct op;

struct writer {
	struct chunk *chunks; /* not acknowledged, oldest first */
	size_t bytes;         /* in them */
	uint64_t next_serial;
	struct op *drainers;
	bool dirty;            /* written to since the attributes were last asked for */
	uint64_t size;         /* while dirty: what the file's size must be */
	struct timespec mtime; /* while dirty: about */
	unsigned generation;   /* grows with every write: what readers hold is old */
};

/* Takes over the write of op (op->h, offset, size). No lock held. Answers op now or later. */
void writer_write(struct op *op, const char *bytes);

/* fs->lock held. False: nothing is pending. True: op->step(op, 0) will run, without locks. */
bool writer_drain(struct node *n, struct op *op);

/* Sends what may be sent; force: also a small last chunk. No lock held. */
void writer_push(struct fs *fs, struct node *n, bool force);

/* fs->lock held: */
bool writer_pending(const struct node *n);
bool writer_dirty(const struct node *n);          /* its size and times are an estimate */
unsigned writer_generation(const struct node *n); /* 0: never written */
/* Attributes asked for at this generation have come: they hold if nothing was written since. */
void writer_settle(struct node *n, unsigned generation);
/* Takes the handle's failure: 0 or negative. */
int writer_take_error(struct handle *h);

void writer_overlay(const struct writer *w, struct stat *st);
void writer_free(struct writer *w);

#endif
