/*
 * The names of one file: nodes of a box that were last seen with the same
 * device and inode and more than one link. When one name goes, what is known
 * of the others is in doubt; they are found here, not by a walk over all nodes.
 *
 * All: fs->lock held.
 */
#ifndef SBX_FS_LINKS_H
#define SBX_FS_LINKS_H

#include "fs/node.h"

/* By its attr, which was learnt: in, out, or with others now. */
void links_learn(struct node *n);
void links_leave(struct node *n);

/* The first of those that n is among (maybe n itself), then by link_next; NULL: among none. */
struct node *links_of(const struct node *n);

#endif
