/*
 * A Job with one Pod that waits for us, for a short run: nothing of it stays, even if we do not come to
 * take it away.
 */
#ifndef SBX_PLUGIN_JOB_H
#define SBX_PLUGIN_JOB_H

#include "plugin/make.h"

#define LABEL_ONCE "kubectl-sbx/once" /* "true" on such Jobs and their Pods */

struct job {
	char *ns, *name, *uid;
	cJSON *pod; /* as last seen; NULL: not yet there */
};

#define auto_job struct job auto_with(job_fini)

/*
 * The Job of a wish: its Pod is no sandbox for others, its container waits to be used, and ends when nobody
 * has used it for some seconds. deadline_s: it is stopped then, whatever it does. The caller's.
 */
int job_build(const struct pod_wish *w, const cJSON *base, int64_t deadline_s, cJSON **ret,
	struct err *err);

/*
 * Posts it and waits until its container runs, as make_sandbox; spec->wait is not looked at. On failure
 * nothing is left, or err says what. job_fini also then.
 */
int job_start(struct kube *k, const struct make_spec *spec, int64_t deadline_s, struct job *ret,
	struct err *err);

/* Takes it away, its Pod and what belongs to that. */
int job_remove(struct kube *k, struct job *j, struct err *err);
void job_fini(struct job *j);

#endif
