/*
 * What lasts as long as its tag: a run of this stream, or a kept one that is followed. Here is what
 * both have in common; the one-way messages find them by their tag.
 */
#ifndef SBX_AGENT_TASK_H
#define SBX_AGENT_TASK_H

#include "common/remote/agent/static/job.h"

#define TASK_IN_CREDIT (32 * 1024) /* of standard input; a fifo or pipe takes that at once */

struct task;

struct task_ops {
	void (*input)(struct task *t, const char *bytes, size_t n);
	void (*eof)(struct task *t);
	void (*kill)(struct task *t, int sig);
	void (*timeout)(struct task *t, uint64_t ms);
	void (*resize)(struct task *t, unsigned cols, unsigned rows);
	void (*leave)(struct task *t);
	void (*look)(struct task *t); /* look_ms has come */
	void (*end)(struct task *t);  /* the client has gone */
	void (*fini)(struct task *t);
};

struct task {
	struct source source; /* first */
	struct task *next;
	struct agent *agent;
	const struct task_ops *ops;
	uint32_t tag;
	struct buf lines; /* to be said before any output */
	uint64_t credit[2], sent[2];
	bool wanted[2];  /* its outputs */
	int64_t look_ms; /* 0: need not be looked at */
	int64_t told_ms; /* changes.c's: until then the end waits for what is to be told before; 0: not asked */
	uint64_t told_by; /* by that look it is */
	bool over;        /* freed at the end of the turn */
};

struct tasks {
	struct task *first;
};

void tasks_init(struct agent *a);
int tasks_timeout(struct tasks *ts); /* ms, -1: none */
void tasks_look(struct tasks *ts);
void tasks_sweep(struct tasks *ts);
void tasks_end(struct tasks *ts);

/* t is zeroed memory of its kind, which fini() and free() end. */
void task_init(struct task *t, struct agent *a, uint32_t tag, const struct task_ops *ops);
struct task *task_find(struct tasks *ts, uint64_t tag); /* NULL */
/* It has said its last: no source, no tag any more. */
void task_over(struct task *t);
/* It has something to say. */
void task_wants(struct task *t);

/* Moves t's lines to `to`. */
void task_put_lines(struct task *t, struct buf *to);
/* A frame of output k, and the account of it. */
void task_put_output(struct task *t, int k, const char *bytes, size_t n, struct buf *to);
/* As much of output k as one frame may hold; 0: no credit, or not wanted. */
size_t task_room(const struct task *t, int k);
void task_say_input(struct task *t, uint64_t n); /* `i`: n more bytes are welcome */

/* The one-way messages. Take j. */
void task_in(struct job *j);
void task_eof(struct job *j);
void task_more(struct job *j);
void task_kill(struct job *j);
void task_timeout(struct job *j);
void task_resize(struct job *j);
void task_leave(struct job *j);

/* "-" or letters of known. */
bool task_flags_ok(const char *flags, const char *known);

/* 15 for "TERM"; 0: no such. */
int signal_number(const char *name);

#endif
