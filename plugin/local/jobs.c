#include "plugin/local/jobs.h"
#include "common/base/clock.h"
#include "plugin/local/admit.h"
#include "plugin/local/engine.h"
#include "plugin/local/events.h"
#include "plugin/local/podspec.h"
#include "plugin/local/podstatus.h"

#include <sys/random.h>

#define NEVER_MS INT32_MAX

static const char *uid_of(const cJSON *object)
{
	return json_text_or(object, "metadata.uid", "");
}

/* --- a Job's Pod -------------------------------------------------------------------------------- */

static void name_pod(const char *job, char *ret, size_t n)
{
	static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
	unsigned char bytes[5];
	char end[6] = "";

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		abort();
	for (size_t i = 0; i < sizeof(bytes); i++)
		end[i] = letters[bytes[i] % (sizeof(letters) - 1)];
	snprintf(ret, n, "%.57s-%s", job, end);
}

static void add_owner(cJSON *meta, const struct snap *job)
{
	cJSON *owner = cJSON_CreateObject();

	json_put_text(owner, "apiVersion", "batch/v1");
	json_put_text(owner, "kind", "Job");
	json_put_text(owner, "name", job->name);
	json_put_text(owner, "uid", job->uid);
	json_put_bool(owner, "controller", true);
	json_put_bool(owner, "blockOwnerDeletion", true);
	json_put(meta, "ownerReferences", cJSON_CreateArray());
	cJSON_AddItemToArray(json_array_at(meta, "ownerReferences"), owner);
}

static cJSON *pod_of(const struct snap *job)
{
	cJSON *pod = cJSON_Duplicate(json_at(job->json, "spec.template"), true), *meta;
	char name[64];

	if (!cJSON_IsObject(pod)) {
		cJSON_Delete(pod);
		pod = cJSON_CreateObject();
	}
	json_put_text(pod, "apiVersion", "v1");
	json_put_text(pod, "kind", "Pod");
	meta = json_object_at(pod, "metadata");
	name_pod(job->name, name, sizeof(name));
	json_put_text(meta, "name", name);
	json_put_text(meta, "namespace", job->ns);
	json_put_text(json_object_at(meta, "labels"), "job-name", job->name);
	json_put_text(json_object_at(meta, "labels"), "controller-uid", job->uid);
	add_owner(meta, job);
	return pod;
}

static void refused(struct store *st, const struct snap *job, cJSON *status)
{
	events_tell(st, job->json, NULL, "Warning", "FailedCreate", "Error creating: %s",
		json_text_or(status, "message", ""));
	cJSON_Delete(status);
}

static int set_started(cJSON *job, void *arg)
{
	cJSON *status = json_object_at(job, "status");

	json_put_now(status, "startTime");
	json_put_int(status, "active", *(const bool *)arg);
	return 0;
}

static void make_pod(struct store *st, const struct snap *job)
{
	cJSON *pod = pod_of(job);
	cJSON *wrong = podspec_check(pod);
	bool made = false;

	if (!wrong)
		wrong = admit_pod(st, job->ns, pod);
	if (wrong) {
		refused(st, job, wrong);
		cJSON_Delete(pod);
	} else {
		auto_free char *misfit = admit_misfit(st, pod);

		podspec_defaults(pod, misfit ? NULL : NODE_NAME, misfit);
		made = store_create(st, resource_named("pods"), pod, NULL) == 0;
	}
	store_change(st, job->resource, job->ns, job->name, set_started, &made, NULL);
}

/* --- its end ------------------------------------------------------------------------------------ */

struct ending {
	bool good;
	const char *reason, *message;
};

static int set_ended(cJSON *job, void *arg)
{
	const struct ending *e = arg;
	cJSON *status = json_object_at(job, "status"), *c = cJSON_CreateObject();

	json_put(status, "active", NULL);
	json_put_int(status, e->good ? "succeeded" : "failed", 1);
	if (e->good)
		json_put_now(status, "completionTime");
	json_put_text(c, "type", e->good ? "Complete" : "Failed");
	json_put_text(c, "status", "True");
	json_put_now(c, "lastProbeTime");
	json_put_now(c, "lastTransitionTime");
	if (!e->good) {
		json_put_text(c, "reason", e->reason);
		json_put_text(c, "message", e->message);
	}
	cJSON_AddItemToArray(json_array_at(status, "conditions"), c);
	return 0;
}

static void end(struct store *st, const struct snap *job, struct ending e)
{
	store_change(st, job->resource, job->ns, job->name, set_ended, &e, NULL);
}

/* Milliseconds from a time of the object's, or -1 when it has none such. */
static int64_t since(const cJSON *object, const char *path)
{
	const char *text = json_text(object, path);
	int64_t then;

	return text && rfc3339_parse(text, &then) == 0 ? clock_wall_ms() - then : -1;
}

/* Ended: kept for as long as it was asked to be. */
static int collect_ended(struct store *st, const struct snap *job)
{
	int64_t keep_s = json_int(job->json, "spec.ttlSecondsAfterFinished", -1);
	const cJSON *last = cJSON_GetArrayItem(json_at(job->json, "status.conditions"), 0);
	int64_t ago_ms = since(last, "lastTransitionTime");

	if (keep_s < 0 || ago_ms < 0)
		return NEVER_MS;
	if (ago_ms < keep_s * 1000)
		return keep_s * 1000 - ago_ms < NEVER_MS ? (int)(keep_s * 1000 - ago_ms) : NEVER_MS;
	store_delete(st, job->resource, job->ns, job->name, job->uid, NULL);
	return NEVER_MS;
}

static bool owned_by(const cJSON *object, const char *uid)
{
	const cJSON *o;

	cJSON_ArrayForEach (o, json_at(object, "metadata.ownerReferences"))
		if (!strcmp(json_text_or(o, "uid", ""), uid))
			return true;
	return false;
}

static struct snap *find_pod(struct store *st, const struct snap *job)
{
	struct snap **all, *found = NULL;
	size_t n = store_list(st, resource_named("pods"), job->ns, &all, NULL);

	for (size_t i = 0; i < n && !found; i++)
		if (owned_by(all[i]->json, job->uid))
			found = snap_ref(all[i]);
	snaps_free(all, n);
	return found;
}

/* Past its deadline its Pod goes. How long until then. */
static int watch_deadline(struct store *st, const struct snap *job, const struct snap *pod)
{
	int64_t most_s = json_int(job->json, "spec.activeDeadlineSeconds", 0);
	int64_t ago_ms = since(job->json, "status.startTime");

	if (!most_s || ago_ms < 0)
		return NEVER_MS;
	if (ago_ms < most_s * 1000)
		return most_s * 1000 - ago_ms < NEVER_MS ? (int)(most_s * 1000 - ago_ms) : NEVER_MS;
	end(st, job,
		(struct ending){ false, "DeadlineExceeded",
			"Job was active longer than specified deadline" });
	store_delete(st, pod->resource, pod->ns, pod->name, pod->uid, NULL);
	return NEVER_MS;
}

static int look_at(struct store *st, const struct snap *job)
{
	auto_snap struct snap *pod = NULL;

	if (cJSON_GetArraySize(json_at(job->json, "status.conditions")))
		return collect_ended(st, job);
	pod = find_pod(st, job);
	if (!pod && !json_at(job->json, "status.startTime")) {
		make_pod(st, job);
		return NEVER_MS;
	}
	if (pod && !podstatus_is_over(pod->json))
		return watch_deadline(st, job, pod);
	/* one that was refused stays as it is, for its owner to look at */
	if (!pod && !json_int(job->json, "status.active", 0))
		return NEVER_MS;
	end(st, job,
		(struct ending){
			pod && !strcmp(json_text_or(pod->json, "status.phase", ""), "Succeeded"),
			"BackoffLimitExceeded", "Job has reached the specified backoff limit" });
	return NEVER_MS;
}

/* --- owners --------------------------------------------------------------------------------------- */

/* Of a kind that this engine does not serve, nothing is known. */
static bool owner_is_gone(struct store *st, const struct snap *s, const cJSON *owner)
{
	const char *kind = json_text_or(owner, "kind", "");
	const struct resource *r = NULL;
	auto_snap struct snap *there = NULL;

	for (size_t i = 0; resource_nth(i) && !r; i++)
		if (!strcmp(resource_nth(i)->kind, kind))
			r = resource_nth(i);
	if (!r)
		return false;
	there = store_get(st, r, r->namespaced ? s->ns : "", json_text_or(owner, "name", ""));
	return !there || strcmp(uid_of(there->json), json_text_or(owner, "uid", "")) != 0;
}

static void collect(struct store *st, const struct snap *s)
{
	const cJSON *owners = json_at(s->json, "metadata.ownerReferences"), *o;

	if (!cJSON_GetArraySize(owners))
		return;
	cJSON_ArrayForEach (o, owners)
		if (!owner_is_gone(st, s, o))
			return;
	store_delete(st, s->resource, s->ns, s->name, s->uid, NULL);
}

static void collect_all(struct store *st)
{
	for (size_t i = 0; resource_nth(i); i++) {
		const struct resource *r = resource_nth(i);
		struct snap **all;
		size_t n;

		if (!r->namespaced || r->fleeting)
			continue;
		n = store_list(st, r, "", &all, NULL);
		for (size_t k = 0; k < n; k++)
			collect(st, all[k]);
		snaps_free(all, n);
	}
}

int jobs_reconcile(struct store *st)
{
	struct snap **all;
	size_t n = store_list(st, resource_named("jobs"), "", &all, NULL);
	int wait = NEVER_MS;

	for (size_t i = 0; i < n; i++) {
		int one = look_at(st, all[i]);

		if (one < wait)
			wait = one;
	}
	snaps_free(all, n);
	collect_all(st);
	return wait;
}
