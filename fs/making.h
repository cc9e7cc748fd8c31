/*
 * Files that are made without waiting for the far end's answer.
 *
 * A create in a folder whose listing says that the name is absent, and in which this mount has made a
 * file before, is answered at once: the open goes down the new file's lane (lane.h) under a handle of our
 * choice, writes and attributes behind it, and flush, fsync or close tell what became of all that. So a
 * small file costs one round trip. Until the answer is there the node is `making`: whoever
 * wants its attributes asks behind the open, what goes by its name, or reads its folder, waits.
 *
 * Never with O_EXCL. Of two who make the same file in that way just one may go on: that is how locks are
 * made, and the one who lost would only hear of it when he closes the file, after he has done what the
 * lock was for. Without it both may: whoever comes second opens what is there, as he would with an
 * answer.
 */
#ifndef SBX_FS_MAKING_H
#define SBX_FS_MAKING_H

#include "fs/op.h"

struct make;

/* Takes over a create (op->node the folder, name, fi, mode). False: it must be asked for. No lock held. */
bool making_create(struct op *op);

/* fs->lock held: a create in that folder has been answered: the next may be made without. */
void making_learn(struct node *folder, bool well);

/*
 * fs->lock held, and let go when true: files are being made in folder (NULL: anywhere in op's box), and
 * step runs when they are there.
 */
bool making_wait_unlock(struct op *op, const struct node *folder, op_step *step);

/*
 * fs->lock held: its own handle has told of the file. The far end may say so before it answers the open
 * (it does one after the other, but two of its threads tell), and then that answer is the older one.
 */
void making_over(struct node *n);

/* fs->lock held. The child of that name is being made. */
bool making_is(struct fs *fs, struct node *folder, const char *name);

#endif
