/*
 * Warm spares: Pods that run already and wait to become sandboxes.
 *
 * A pool is one PodTemplate, so that the cluster itself keeps what its spares are made from, says at
 * once whether it is any good, and takes the spares away with it (they are its dependents); the number
 * wished is an annotation. Nothing counts spares but the list of them. Each carries LABEL_POOL with the
 * pool's name, and none of the labels of a sandbox: to everybody else it is no sandbox.
 *
 * Taking one is a single patch under the resourceVersion it was seen with: labels and annotations of a
 * sandbox are put on, the pool's label and owner go. Of two who want the same one, one gets a conflict
 * and tries the next. A taken one keeps its Pod's name, as Pods cannot be renamed.
 */
#ifndef SBX_PLUGIN_POOL_H
#define SBX_PLUGIN_POOL_H

#include "plugin/kind.h"
#include "plugin/pod.h"

#define POOL_NAME_MAX        53 /* so that a spare's name is a sandbox's */
#define POOL_SIZE_MAX        100
#define ANNOTATION_POOL_SIZE "kubectl-sbx/pool-size"
#define ANNOTATION_POOL_FROM "kubectl-sbx/from-pool" /* of a taken one */
#define ANNOTATION_RUNTIME   "kubectl-sbx/runtime"   /* of a spare: its LABEL_RUNTIME to be */

/* --- pure; all that is returned is the caller's ------------------------------------- */

/* The pool, of a Pod as pod_build made it (unlisted). */
cJSON *pool_template(const char *name, const char *ns, const cJSON *pod, const char *runtime,
	int64_t size, int64_t unfinished_ms);
int64_t pool_size(const cJSON *pool);
bool pool_is_ours(const cJSON *pool);

/* A spare of it, to be posted. */
cJSON *pool_spare(const cJSON *pool);

/* What a spare says as a sandbox, for a creation without spares. */
cJSON *pool_base(const cJSON *pool);

/* Does it run, is it nobody's, and not on its way out? */
bool pool_is_ready(const cJSON *pod);

/* Is it, or will it be? */
bool pool_counts(const cJSON *pod);

/* The patch that takes it. request: LIFE_REQUEST_LETTERS, by which an answer that was lost is told. */
cJSON *pool_take_patch(const cJSON *spare, const struct pod_wish *w, const char *request);

/* --- calls -------------------------------------------------------------------------- */

int pool_get(struct kube *k, const char *ns, const char *name, cJSON **ret, struct err *err);
int pool_spares(struct kube *k, const char *ns, const char *name, cJSON **ret, struct err *err);

/* Takes a ready one. *ret: the sandbox, or NULL when there was none. */
int pool_take(
	struct kube *k, const char *name, const struct pod_wish *w, cJSON **ret, struct err *err);

/*
 * Posts one where one is missing, and all where none is left; does not wait for them. One only, for
 * whoever took another at the same moment posts one as well.
 */
int pool_refill(struct kube *k, const cJSON *pool, struct err *err);

/* One more. *ret (may be NULL): as the server answered. */
int pool_post(struct kube *k, const cJSON *pool, cJSON **ret, struct err *err);

#endif
