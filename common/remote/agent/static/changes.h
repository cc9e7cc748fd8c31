/*
 * What changes in the folders that `list PATH w` has named: common/remote/proto.h, "What changes".
 *
 * One inotify descriptor, whose watch descriptors are the WATCHes. An event only says which name is
 * to be looked at: names gather (each once), are looked at, and what is found is told. One
 * look is under way at a time; what comes meanwhile waits, in the kernel first. Past its ceilings
 * names are no longer kept, the folder is told to be asked anew.
 *
 * What is mounted over a folder, or not any more, is no event in any: then all are told to be asked anew.
 *
 * Nothing is told of a folder while an answer that names its WATCH is still to go.
 */
#ifndef SBX_AGENT_CHANGES_H
#define SBX_AGENT_CHANGES_H

#include "common/remote/agent/static/job.h"

#include <pthread.h>

#define CHANGES_BUCKETS 1024

struct task;
struct folder;
struct name;

struct changes {
	struct agent *agent;
	struct watch watch;  /* the inotify descriptor; -1: nothing can be watched */
	struct watch mounts; /* what is mounted; -1: there is no /proc */
	bool muted;          /* it is not listened to until the next look */
	int64_t quiet_ms;    /* nothing is told before */
	bool looking;        /* somebody looks, or what it found is still to go */
	uint64_t looks;      /* that are told */
	uint64_t hurry;      /* up to this one none waits */

	pthread_mutex_t lock; /* the rest: workers enter what they list */
	struct folder *folders[CHANGES_BUCKETS];
	uint32_t count;
	struct folder *due, **due_end; /* something is to be told */
	struct name *names[CHANGES_BUCKETS];
	size_t name_count, name_bytes;
	bool all;             /* of all folders */
	struct folder *batch; /* what is looked at: who looks has it alone */
};

void changes_init(struct agent *a);

/*
 * On a worker, before it reads the folder dir, which path names: its WATCH, or 0 when it cannot be
 * watched. Told of when changes_named was called as often.
 */
uint32_t changes_watch(struct agent *a, int dir, const char *path);
void changes_named(struct job *j); /* j->watch: its answer has gone. Loop's thread */

void changes_unwatch(struct job *j); /* the one-way message; takes j */

int changes_timeout(struct changes *c); /* ms, -1: none */
/* Once a turn. answers: the client is being answered anyway. */
void changes_look(struct changes *c, bool answers);

/*
 * Before a task's end mark: has all been told that had changed when this was first asked? If not,
 * the task is woken when it has; if that takes too long, `to` gets that anything may have changed.
 */
bool changes_told(struct task *t, struct buf *to);

#endif
