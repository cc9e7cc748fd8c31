/*
 * doctor's findings: one line each as they are made, or one document at the end.
 */
#ifndef SBX_PLUGIN_CHECKS_H
#define SBX_PLUGIN_CHECKS_H

#include "common/base/buf.h"
#include "common/kube/rest.h"

#include <cjson/cJSON.h>
#include <stdio.h>

enum check_state {
	CHECK_OK,
	CHECK_SKIP, /* not known, or not meant for this user */
	CHECK_WARN,
	CHECK_FAIL,
	CHECK_STATES
};

struct checks {
	FILE *to;   /* the lines; NULL: none */
	cJSON *all; /* an array */
	unsigned count[CHECK_STATES];

	const char *program; /* "kubectl sbx" */
	struct kube *kube;
	const char *ns;
	const cJSON *pods; /* the sandboxes of the namespace, a List; NULL: they cannot be listed */
};

void checks_init(struct checks *c, FILE *to);
void checks_fini(struct checks *c);

/* todo: what to do about it, or NULL. Foreign bytes are escaped here. */
void checks_say(struct checks *c, enum check_state state, const char *topic, const char *todo,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* {"checks":[{"state","topic","text","todo"}],"ok","skipped","warned","failed"} */
void checks_print_json(const struct checks *c, FILE *to);

/* Each says what it finds. False of check_line: nothing else can be asked of the cluster. */
void check_here(struct checks *c);
bool check_line(struct checks *c);
void check_rights(struct checks *c);
void check_space(struct checks *c);
/* name: the sandbox to try it in; NULL: the first that runs and stays. Owns the network's thread meanwhile. */
void check_exec(struct checks *c, const char *name);
/* probe: with Pods of its own from that image, which are gone afterwards; NULL: by what is known. */
void check_policy(struct checks *c, const char *probe);

/* Why others are disturbed by this Pod's labels, with what to do; false: they are not. Pure. */
bool check_labels(const cJSON *pod, struct buf *ret_why, struct buf *ret_todo);

/* The resource nearest to its end, of a ResourceQuota; its share, 0 when there is none. Pure. */
double check_quota(const cJSON *quota, const char **ret_name);

/* What enforces policies, of a cluster's DaemonSets (a List); NULL: nothing known does. *ret_other: a
 * network that is known to enforce none, or NULL. Pure. */
const char *check_enforcer(const cJSON *daemonsets, const char **ret_other);

/* Of the sandbox of "pod": what the command of check_exec printed there; see checkexec.c. Pure. */
struct check_inside {
	long uid;      /* -1: not said */
	long pids;     /* ulimit -u, -1: none, or not said */
	long pids_max; /* of its cgroup, likewise */
};
void check_inside_parse(const char *text, struct check_inside *ret);

#endif
