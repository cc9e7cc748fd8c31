/*
 * One request that a worker thread does: its arguments, then its answer.
 *
 * Made and freed by the loop's thread; between pool_submit and its coming back it is the worker's
 * alone (but for what a listing streams: pool.h). What a job needs of the agent it reads from what
 * never changes.
 */
#ifndef SBX_AGENT_JOB_H
#define SBX_AGENT_JOB_H

#include "common/remote/agent/static/out.h"
#include "common/remote/agent/static/quick.h"

#include <sys/stat.h>
#include <time.h>

#define JOB_NUMBERS 5

enum brief_kind {
	BRIEF_NOT,
	BRIEF_NAME,   /* if the folder of its last path is local */
	BRIEF_HANDLE, /* if the file is */
	BRIEF_ALWAYS,
};

struct agent;
struct handle;

struct job {
	struct source source; /* first: of its answer */
	struct job *next;     /* in its jobs */
	struct agent *agent;
	uint32_t tag;
	int (*quick)(struct job *j);  /* on the loop's thread, before that: quick.h; or NULL */
	int (*work)(struct job *j);   /* on a worker: 0 or -errno */
	void (*after)(struct job *j); /* on the loop's thread, before the answer; or NULL */

	char *text[2];             /* TEXT arguments in their order, NUL-terminated */
	uint64_t num[JOB_NUMBERS]; /* numbers, modes and handles in theirs */
	char word[2][40];          /* flags and times in theirs */
	char *body;
	size_t body_n;
	struct handle *handle; /* held until the job is done; or NULL */
	bool shares;           /* it with others that do: handle.h */
	enum brief_kind brief; /* brief.h */
	const char *place;     /* a path whose folder's device the worker is to learn of; or NULL */
	int fd;                /* the handle's; after an open: what becomes one, or -1 */
	int (*deep)(struct job *j); /* deep.h: the work proper, or NULL; */
	int deep_fd[2];             /* the folders that stand for the beginnings of text, or -1 */
	int from;                   /* of a copy: another handle's, its own; or -1 */
	bool ahead;                 /* of an open: its first valid bytes are in content */
	uint64_t valid;

	int rc;
	struct buf content;          /* of its `d`; pool->lock while it streams */
	size_t sent;                 /* of content; as above */
	struct buf fields;           /* of its `=`, a space before each */
	bool packs;                  /* a listing: into blocks */
	bool streams, poked;         /* pool->lock */
	struct quick_view view;      /* as the next */
	bool local;                  /* an open: quick.h */
	bool answered;               /* it is back from its worker */
	bool later;                  /* nobody waits to hear that it went well */
	struct job *next_poked;      /* pool->lock */
	uint32_t watch;              /* of a listing, changes.h's; or 0 */
	void (*told)(struct job *j); /* on the loop's thread, behind the answer; or NULL */
	size_t cost;                 /* bytes of memory that it may take: request.c */
};

/* Jobs that wait, first come first. All zero: none. Each is in one at the most. */
struct jobs {
	struct job *first, *last; /* last: only while there is a first */
};

void jobs_put(struct jobs *js, struct job *j);
struct job *jobs_take(struct jobs *js); /* the first; there is one */

struct job *job_new(struct agent *a, uint32_t tag);
void job_free(struct job *j);

/* The answer: one RECORD without a name. */
void job_record(struct job *j, const struct stat *st);

/* Answers with rc, content and fields as soon as there is room. Takes j. */
void job_answer(struct job *j);

#endif
