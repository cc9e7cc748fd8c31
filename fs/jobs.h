/*
 * The runs of one sandbox, by number, and what new ones start with. Shared with the sandbox that
 * replaces it when its container is started again.
 *
 * A run's number is one above all that were here and all that the sandbox keeps, so that its id
 * there can be the same. Kept runs of others are found by asking (OP_RUNS), when somebody looks.
 */
#ifndef SBX_FS_JOBS_H
#define SBX_FS_JOBS_H

#include "fs/job.h"

struct jobs;

struct jobs *jobs_new(void);
struct jobs *jobs_ref(struct jobs *js);
void jobs_unref(struct jobs *js); /* takes NULL */

/* All of these that give a job give a reference for the caller; NULL: there is none. */
struct job *jobs_newest(struct jobs *js); /* of those that were started from here */
struct job *jobs_find(struct jobs *js, unsigned number);
struct job *jobs_make(struct box *b); /* a new one, with a number; fs->lock not held */

/* The numbers there are, ascending: the caller's. */
unsigned *jobs_numbers(struct jobs *js, size_t *ret_n);

unsigned jobs_running(struct jobs *js);

void jobs_started(struct jobs *js, struct job *j); /* it is the newest */
void jobs_remove(struct jobs *js, struct job *j);

/* Of finished runs that nobody has open only the newest runs_max are kept. */
void jobs_trim(struct jobs *js, struct fs *fs);

/* --- what the sandbox keeps (adopt.c) ------------------------------------- */

/*
 * Then step runs with 0: at once when it was asked within max_age_ms, when it cannot be, or when the
 * sandbox has been asked. What it says is in the table then. No lock held.
 */
void jobs_refresh(struct op *op, int max_age_ms, op_step *step);

/* --- defaults ------------------------------------------------------------- */

char *jobs_cwd(struct jobs *js);                /* the caller's; NULL: the container's */
char **jobs_env(struct jobs *js);               /* the caller's */
void jobs_set_cwd(struct jobs *js, char *cwd);  /* takes it */
void jobs_set_env(struct jobs *js, char **env); /* takes it */

#endif
