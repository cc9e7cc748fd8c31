#include "plugin/pool.h"

#include "common/base/clock.h"
#include "common/base/path.h"
#include "common/kube/json.h"
#include "plugin/cli.h"
#include "plugin/interrupt.h"
#include "plugin/lifetime.h"
#include "plugin/podjson.h"
#include "plugin/podparts.h"

#include <errno.h>
#include <sys/random.h>

#define TAKE_ROUNDS 5
#define LETTERS     5

cJSON *pool_template(const char *name, const char *ns, const cJSON *pod, const char *runtime,
	int64_t size, int64_t unfinished_ms)
{
	cJSON *pool = kind_new(&kind_podtemplate, ns, name);
	cJSON *template = cJSON_AddObjectToObject(pool, "template");
	auto_free char *number = xprintf("%lld", (long long)size);
	cJSON *metadata = cJSON_AddObjectToObject(template, "metadata");
	char request[LIFE_REQUEST_LETTERS + 1];

	life_request(request);
	kind_label(pool, LABEL_POOL, name);
	kind_annotate(pool, ANNOTATION_REQUEST, request);
	kind_annotate(pool, ANNOTATION_POOL_SIZE, number);
	kind_annotate_time(pool, ANNOTATION_UNFINISHED, unfinished_ms);
	pj_put(metadata, "labels", cJSON_Duplicate(json_at(pod, "metadata.labels"), true));
	pj_put(metadata, "annotations",
		cJSON_Duplicate(json_at(pod, "metadata.annotations"), true));
	if (runtime)
		kind_annotate(template, ANNOTATION_RUNTIME, runtime);
	pj_put(template, "spec", cJSON_Duplicate(json_at(pod, "spec"), true));
	return pool;
}

int64_t pool_size(const cJSON *pool)
{
	long n = strtol(json_annotation(pool, ANNOTATION_POOL_SIZE, ""), NULL, 10);

	return n < 0 ? 0 : n > POOL_SIZE_MAX ? POOL_SIZE_MAX : n;
}

bool pool_is_ours(const cJSON *pool)
{
	return life_is_ours(pool, false) &&
	       !strcmp(json_label(pool, LABEL_POOL, ""), json_str(pool, "metadata.name", "-"));
}

cJSON *pool_base(const cJSON *pool)
{
	cJSON *pod = cJSON_Duplicate(json_at(pool, "template"), true);

	if (!cJSON_IsObject(pod)) {
		cJSON_Delete(pod);
		pod = cJSON_CreateObject();
	}
	pj_put_str(pod, "apiVersion", "v1");
	pj_put_str(pod, "kind", "Pod");
	return pod;
}

cJSON *pool_spare(const cJSON *pool)
{
	const char *pool_name = json_str(pool, "metadata.name", "");
	cJSON *pod = pool_base(pool);
	char letters[LETTERS + 1], request[LIFE_REQUEST_LETTERS + 1];
	auto_free char *name = NULL;

	pod_random_letters(letters, LETTERS);
	life_request(request);
	name = xprintf("%.*s-%s", POOL_NAME_MAX, pool_name, letters);
	json_set_str(pod, "metadata.name", name);
	json_set_str(pod, "metadata.namespace", json_str(pool, "metadata.namespace", ""));
	kind_label(pod, LABEL_POOL, pool_name);
	kind_annotate(pod, ANNOTATION_REQUEST, request);
	kind_set_owner(pod, &kind_podtemplate, pool);
	return pod;
}

bool pool_counts(const cJSON *pod)
{
	const char *phase = json_str(pod, "status.phase", "Pending");

	return life_is_spare(pod) && !json_at(pod, "metadata.deletionTimestamp") &&
	       (!strcmp(phase, "Pending") || !strcmp(phase, "Running"));
}

bool pool_is_ready(const cJSON *pod)
{
	struct sandbox s;
	bool ready;

	if (!pool_counts(pod) || sandbox_parse(pod, SANDBOX_CONTAINER, &s, NULL) < 0)
		return false;
	ready = s.running && s.ready;
	sandbox_fini(&s);
	return ready;
}

/* --- taking -------------------------------------------------------------------------- */

static void add_null(cJSON *patch, const char *in, const char *name)
{
	cJSON *members = pj_object(pj_object(patch, "metadata"), in);

	cJSON_DeleteItemFromObjectCaseSensitive(members, name);
	cJSON_AddNullToObject(members, name);
}

/* The kubelet counts from the Pod's start, which for a spare was some time ago. */
static void set_deadline(cJSON *patch, const cJSON *spare, const struct pod_wish *w)
{
	int64_t hard_ms = w->o.max_ttl_ms, started_ms;

	if (!w->o.ttl_ms && !w->o.max_ttl_ms)
		return;
	if (!hard_ms)
		hard_ms = w->o.ttl_ms < LIFE_HARD_MS ? LIFE_HARD_MS : w->o.ttl_ms;
	if (rfc3339_parse(json_str(spare, "status.startTime", ""), &started_ms) < 0)
		started_ms = w->now_ms;
	json_set(patch, "spec.activeDeadlineSeconds",
		cJSON_CreateNumber((double)((w->now_ms - started_ms + hard_ms + 999) / 1000)));
}

static void set_pairs(cJSON *patch, const struct opt_list *meta, const struct opt_list *labels)
{
	for (size_t i = 0; i < meta->count; i++) {
		const char *eq = strchr(meta->items[i], '=');
		auto_free char *key =
			xprintf(META_PREFIX "%.*s", (int)(eq - meta->items[i]), meta->items[i]);

		kind_annotate(patch, key, eq + 1);
	}
	for (size_t i = 0; i < labels->count; i++) {
		const char *eq = strchr(labels->items[i], '=');
		auto_free char *key = xstrndup(labels->items[i], (size_t)(eq - labels->items[i]));

		kind_label(patch, key, eq + 1);
	}
}

cJSON *pool_take_patch(const cJSON *spare, const struct pod_wish *w, const char *request)
{
	cJSON *patch = cJSON_CreateObject();
	const char *runtime = json_annotation(spare, ANNOTATION_RUNTIME, "");

	json_set_str(
		patch, "metadata.resourceVersion", json_str(spare, "metadata.resourceVersion", ""));
	cJSON_AddNullToObject(pj_object(patch, "metadata"), "ownerReferences");
	set_pairs(patch, &w->o.meta, &w->o.labels);
	kind_label(patch, LABEL_MANAGED, "true");
	kind_label(patch, LABEL_SANDBOX_ID, json_str(spare, "metadata.name", ""));
	if (*runtime)
		kind_label(patch, LABEL_RUNTIME, runtime);
	kind_annotate(patch, ANNOTATION_REQUEST, request);
	kind_annotate(patch, ANNOTATION_POOL_FROM, json_label(spare, LABEL_POOL, ""));
	pod_life(w, patch);
	set_deadline(patch, spare, w);
	add_null(patch, "labels", LABEL_POOL);
	add_null(patch, "annotations", ANNOTATION_RUNTIME);
	return patch;
}

static int take_one(
	struct kube *k, const cJSON *spare, const struct pod_wish *w, cJSON **ret, struct err *err)
{
	char request[LIFE_REQUEST_LETTERS + 1];
	auto_json patch = NULL;
	auto_json there = NULL;
	struct pod_wish by_cluster = *w;
	int rc;

	by_cluster.now_ms += kube_ahead_ms(k);
	by_cluster.unfinished_ms += w->unfinished_ms ? kube_ahead_ms(k) : 0;
	life_request(request);
	patch = pool_take_patch(spare, &by_cluster, request);
	rc = kind_patch(k, &kind_pod, spare, patch, ret, err);
	if (!rest_unsure(rc))
		return rc;
	/* the answer was lost, or what it answers is the echo of our own first try */
	if (sandbox_get(k, w->ns, json_str(spare, "metadata.name", ""), &there, NULL) < 0 ||
		strcmp(json_annotation(there, ANNOTATION_REQUEST, ""), request))
		return rc;
	*ret = take_ptr(there);
	return 0;
}

/* 1: took one; 0: there was none; -EBUSY: others were faster with all there were */
static int take_from(
	struct kube *k, const cJSON *items, const struct pod_wish *w, cJSON **ret, struct err *err)
{
	int n = cJSON_GetArraySize(items), rc = 0;
	unsigned first = 0;

	/* those who come at the same time begin at different ones */
	if (getrandom(&first, sizeof(first), 0) != (ssize_t)sizeof(first))
		first = 0;
	for (int i = 0; i < n; i++) {
		const cJSON *pod =
			cJSON_GetArrayItem(items, (int)((first + (unsigned)i) % (unsigned)n));
		int one;

		if (!pool_is_ready(pod))
			continue;
		one = take_one(k, pod, w, ret, err);
		if (!one)
			return 1;
		if (one != -EBUSY && one != -ENOENT)
			return one;
		rc = -EBUSY;
	}
	return rc;
}

static int64_t count(const cJSON *items)
{
	const cJSON *pod;
	int64_t n = 0;

	cJSON_ArrayForEach (pod, items)
		n += pool_counts(pod);
	return n;
}

int pool_take(
	struct kube *k, const char *name, const struct pod_wish *w, cJSON **ret, struct err *err)
{
	auto_free char *selector = xprintf(LABEL_POOL "=%s", name);
	int rc = 0;

	for (int i = 0; i < TAKE_ROUNDS; i++) {
		auto_json list = NULL;

		interrupt_halts(k);
		rc = i ? pool_spares(k, w->ns, name, &list, err)
		       : kind_list_cached(k, &kind_pod, w->ns, selector, &list, err);
		interrupt_halts(NULL);
		if (rc < 0)
			return rc;
		rc = take_from(k, json_at(list, "items"), w, ret, err);
		/* what is remembered may lack the newest: none in it is no answer yet */
		if (rc != -EBUSY && (rc || i))
			break;
	}
	return rc == -EBUSY || rc == 1 ? 0 : rc;
}

/* --- calls -------------------------------------------------------------------------- */

int pool_get(struct kube *k, const char *ns, const char *name, cJSON **ret, struct err *err)
{
	auto_json pool = NULL;
	int rc = kind_get(k, &kind_podtemplate, ns, name, &pool, err);

	if (rc == -ENOENT)
		return err_set(err, rc,
			"there is no pool %s in namespace %s; \"pool ls\" lists them", name, ns);
	if (!rc && !pool_is_ours(pool))
		return err_set(err, -EPERM,
			"the PodTemplate %s in namespace %s is no pool of kubectl-sbx", name, ns);
	if (!rc)
		*ret = take_ptr(pool);
	return rc;
}

int pool_spares(struct kube *k, const char *ns, const char *name, cJSON **ret, struct err *err)
{
	auto_free char *selector = xprintf(LABEL_POOL "=%s", name);

	return kind_list(k, &kind_pod, ns, selector, ret, err);
}

int pool_post(struct kube *k, const cJSON *pool, cJSON **ret, struct err *err)
{
	auto_json spare = pool_spare(pool);
	auto_json pod = NULL;
	auto_json policy = NULL;
	int rc = kind_post(k, &kind_pod, spare, &pod, err);

	if (rc < 0)
		return rc;
	policy = pod_policy(pod);
	if (policy)
		rc = kind_post(k, &kind_policy, policy, NULL, err);
	/* one that its policy does not guard must not be taken */
	if (rc < 0)
		kind_delete(k, &kind_pod, pod, false, NULL);
	else if (ret)
		*ret = take_ptr(pod);
	return rc;
}

int pool_refill(struct kube *k, const cJSON *pool, struct err *err)
{
	auto_json list = NULL;
	int64_t left, missing;
	int rc = pool_spares(k, json_str(pool, "metadata.namespace", ""),
		json_str(pool, "metadata.name", ""), &list, err);

	if (rc < 0)
		return rc;
	left = count(json_at(list, "items"));
	missing = pool_size(pool) - left;
	if (left && missing > 1)
		missing = 1;
	for (; missing > 0 && !rc; missing--)
		rc = pool_post(k, pool, NULL, err);
	return rc;
}
