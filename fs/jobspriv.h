/* The inside of the table: jobs.c and adopt.c. */
#ifndef SBX_FS_JOBSPRIV_H
#define SBX_FS_JOBSPRIV_H

#include "fs/jobs.h"

#include <uthash.h>

#define JOBS_MAX 2000 /* of one sandbox: what it says it keeps is a stranger's word */

struct jobs_item {
	unsigned number;
	struct job *job; /* holds a reference */
	UT_hash_handle hh;
};

struct jobs {
	atomic_uint refs;
	pthread_mutex_t lock; /* all below; before a job's */
	struct jobs_item *items;
	struct job *newest; /* holds a reference */
	unsigned highest;   /* number ever given */
	char *cwd;
	char **env;

	bool asking; /* an OP_RUNS is under way */
	int64_t asked_ms;
	struct op *waits;
};

/* lock held. False: no room. */
bool jobs_put(struct jobs *js, struct job *j, unsigned number);
void jobs_drop(struct jobs *js, struct jobs_item *item);

#endif
