/*
 * The control files of a sandbox, of one of its runs, and of the mount.
 *
 * A file of runs/N is the same as that of the sandbox, but of run N instead of the newest. What
 * is open stays with the run it was opened for.
 */
#ifndef SBX_FS_CTLFILE_H
#define SBX_FS_CTLFILE_H

#include "fs/job.h"

#define CTL_TEXT_MAX (4 * 1024 * 1024)

struct ctl_handle;
struct podlog;
struct talk;

/* --- ctltext.c: what is there at once -------------------------------------- */

/* The run that a file of it means, with a reference for the caller; NULL: none. */
struct job *ctl_job(struct box *b, unsigned run);

/* The whole of a file that is a text; -errno. j: the run it is about, or NULL. */
int ctl_text(struct fs *fs, struct box *b, enum ctl_kind kind, struct job *j, struct buf *ret);

/* --- talk.c: one reader of one output ---------------------------------------- */

/*
 * Reading an output through a handle. A conversation has one for each script; a read that waits
 * holds the one it began with. Holds a reference of the job, which counts as open.
 */
struct talk *talk_new(struct fs *fs, struct job *j, int stream);
struct talk *talk_of_log(struct fs *fs, struct podlog *log); /* log must outlive it */
struct talk *talk_ref(struct talk *t);
void talk_unref(struct talk *t); /* takes NULL; wakes who polls on it with the last one */
/* No longer the handle's: who polls on it looks again. */
void talk_leave(struct talk *t);

/* Answers op. In a conversation offsets do not count. exit: the code instead of the bytes. */
void talk_read(struct talk *t, struct op *op, bool conversation, bool exit);
/* Is a read answered at once? Else ph (taken, may be NULL) is told. */
bool talk_poll(struct talk *t, bool conversation, struct fuse_pollhandle *ph);

#endif
