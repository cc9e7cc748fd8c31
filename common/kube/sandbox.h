/*
 * What a sandbox is: a Pod that we may look at, run in and destroy.
 *
 * From the Pod's JSON to a checked, small struct; and the calls on it. Labels
 * and annotations are DESIGN.md 6's.
 */
#ifndef SBX_KUBE_SANDBOX_H
#define SBX_KUBE_SANDBOX_H

#include "common/base/buf.h"
#include "common/kube/rest.h"

#define LABEL_MANAGED         "computesdk.io/managed"
#define LABEL_SANDBOX_ID      "computesdk.io/sandbox-id"
#define LABEL_RUNTIME         "computesdk.io/runtime"
#define META_PREFIX           "computesdk.io/meta-"
#define ANNOTATION_IDLE       "kubectl-sbx/idle"       /* may be unused for so long: "30m" */
#define ANNOTATION_IDLE_UNTIL "kubectl-sbx/idle-until" /* it is idle then, unless used before */
#define ANNOTATION_LAST_USED  "kubectl-sbx/last-used"
#define SANDBOX_CONTAINER     "sandbox"
#define SANDBOX_NAME_MAX      59 /* so that the Service <pod>-svc is legal */
#define SANDBOX_SELECTOR      LABEL_MANAGED "=true"

enum sandbox_phase {
	SANDBOX_PENDING,
	SANDBOX_RUNNING,
	SANDBOX_SUCCEEDED,
	SANDBOX_FAILED,
	SANDBOX_UNKNOWN
};

struct sandbox {
	char *ns, *name, *uid;
	char *container;    /* default-container annotation, else "sandbox", else the first */
	char *container_id; /* of the running one, or ""; tells its incarnations apart */
	int restarts;
	enum sandbox_phase phase;
	bool running;                      /* that container runs: exec is possible */
	bool ready;                        /* condition Ready */
	bool deleting;                     /* deletionTimestamp is set */
	char *image, *node, *ip, *runtime; /* "" when unknown */
	char *reason;          /* why it is not running, for people: "ErrImagePull: ...", or "" */
	int64_t created_ms;    /* since 1970 */
	int64_t idle_ms;       /* its idle time-out; 0: none */
	int64_t idle_until_ms; /* since 1970; 0: not said */
	char *resource_version;
};

/*
 * From a Pod object (a list's item too). container: NULL or the wanted one (-ENOENT if it has none
 * of that name; err may be NULL). -EBADMSG: not a Pod, or names that no API server gives. Any JSON
 * is safe; names are checked (safe as path components), other texts are escaped and cut.
 */
int sandbox_parse(const cJSON *pod, const char *container, struct sandbox *ret, struct err *err);
void sandbox_fini(struct sandbox *s);
const char *sandbox_phase_name(enum sandbox_phase phase); /* as kubectl writes it; static */

/*
 * Can it still become running? 0 wait on; 1 it runs; negative: it cannot, err says why
 * (KUBERNETES.md 3.3): -ENOTCONN it never will or has ended, -ESTALE it is being deleted, -EBADMSG
 * not a Pod. To be asked at each event and also with the last object about once a second: some
 * troubles only count when they last. w begins as zeroes
 * (but for its first member) and belongs to one Pod.
 */
struct sandbox_wait {
	int schedule_grace_ms; /* how long no node may have room; 0: some seconds. The caller's */
	char message[300];     /* the cluster's words for it, escaped */
	char trouble[64];      /* kind of trouble being waited on, or "" */
	char reason[64];       /* the reason last seen of it */
	char rv[64];           /* resourceVersion last seen, to count events */
	int events;            /* seen with this trouble */
	int64_t since_ms;      /* when it was first seen (clock_now_ms) */
};
int sandbox_progress(const cJSON *pod, struct sandbox_wait *w, struct err *err);

/* The Pod, the List, the Pod as stored: *ret is the caller's (cJSON_Delete). rest.h's errnos. */
int sandbox_get(struct kube *k, const char *ns, const char *name, cJSON **ret, struct err *err);
int sandbox_list(struct kube *k, const char *ns /* NULL: all */, const char *label_selector,
	cJSON **ret, struct err *err);
int sandbox_create(struct kube *k, const char *ns, const cJSON *pod, cJSON **ret, struct err *err);
/*
 * By name and uid (NULL: whatever has the name). grace_s < 0: the Pod's own. Already gone is 0,
 * another Pod under that name too (it is left alone). Does not wait for the end.
 */
int sandbox_delete(struct kube *k, const char *ns, const char *name, const char *uid, int grace_s,
	struct err *err);
/*
 * Says that it is in use: last-used is now, idle-until idle_ms later. By uid: -EBUSY when another Pod
 * has the name. Waits at most timeout_ms.
 */
int sandbox_touch(struct kube *k, const char *ns, const char *name, const char *uid,
	int64_t idle_ms, int timeout_ms, struct err *err);
/* Its last events' texts, one line each, for a failure's report; nothing when not permitted. */
void sandbox_events(struct kube *k, const char *ns, const char *uid, struct buf *ret);
/*
 * All of them, oldest first, each a line of JSON: {"time","type","reason","count","message"}. Those that do
 * not fit ret are left out, the oldest first. rest.h's errnos.
 */
int sandbox_events_json(struct kube *k, const char *ns, const char *uid, struct buf *ret);

#endif
