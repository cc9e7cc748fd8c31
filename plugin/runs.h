/*
 * The runs of a sandbox, however they were learnt: for ps, and to find one by
 * its number.
 */
#ifndef SBX_PLUGIN_RUNS_H
#define SBX_PLUGIN_RUNS_H

#include "common/remote/remote.h"

#include <cjson/cJSON.h>

struct run_row {
	uint32_t id;     /* what it is called by */
	uint32_t number; /* its folder in the mount; 0: not seen there */
	char state[16];  /* "running", "exited", ...; "new" */
	int exit;        /* as a shell shows it; -1: it has none */
	int signal;      /* or 0 */
	int pid;         /* or 0 */
	uint32_t kept;   /* its id in the sandbox, or 0 */
	bool terminal;
	int64_t started_ms; /* since 1970; 0: unknown */
	int64_t took_ms;
	uint64_t bytes[2], start[2], dropped[2]; /* of each output */
	char *command;                           /* safe for a terminal; maybe cut */
	char why[16];                            /* an errno's name, when it was lost; or "" */
	char *trouble;                           /* a sentence, or NULL */
};

struct runs {
	struct run_row *at; /* ordered by id */
	size_t count;
};

#define auto_runs struct runs auto_with(runs_fini)

void runs_fini(struct runs *r);
void run_row_fini(struct run_row *row);
struct run_row *runs_add(struct runs *r); /* zeroes, exit -1 */
void runs_sort(struct runs *r);
const struct run_row *runs_find(const struct runs *r, uint32_t id); /* or NULL */

/* From the sandbox's own listing. */
void run_row_of_kept(const struct kept *k, struct run_row *ret);

/* From a mount's status of one run: any JSON is safe. -EBADMSG: it is none. number: its folder. */
int run_row_of_status(const char *text, size_t n, uint32_t number, struct run_row *ret);

bool run_row_ended(const struct run_row *row);

/* How it ended, as a session tells it; RUN_KEPT while it runs. */
struct run_end run_row_end(const struct run_row *row);

/* "3" -> 3. -EINVAL: no such number. */
int run_id_parse(const char *word, uint32_t *ret);

cJSON *run_row_json(const struct run_row *row);

#endif
