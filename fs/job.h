/*
 * A run as this side keeps it: from runs/new, or from a script that is handed over, to the
 * moment when it is forgotten. Its output stays readable when the Pod is long gone.
 *
 * Its end is told to those who wait only after the kernel has forgotten what it knew of the
 * sandbox's files: so what the command did to them is seen by whoever has seen it end.
 *
 * A kept run (proto.h) goes on without a line: the job attaches again by itself, from the byte it
 * has, until the sandbox is gone. One that was found in the sandbox is attached when somebody
 * first wants something of it.
 *
 * All calls: any thread, no lock held but a handle's, unless said otherwise.
 */
#ifndef SBX_FS_JOB_H
#define SBX_FS_JOB_H

#include "fs/input.h"
#include "fs/output.h"

#define JOB_SCRIPT_MAX (1024 * 1024)
#define JOB_WINDOW     (256u * 1024) /* bytes of each output that may be under way */

struct box;
struct command;
struct job;

/* In state new. */
struct job *job_new(struct fs *fs);
/* One that the sandbox keeps. */
struct job *job_of_kept(struct fs *fs, const struct kept *k);
struct job *job_ref(struct job *j);
void job_unref(struct job *j); /* takes NULL; any lock */

/* Its number; set once, by jobs.c, before anybody else has it. */
unsigned job_number(const struct job *j);
void job_set_number(struct job *j, unsigned number);

bool job_is_new(struct job *j);
bool job_is_over(struct job *j);
uint32_t job_kept(struct job *j);   /* its id in the sandbox, or 0 */
bool job_is_keeping(struct job *j); /* it will have one soon */

/*
 * Starts the script in the box, with its defaults and what was set before. op, when not NULL, is
 * answered (0 or the error) when it has started or could not.
 */
void job_start(struct job *j, struct box *b, const char *script, size_t n, struct op *op);

/* What was learnt of a kept run; false: it contradicts what was told here, forget it. Any lock. */
bool job_learn(struct job *j, const struct kept *k);

/*
 * Somebody wants something of a kept run: it is attached, if it is not yet. Of another one it comes
 * anyway.
 */
#define JOB_END    0 /* to know its end, and to command it */
#define JOB_OUTPUT (1 << 0)
#define JOB_INPUT  (1 << 1)
void job_want(struct job *j, struct box *b, unsigned what);

struct output *job_output(struct job *j, int stream); /* 1, 2; and 0: one that ends with the run */

struct input *job_input(struct job *j);

/*
 * Checks them all, obeys them in order, answers op. -EBUSY: it has started; -ESRCH: it has not, or
 * is over; -ENOTTY; -EOPNOTSUPP: this agent cannot. With detach among
 * them the answer comes when the sandbox has all of its output.
 */
void job_command(struct job *j, struct op *op, const struct command *all, size_t count);
/* Are the commands sure to reach it now? Else the line is to be made ready first. */
bool job_has_line(struct job *j);

/* "0\n"; waits for nothing: -EINPROGRESS while it runs, -EIO when it was lost. */
int job_exit_text(struct job *j, struct buf *ret);
/* Members of one JSON object. j NULL: no run yet. */
void job_describe(struct job *j, struct buf *ret);
/* Bytes of an output, also of those that are still in the sandbox; when it last grew (wall). */
uint64_t job_size(struct job *j, int stream, int64_t *ret_ms);
int64_t job_started_ms(struct job *j); /* wall; when it was made, of a new one */

/* Its script. false: it must be asked for (OP_SCRIPT) and told by job_set_script. */
bool job_script(struct job *j, struct buf *ret);
size_t job_script_size(struct job *j);
void job_set_script(struct job *j, const char *script, size_t n);

/* How many files of it are open here: one that is open is not forgotten by itself. */
void job_opened(struct job *j);
void job_closed(struct job *j);
bool job_is_open(struct job *j);
/* Files of runs/N that were removed, as bits of enum ctl_kind. */
bool job_hides(struct job *j, enum ctl_kind kind);
void job_hide(struct job *j, enum ctl_kind kind);

/* Is it one whose output is held on this side? Those alone are counted. */
bool job_is_held(struct job *j);
bool job_is_idle(struct job *j); /* nothing serves it, and nothing will by itself */
bool job_was_started_here(struct job *j);

#endif
