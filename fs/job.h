/*
 * A run as this side keeps it, and the runs of one sandbox.
 *
 * A job exists from the moment its script is handed over until nobody has it
 * open and a newer one has come; its output stays readable when the Pod is
 * long gone. Its end is told to those who wait only after the kernel has
 * forgotten what it knew of the sandbox's files: so what the command did to
 * them is seen by whoever has seen it end.
 */
#ifndef SBX_FS_JOB_H
#define SBX_FS_JOB_H

#include "fs/output.h"

#define JOB_SCRIPT_MAX (1024 * 1024)
#define JOB_WINDOW     (256u * 1024) /* bytes of each output that may be under way */
#define JOB_INPUT_MAX  (64u * 1024)  /* bytes of one write to stdin */

struct box;
struct job;
struct jobs;

struct jobs *jobs_new(void);
struct jobs *jobs_ref(struct jobs *js);
void jobs_unref(struct jobs *js); /* takes NULL */

/* The newest run, with a reference for the caller; NULL: none yet. */
struct job *jobs_newest(struct jobs *js);

struct job *job_ref(struct job *j);
void job_unref(struct job *j); /* takes NULL */

/*
 * Starts the script in the box, as its newest run. op, when not NULL, is answered (0 or the error)
 * when it has started or could not. One reference is the caller's. No lock held.
 */
struct job *job_start(struct box *b, const char *script, size_t n, struct op *op);

struct output *job_output(struct job *j, int stream); /* 1, 2; and 0: one that ends with the run */
void job_more(struct job *j, int stream, size_t n);   /* credit that reading has freed */

/* Its standard input. Answers op now or when there is room; copies what it keeps. */
void job_input(struct job *j, struct op *op, const char *bytes, bool nonblock);
void job_input_open(struct job *j);
void job_input_close(struct job *j); /* the last one is end of file */

/* "0\n"; waits for nothing: -EINPROGRESS while it runs, -EIO when it was lost. */
int job_exit_text(struct job *j, struct buf *ret);
/* Members of one JSON object. j NULL: no run yet. */
void job_describe(struct job *j, struct buf *ret);

const char *job_script(const struct job *j, size_t *ret_n); /* borrowed */
int64_t job_started_ms(const struct job *j);                /* wall */

#endif
