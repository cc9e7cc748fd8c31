/*
 * A bound for the memory of a walk: how many files the kernel may know at once.
 *
 * The kernel forgets a file when it wants memory, not when we do; each costs about 600 bytes here. Past
 * the limit (nodes_max) the oldest are given up: the kernel is told to forget their names, and then says
 * that it has. Whoever looks again finds them again. What is open, being written or was just shown
 * stays, and so do folders, in which somebody may stand, up to twice the limit.
 */
#ifndef SBX_FS_LIMIT_H
#define SBX_FS_LIMIT_H

struct fs;
struct node;

/* fs->lock held: a node was made. */
void limit_nodes(struct fs *fs);
/* The same: it goes; or it was looked up again. */
void limit_gone(struct fs *fs, struct node *n);
void limit_wanted(struct fs *fs, struct node *n);

#endif
