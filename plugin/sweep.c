#include "plugin/sweep.h"

#include "common/base/clock.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "plugin/cli.h"
#include "plugin/lifetime.h"
#include "plugin/kind.h"

#include <errno.h>

#define WHY_BYTES 80

/* What is looked through, in this order: owners before what they own. */
static const struct {
	const struct kind *kind;
	const char *selector; /* NULL: all, where no label of ours is certain */
	bool must;            /* a refusal is a failure; else who may not list them made none */
	bool everywhere;      /* with all namespaces only */
} places[] = {
	{ &kind_namespace, LABEL_TENANT, true, true },
	{ &kind_podtemplate, LABEL_POOL, false, false },
	{ &kind_pod, SANDBOX_SELECTOR, true, false },
	{ &kind_pod, LABEL_POOL, true, false },
	{ &kind_job, NULL, false, false },
	{ &kind_service, NULL, false, false },
	{ &kind_policy, NULL, false, false },
};

/* 1: it is not there, or another has its name; 0: there; negative: who knows */
static int owner_gone(struct kube *k, const char *ns, const cJSON *ref)
{
	const struct kind *kind =
		kind_of(json_str(ref, "apiVersion", ""), json_str(ref, "kind", ""));
	auto_json owner = NULL;
	int rc;

	if (!kind)
		return 0;
	rc = kind_get(k, kind, ns, json_str(ref, "name", ""), &owner, NULL);
	if (rc == -ENOENT)
		return 1;
	return rc < 0 ? rc
		      : strcmp(json_str(owner, "metadata.uid", ""), json_str(ref, "uid", "-")) != 0;
}

/* The cluster's own collector does this too, where it has one. */
static bool is_orphan(struct kube *k, const cJSON *object)
{
	const cJSON *refs = json_at(object, "metadata.ownerReferences"), *ref;
	const char *ns = json_str(object, "metadata.namespace", "");

	cJSON_ArrayForEach (ref, refs)
		if (owner_gone(k, ns, ref) != 1)
			return false;
	return cJSON_GetArraySize(refs) > 0;
}

static bool has_ended(const cJSON *pod)
{
	const char *phase = json_str(pod, "status.phase", "");

	return !strcmp(phase, "Failed") || !strcmp(phase, "Succeeded");
}

/*
 * A Job that has ended goes by itself (ttlSecondsAfterFinished), where the cluster has the controller for
 * it; where not it would stay to its deadline.
 */
static bool has_finished(const struct sweep *s, const cJSON *job, char ret[static WHY_BYTES])
{
	const char *since = json_str(job, "status.completionTime", NULL);
	int64_t keep_ms = json_int(job, "spec.ttlSecondsAfterFinished", 0) * 1000LL, ended_ms;
	char age[24];
	const cJSON *c;

	cJSON_ArrayForEach (c, json_at(job, "status.conditions"))
		if (!strcmp(json_str(c, "type", ""), "Failed") &&
			!strcmp(json_str(c, "status", ""), "True"))
			since = json_str(c, "lastTransitionTime", since);
	if (!since || rfc3339_parse(since, &ended_ms) < 0 ||
		s->now_ms - ended_ms < keep_ms + LIFE_SLACK_MS ||
		s->now_ms - ended_ms < s->older_ms)
		return false;
	age_print(s->now_ms - ended_ms, age);
	snprintf(ret, WHY_BYTES, "it ended %s ago", age);
	return true;
}

static bool is_over(
	struct sweep *s, const struct kind *kind, const cJSON *object, char ret[static WHY_BYTES])
{
	bool pod = kind == &kind_pod;
	struct life life;

	if (json_at(object, "metadata.deletionTimestamp") || !life_is_ours(object, pod))
		return false;
	life_read(object, &life);
	if (life_is_over(&life, s->now_ms, s->older_ms, ret))
		return true;
	if (s->now_ms - life.created_ms < s->older_ms)
		return false;
	if (kind == &kind_job && has_finished(s, object, ret))
		return true;
	if (pod && life_is_spare(object) && has_ended(object))
		snprintf(ret, WHY_BYTES, "a spare that does not run any more");
	else if (is_orphan(s->kube, object))
		snprintf(ret, WHY_BYTES, "left behind, what it belonged to is gone");
	else
		return false;
	return true;
}

static void tell(struct sweep *s, const struct kind *kind, const cJSON *object, const char *why)
{
	const char *ns = s->ns ? "" : json_str(object, "metadata.namespace", "");

	s->count++;
	if (s->quiet)
		return;
	printf("%s%s%s/%s %s: %s\n", ns, *ns ? "/" : "", kind->name,
		json_str(object, "metadata.name", ""), s->dry_run ? "would be deleted" : "deleted",
		why);
	fflush(stdout);
}

static void failed(struct sweep *s, const struct err *err, int rc)
{
	s->failed = true;
	if (!s->quiet)
		cli_failed(err, rc);
}

/* Once more, as it is now: it may have been used, extended or taken since it was listed. */
static void look_again(struct sweep *s, const struct kind *kind, const cJSON *seen)
{
	struct err err = { 0 };
	char why[WHY_BYTES];
	auto_json now = NULL;
	int rc = kind_get(s->kube, kind, json_str(seen, "metadata.namespace", NULL),
		json_str(seen, "metadata.name", ""), &now, &err);

	if (rc == -ENOENT || (!rc && !is_over(s, kind, now, why)))
		return;
	if (!rc)
		rc = kind_delete(s->kube, kind, now, true, &err);
	if (!rc)
		tell(s, kind, now, why);
	else if (rc != -ENOENT)
		failed(s, &err, rc);
}

static void consider(struct sweep *s, const struct kind *kind, const cJSON *object)
{
	struct err err = { 0 };
	char why[WHY_BYTES];
	int rc = 0;

	if (!is_over(s, kind, object, why))
		return;
	if (!s->dry_run)
		rc = kind_delete(s->kube, kind, object, true, &err);
	if (!rc)
		tell(s, kind, object, why);
	else if (rc == -EBUSY)
		look_again(s, kind, object);
	else if (rc != -ENOENT)
		failed(s, &err, rc);
}

void sweep_run(struct sweep *s)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		struct err err = { 0 };
		auto_json list = NULL;
		const cJSON *item;
		int rc;

		if (places[i].everywhere && s->ns)
			continue;
		rc = kind_list(s->kube, places[i].kind, s->ns, places[i].selector, &list, &err);
		if (rc < 0 && (places[i].must || (rc != -EACCES && rc != -ENOENT)))
			failed(s, &err, rc);
		s->now_ms = kube_wall_ms(s->kube);
		cJSON_ArrayForEach (item, json_at(list, "items"))
			consider(s, places[i].kind, item);
	}
}
