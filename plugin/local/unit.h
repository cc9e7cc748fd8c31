/*
 * One container of a Pod, as the shim runs it: its life, its log, its state
 * as the Pod's status will show it.
 */
#ifndef SBX_LOCAL_UNIT_H
#define SBX_LOCAL_UNIT_H

#include "plugin/local/json.h"

#include <sys/types.h>

enum unit_state { UNIT_WAITING, UNIT_RUNNING, UNIT_ENDED, UNIT_BACKOFF };

struct pod_run {
	const char *home;
	char *dir; /* <home>/pods/<uid> */
	const char *uid;
	const cJSON *pod;
	char *cgroup; /* of the Pod, or NULL */
	bool one_user;
};

struct unit {
	const cJSON *spec;
	const char *name; /* borrowed from spec */
	bool init;
	enum unit_state state;
	char *id;  /* at the runtime */
	char *dir; /* its bundle */
	char *cgroup;
	pid_t pid;
	int output[2]; /* stdout and stderr, or the terminal and -1 */
	int input;     /* our end of its FIFO, so that it never ends; -1 */
	int log;
	off_t log_bytes;
	int restarts;
	int fast_ends;      /* in a row: what the back-off grows by */
	int64_t started_ms; /* monotonic */
	int64_t backoff_ms; /* deadline */
	cJSON *state_json;  /* {"running": {...}} and so on */
	cJSON *last_json;   /* of the run before; {} */
	char *image_id;
	int exit_code;
};

void unit_init(struct unit *u, const struct pod_run *run, const cJSON *spec, bool init);
void unit_fini(struct unit *u);

/* Starts it; what keeps it from starting becomes its state. Waits for the runtime. */
void unit_start(struct unit *u, const struct pod_run *run);

/* Copies what there is on its stream i to the log; closes the stream at its end. */
void unit_read(struct unit *u, const struct pod_run *run, int i);

/* Its first process has ended, with this wait status. */
void unit_ended(struct unit *u, const struct pod_run *run, int status);

/* Begins again after unit_ended: restarts counted, the log a new one. */
void unit_again(struct unit *u);

void unit_wait_state(struct unit *u, const char *reason, const char *message);
cJSON *unit_report(const struct unit *u); /* for status.json; the caller's */

#endif
