/*
 * The inside of a job, for the files that make it: job.c its life, jobline.c the streams it is
 * served by, jobinput.c its standard input, jobctl.c what it is told, jobtext.c what is said of
 * it, detach.c how it becomes a kept one.
 */
#ifndef SBX_FS_JOBPRIV_H
#define SBX_FS_JOBPRIV_H

#include "fs/box.h"
#include "fs/fs.h"
#include "fs/job.h"

enum job_state { JOB_NEW, JOB_RUNS, JOB_OVER };

/*
 * One session_run of a job. Its users hold a reference each, and the session one until the end.
 */
struct line {
	atomic_uint refs;
	struct job *job; /* holds a reference */
	struct box *box; /* holds a reference */
	unsigned wants;  /* JOB_* */
	bool attached;   /* to a kept run; else it is the run's own */
	struct session_run *run;

	bool ready; /* job->lock; run is there */
};

/* What is asked of a run before it starts. */
struct job_wish {
	char *cwd, *user;
	char **env;
	int timeout_ms;
	bool terminal, keep;
	unsigned cols, rows;
};

struct job {
	atomic_uint refs;
	atomic_uint opens, hidden;
	struct fs *fs;
	unsigned number;
	int64_t made_wall_ms;
	struct output out[3]; /* 0: never has bytes, ends with the run */
	struct input in;      /* its lock comes after this one's */

	pthread_mutex_t lock; /* all below; before an output's */
	enum job_state state;
	struct job_wish wish;
	char *script; /* NULL: in the sandbox alone */
	size_t n;     /* its size */
	bool ours;    /* it was started from here */
	bool started;
	int pid;
	int64_t started_wall_ms, started_ms, took_ms;
	struct run_end end;
	int output_rc;          /* what reads at the end of what came are told */
	struct op *start_waits; /* all waiting ops hold a reference of the job (op_hold) */

	struct line *line; /* holds a reference; NULL: nothing comes now */
	bool retrying;     /* it will be attached again */
	unsigned retries;  /* since something came last */

	uint32_t kept; /* its id in the sandbox; 0: it ends with its line */
	bool keeping;  /* it has been asked to keep it */
	bool sending_past;
	unsigned wanted;   /* JOB_* */
	bool complete;     /* all output is here, or will never be */
	uint64_t base[2];  /* the first byte of each output here is that one there */
	uint64_t there[2]; /* bytes of each that the sandbox was last known to keep, from base on */
	uint64_t dropped;  /* bytes that it did not keep */
	struct op *detach_waits;
};

/* jobline.c */
struct line *line_of(struct job *j); /* a reference for the caller; NULL: none, or not ready yet */
void line_unref(struct line *l);     /* takes NULL */
void line_open(struct job *j, struct box *b, const struct run_spec *spec);
void line_attach(struct job *j, struct box *b);

/* job.c */
struct job *job_make(struct fs *fs, uint64_t granted);
int job_more(void *arg, int stream, size_t n); /* jobline.c; the outputs' giver */

/* lock held: all that wait in the list, taken out of it. */
struct op *job_take_all(struct op **list);
/* Puts op on the list until step or, when a signal comes, nothing more. lock held. */
void job_wait(struct job *j, struct op **list, struct op *op, op_step *step);
/* It is over: soon (by the notifier) everybody is told. Takes the line. */
void job_finish(struct line *l, const struct run_end *end);

extern const struct input_ops job_input_ops; /* jobinput.c; of a job */

/* detach.c */
void job_detach(struct job *j, struct op *op);
void job_on_keep(struct job *j, int rc); /* the agent has answered it */
/* It is kept from those bytes on: sends it what came before. */
void job_send_past(struct job *j, struct box *b, uint64_t out, uint64_t err);

#endif
