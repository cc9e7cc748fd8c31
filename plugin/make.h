/*
 * Making a sandbox: its Pod, what belongs to it, and the wait until it runs; or nothing.
 */
#ifndef SBX_PLUGIN_MAKE_H
#define SBX_PLUGIN_MAKE_H

#include "plugin/phases.h"
#include "plugin/pod.h"
#include "plugin/verb.h"

struct make_spec {
	const struct pod_wish *wish;
	const cJSON *base; /* or NULL */
	int64_t timeout_ms;
	bool wait;   /* until it runs */
	bool settle; /* its command is not ours: it must go on running for a moment */
	struct phases *phases;
	struct buf *log; /* gets what it printed when it could not run; see report.h */
};

/*
 * Before a cluster is asked: w is checked, and its file read into *ret_base (the caller's; NULL: it has
 * none). EXIT_DONE, or the exit status when it has been said what is wrong.
 */
int make_prepare(const struct cli *cli, const struct pod_wish *w, cJSON **ret_base);

/* The namespace and the image that are k's where none was wished. */
void make_aim(const struct kube *k, struct pod_wish *w);

/*
 * 0: it is there; *ret is the Pod as last seen, the caller's. Else err says why, and nothing is left of
 * it, or err says what. interrupt.h's flag ends it (-EINTR): interrupt_watch comes before.
 */
int make_sandbox(struct kube *k, const struct make_spec *spec, cJSON **ret, struct err *err);

/*
 * The two halves of it, for a Pod that something else has made. Finish posts what belongs to the Pod and
 * waits, whatever spec->wait is; it leaves all as it is when it fails. Undo deletes the Pod at once, with
 * what belongs to it.
 */
int make_finish(struct kube *k, const struct make_spec *spec, cJSON **pod, struct err *err);
int make_undo(struct kube *k, const cJSON *pod, struct err *err);

#endif
