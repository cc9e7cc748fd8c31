/*
 * Write-behind: what was written, or set, and is not acknowledged; one a file.
 *
 * A write is copied and answered at once; neighbours are merged while an earlier one is under way.
 * It goes down the file's lane (lane.h), where requests that need the file as it was written follow
 * it without waiting. The write that goes past WRITER_FILE_MAX in one file, or WRITER_BOX_MAX
 * in one sandbox, is answered when there is room; those behind it are not even
 * taken until then (a signal: EINTR). The first failure is kept in the handle and
 * given back once, by the next write, flush or fsync; what was queued behind
 * it on that handle is dropped.
 *
 * From the first write on the file is dirty: its attributes are an estimate (writer_overlay), until
 * those that were asked for behind the last change have come. New attributes of one who writes the file
 * (chmod, touch, chown) may be answered ahead, too (writer_set): then they are part of the estimate, and
 * a failure is a write's.
 *
 * What goes by name or by another handle (reads, truncate, rename) drains: waits until all changes
 * that were queued before have been acknowledged.
 */
#ifndef SBX_FS_WRITER_H
#define SBX_FS_WRITER_H

#include "fs/lane.h"
#include "fs/node.h"

#define WRITER_FILE_MAX (8u * 1024 * 1024)
#define WRITER_BOX_MAX  (64u * 1024 * 1024)

struct op;

struct writer {
	struct lane lane;
	size_t bytes; /* of its writes */
	struct op *drainers;
	bool dirty;
	uint64_t size;         /* while dirty: what the file's size must be */
	struct timespec mtime; /* while dirty: about */
	unsigned generation;   /* grows with every change: what readers hold is old */
	unsigned asked;        /* the attributes of this generation are on their way */
	bool lost; /* some of it was given up, once: the kernel was told to forget its pages */
	int sets;  /* while dirty: FUSE_SET_ATTR_*, what was answered ahead, */
	struct stat set; /* as it is shown; with the set-id bits */
};

/* Takes over the write of op (op->h, offset, size). No lock held. Answers op now or later. */
void writer_write(struct op *op, const char *bytes);

/* fs->lock held. False: no change is pending. True: op->step(op, 0) will run, without locks. */
bool writer_drain(struct node *n, struct op *op);
/* The same of questions, too. */
bool writer_drain_all(struct node *n, struct op *op);

/* Sends what may be sent; force: also a small last write. No lock held. */
void writer_push(struct fs *fs, struct node *n, bool force);

/* fs->lock held: */
bool writer_pending(const struct node *n);        /* changes are not acknowledged */
bool writer_dirty(const struct node *n);          /* its attributes are an estimate */
bool writer_asked(const struct node *n);          /* the true ones are on their way */
unsigned writer_generation(const struct node *n); /* 0: never written */
/* Attributes asked for behind all changes of this generation have come: they hold if nothing was
 * changed since. */
void writer_settle(struct node *n, unsigned generation);
/*
 * A failure of what was answered ahead on h. What the kernel has of the file's content, which never arrived, it
 * shall forget: settling the file (flush, fsync) waits for that, by writer_lost. A write's answer cannot, as the page
 * that is to be forgotten may be locked for it.
 */
void writer_fail(struct handle *h, int rc);
/* Takes the handle's failure: 0 or negative. */
int writer_take_error(struct handle *h);
/*
 * The same for a write, which leaves it for the next flush or fsync: the kernel makes several of what a program
 * writes at once, and when not the first of them fails the program hears how much was written, and of no failure.
 */
int writer_tell_error(struct handle *h);
/* Bytes of it were given up: by notify_last the kernel has forgotten them. */
bool writer_lost(const struct node *n);
/* One that nobody has been told yet, of any handle that is open. */
int writer_untold(const struct node *n);

/* The handle of what is pending: what is asked on it comes behind that. NULL: nothing is pending. */
struct handle *writer_handle(const struct node *n);
/* A question whose answer is a RECORD: on that handle, or else on h. writer_push is due. */
struct parcel *writer_ask(struct node *n, struct handle *h, enum remote_op what, parcel_back *back);
/* An OP_FSET on h, behind all; the caller fills in what. writer_push is due. */
struct parcel *writer_change(struct node *n, struct handle *h, parcel_back *back);
/* The OP_OPEN that makes the file, the first of all; the caller fills in the rest. */
struct parcel *writer_make(struct node *n, struct handle *h, parcel_back *back);
/* Those wishes (FUSE_SET_ATTR_*, as the kernel gave them) are believed from now on. */
void writer_believe(struct node *n, int sets, const struct stat *st);

void writer_overlay(const struct writer *w, struct stat *st);
void writer_free(struct writer *w);

/* lane.c's: p has been answered and looked at; takes it. No lock held. */
void writer_gone_through(struct fs *fs, struct node *n, struct parcel *p);

#endif
