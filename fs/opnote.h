/*
 * What of an operation, and of a run, goes to the operation log.
 */
#ifndef SBX_FS_OPNOTE_H
#define SBX_FS_OPNOTE_H

#include "fs/op.h"

struct job;
struct run_end;

/* op has been answered and nobody uses it any more, but it still holds what it holds. No lock held. */
void opnote_op(struct op *op);

/* A run has ended. number, kept: its ids; any lock of a job may be held. */
void opnote_run(struct box *b, unsigned number, const struct run_end *end, int64_t took_ms, int rc);

#endif
