/*
 * Files that were opened here alone: their content came ahead, or the kernel has it. The far end opens one
 * when more is wanted of it, or its name is about to go.
 */
#ifndef SBX_FS_READLATE_H
#define SBX_FS_READLATE_H

#include "fs/node.h"

struct handle;
struct op;

/*
 * The name of n is about to go: files open here alone are opened at the far end first. True: op->step
 * runs when they are, or cannot be; ask again then. No lock held.
 */
bool readlate_keep(struct op *op, struct node *n, void (*step)(struct op *op, int rc));

/*
 * fs->lock held, and let go when true: h is open here alone, and op->step runs when it is at the far end,
 * too, or cannot be (h->remote_open tells).
 */
bool readlate_open_unlock(struct op *op, struct handle *h, void (*step)(struct op *op, int rc));

/* op reads what only the far end has: true: it goes on, or has failed, by itself. No lock held. */
bool readlate_read(struct op *op);

#endif
