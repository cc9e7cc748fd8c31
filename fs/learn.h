/*
 * What answers teach, and what is told to the kernel: the one place where
 * attributes enter the tables, and where they leave for the kernel.
 *
 * fs->lock held, unless said otherwise.
 */
#ifndef SBX_FS_LEARN_H
#define SBX_FS_LEARN_H

#include "fs/fs.h"

/*
 * The child of parent is such a file: gives its node (made if need be, another one if the name now
 * stands for another file) and puts it in the parent's listing.
 */
struct node *learn_child(
	struct fs *fs, struct node *parent, const char *name, const struct attr *a);
/* The same from a listing that is kept already. */
struct node *learn_item(struct fs *fs, struct node *parent, const char *name, const struct attr *a);

/* New attributes of a node that keeps standing for the file. False: it was another file; -ESTALE.
 */
bool learn_attr(struct fs *fs, struct node *n, const struct attr *a);

/* The name is not there: forgets node and item. */
void learn_absent(struct fs *fs, struct node *parent, const char *name);

/* A folder of ours has changed inside: its own times and count are in doubt. */
void learn_touched(struct node *folder);

/* For the kernel; counts the lookup. stale: it must ask for the attributes when it needs them. */
void learn_show_entry(struct fs *fs, struct node *n, bool stale, struct fuse_entry_param *ret);
double learn_show_attr(struct node *n, struct stat *ret);

/* A command has run: all that was known of the box's files is in doubt, here and in the kernel.
 * Takes fs->lock. */
void learn_box_changed(struct fs *fs, struct box *b);

#endif
