/*
 * Where a verb finds its sandbox: in a mount of this user that shows it, which
 * costs no connection, else by a stream of its own.
 */
#ifndef SBX_PLUGIN_PLACE_H
#define SBX_PLUGIN_PLACE_H

#include "common/kube/sandbox.h"
#include "plugin/cli.h"
#include "plugin/pump.h"
#include "plugin/ref.h"
#include "plugin/runs.h"

struct net;

struct place {
	struct ref ref;        /* as a person calls it; s.name is the Pod's own name */
	const char *container; /* wanted; borrowed; NULL: the sandbox's own */
	bool mounted;          /* a mount may be looked for */
	char *folder;          /* in a mount, or NULL: none, or not looked for yet */
	int signals;           /* interrupt_fd's, or what gives them to this thread; -1: not yet */

	struct kube_target *target; /* ours until kube is open */
	struct kube *kube;
	struct net *net;
	bool borrowed;         /* kube, net and signals are another's */
	struct session *early; /* being connected while the Pod is looked up */
	struct sandbox s;
	bool found;        /* s is filled */
	struct keep *keep; /* or NULL: it has no idle time-out, or nothing runs in it */
};

#define auto_place struct place auto_with(place_fini)

struct place_want {
	const char *container; /* borrowed; the mount is not used then */
	bool no_mount;
};

/*
 * word: what a person calls it. Reads the kubeconfig; no network. Zeroes and
 * place_fini are fine too.
 */
int place_init(struct place *p, const struct cli *cli, const char *word,
	const struct place_want *want, struct err *err);
void place_fini(struct place *p);

/*
 * What a verb does there, by the calls below, which wait for the mount; so in a process of its own if
 * one shows the sandbox (guard.h), which is found out here. The exit status. To be called before any thread is started.
 */
int place_work(struct place *p, int (*work)(struct place *p, const void *arg), const void *arg);

/* The cluster's client; the Pod as it is now, running or not. */
int place_kube(struct place *p, struct err *err);
int place_find(struct place *p, struct err *err);

/* place_find, and it must run. -ENOTCONN: it does not, err says why. */
int place_running(struct place *p, struct err *err);

/* A new session with what must run there; the caller's. -ENOTCONN: it does not run, err says why. */
int place_session(struct place *p, struct session **ret, struct err *err);

/*
 * As pump_run, wherever the sandbox is. id: 0, or the run to attach to; keep just not 0 to keep it, the
 * number comes in ret->kept_id.
 */
int place_run(struct place *p, struct pump_spec *spec, uint32_t id, struct pump_end *ret,
	struct err *err);

int place_runs(struct place *p, struct runs *ret, struct err *err);

/* One of place_runs. -ENOENT: it has no such run; err says so. *ret is the caller's (run_row_fini). */
int place_row(struct place *p, uint32_t id, struct run_row *ret, struct err *err);

/* name: "TERM". -ENOENT, -ESRCH it has ended. */
int place_signal(struct place *p, uint32_t id, const char *name, struct err *err);

/*
 * The exit status that a run's end means for this program, after saying on standard error what is to be
 * said: the command's own; 128+signal of ours for an interrupt; 1 when it was lost.
 */
int place_status(const struct place *p, int rc, const struct pump_end *end, struct err *err);

/* The verb's signals: blocks them from now on; call before the first thread. */
void place_signals(struct place *p);

#endif
