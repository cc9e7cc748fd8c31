/* One small file's content, asked for before it is opened: its life. See ahead.h. fs->lock held. */
#ifndef SBX_FS_PEEK_H
#define SBX_FS_PEEK_H

#include "fs/ahead.h"

/* Is there room for so many bytes more? Gives up what is old to make it. */
bool peek_room(struct box *b, size_t want);
/* Asks for it, with the batch; n must have no peek. */
void peek_ask(struct node *n, struct batch *b);
void peek_send(struct fs *fs, struct peek *p); /* no lock held */

/* Does what is held stand for the file as it is now known? */
bool peek_holds(const struct peek *p);
void peek_use(struct peek *p); /* it was used: takes what is left of it */
/* Not to be used. */
void peek_drop(struct peek *p, bool wasted);

/* The peeks and folders that nobody has used in AHEAD_KEEP_MS go, by and by. */
void ahead_sweep_later(struct box *b);
/* A folder that was listed ahead: used, given up, or (void) failed. */
void ahead_folder_done(struct walk *w, void (*how)(struct pace *p));

#endif
