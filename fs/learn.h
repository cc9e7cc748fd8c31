/*
 * What answers teach, and what is told to the kernel: the one place where
 * attributes enter the tables, and where they leave for the kernel.
 *
 * fs->lock held, unless said otherwise.
 */
#ifndef SBX_FS_LEARN_H
#define SBX_FS_LEARN_H

#include "fs/fs.h"

struct item;

/*
 * The child of parent is such a file: gives its node (made if need be, another one if the name now
 * stands for another file) and puts it in the parent's listing.
 */
struct node *learn_child(
	struct fs *fs, struct node *parent, const char *name, const struct attr *a, uint32_t since);
/* The same from a listing that is kept already. */
struct node *learn_item(struct fs *fs, struct node *parent, const char *name, const struct attr *a);

/* New attributes of a node that keeps standing for the file. False: it was another file; -ESTALE.
 */
bool learn_attr(struct fs *fs, struct node *n, const struct attr *a);
/* The same: 0; of another file -ESTALE, and the name is that one's: n is detached. */
int learn_or_detach(struct fs *fs, struct node *n, const struct attr *a);

/* The name is not there: forgets node and item. */
void learn_absent(struct fs *fs, struct node *parent, const char *name, uint32_t since);

/*
 * The kernel shall ask for its attributes; pages: and read it, too, but while this mount writes it. Once until
 * it is given attributes again: else each of 60,000 links would tell of all before it.
 */
void learn_recall(struct fs *fs, struct node *n, bool pages);

/*
 * The kernel was told to forget what it has of ino, and does not know it. True: it will, an answer that may be
 * older is still on its way to the program that asked, so it must be told again. over: it is not; whatever comes next
 * is told. Takes fs->lock.
 */
bool learn_unknown(struct fs *fs, uint64_t ino, bool over);

/*
 * The file has changed by the name n: what is known of it by others is in doubt, here and in the kernel.
 * True: the kernel is being told, so who was asked for the change answers by notify_then. box->links_told
 * has grown then, for those whose change may have been told before its answer came.
 */
bool learn_other_names(struct fs *fs, const struct node *n);

/* A folder of ours has changed inside: its own times and count are in doubt. */
void learn_touched(struct node *folder);

/* A child as its folder's kept listing has it; counts the lookup. */
void learn_show_item(
	struct fs *fs, struct node *parent, struct item *item, struct fuse_entry_param *ret);

/* For the kernel; counts the lookup. stale: it must ask for the attributes when it needs them. */
void learn_show_entry(struct fs *fs, struct node *n, bool stale, struct fuse_entry_param *ret);
double learn_show_attr(struct node *n, struct stat *ret);

/* A command has run: all that was known of the box's files is in doubt, here and in the kernel.
 * Takes fs->lock. */
void learn_box_changed(struct fs *fs, struct box *b);

#endif
