#include "plugin/local/objectspriv.h"
#include "plugin/local/patch.h"
#include "plugin/local/status.h"

/* One update: what comes in, how, and the refusal when it cannot be. */
struct update {
	const struct target *t;
	const char *type; /* of the patch; NULL replaces */
	const cJSON *with;
	cJSON *refusal;
};

static int refuse_update(struct update *u, cJSON *status)
{
	u->refusal = status_of(status, u->t->resource->plural, u->t->name);
	return -EPERM;
}

static int conflict(struct update *u)
{
	return refuse_update(u,
		status_make(409, NULL,
			"Operation cannot be fulfilled on %s \"%s\": the object has been modified; "
			"please apply your changes to the latest version and try again",
			u->t->resource->plural, u->t->name));
}

static int apply_patch(struct update *u, cJSON *copy)
{
	struct err err = { "" };
	int rc = 0;

	if (strstr(u->type, "strategic-merge"))
		patch_strategic(copy, u->with);
	else if (strstr(u->type, "json-patch"))
		rc = patch_operations(copy, u->with, &err);
	else
		patch_merge(copy, u->with);
	if (rc < 0)
		return refuse_update(
			u, status_make(rc == -ESTALE ? 422 : 400, NULL, "%s", err_text(&err, rc)));
	return 0;
}

static void replace_all(cJSON *copy, const cJSON *with)
{
	const cJSON *item;

	while (copy->child)
		cJSON_Delete(cJSON_DetachItemViaPointer(copy, copy->child));
	cJSON_ArrayForEach (item, with)
		cJSON_AddItemToObject(copy, item->string, cJSON_Duplicate(item, true));
}

/* A Pod's spec is fixed but for images, deadline and tolerations; we allow only what we carry out.
 */
static int check_pod_update(struct update *u, const cJSON *before, cJSON *after)
{
	auto_json cJSON *a = cJSON_Duplicate(json_at(before, "spec"), true);
	auto_json cJSON *b = cJSON_Duplicate(json_at(after, "spec"), true);

	json_put(a, "activeDeadlineSeconds", NULL);
	json_put(b, "activeDeadlineSeconds", NULL);
	json_put(a, "tolerations", NULL);
	json_put(b, "tolerations", NULL);
	if (!u->t->sub || strcmp(u->t->sub, "status") != 0)
		json_put(after, "status", cJSON_Duplicate(json_at(before, "status"), true));
	if (cJSON_Compare(a, b, true))
		return 0;
	return refuse_update(u, status_make(422, "Invalid",
					"Pod \"%s\" is invalid: spec: Forbidden: pod updates may "
					"not change fields other "
					"than `spec.activeDeadlineSeconds` and `spec.tolerations`",
					u->t->name));
}

static int apply_update(cJSON *copy, void *arg)
{
	struct update *u = arg;
	auto_json cJSON *before = cJSON_Duplicate(copy, true);
	const char *rv = json_text(u->with, "metadata.resourceVersion");
	const char *uid = json_text(u->with, "metadata.uid");
	static const char *const fixed[] = { "deletionTimestamp", "deletionGracePeriodSeconds" };
	cJSON *meta;
	int rc = 0;

	if (rv && *rv && strcmp(rv, json_text_or(before, "metadata.resourceVersion", "")) != 0)
		return conflict(u);
	if (uid && *uid && strcmp(uid, json_text_or(before, "metadata.uid", "")) != 0)
		return conflict(u);
	if (u->type)
		rc = apply_patch(u, copy);
	else
		replace_all(copy, u->with);
	if (rc < 0)
		return rc;
	meta = json_object_at(copy, "metadata");
	json_put_text(meta, "resourceVersion", json_text(before, "metadata.resourceVersion"));
	for (int i = 0; i < 2; i++)
		json_put(meta, fixed[i],
			cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(
						json_at(before, "metadata"), fixed[i]),
				true));
	json_put_text(copy, "kind", json_text(before, "kind"));
	json_put_text(copy, "apiVersion", json_text(before, "apiVersion"));
	if (objects_are_pods(u->t))
		rc = check_pod_update(u, before, copy);
	if (rc == 0 && cJSON_Compare(before, copy, true))
		return 1;
	return rc;
}

static void dry_update(
	struct engine *e, const struct target *t, struct update *u, struct answer *ret)
{
	auto_snap struct snap *s = store_get(e->store, t->resource, t->ns, t->name);
	cJSON *copy;

	if (!s) {
		objects_not_found(ret, t);
		return;
	}
	copy = cJSON_Duplicate(s->json, true);
	if (apply_update(copy, u) < 0) {
		cJSON_Delete(copy);
		answer_status(ret, u->refusal);
		return;
	}
	answer_json(ret, 200, copy);
}

static void do_update(struct engine *e, struct update *u, struct call *c, struct answer *ret)
{
	const struct target *t = u->t;
	auto_snap struct snap *s = NULL;
	int rc;

	if (call_arg(c, "dryRun")) {
		dry_update(e, t, u, ret);
		return;
	}
	rc = store_change(e->store, t->resource, t->ns, t->name, apply_update, u, &s);
	if (rc == -ENOENT)
		objects_not_found(ret, t);
	else if (rc < 0)
		answer_status(ret, u->refusal);
	else
		objects_answer(ret, c, 200, s);
}

void objects_update(struct engine *e, const struct target *t, struct call *c, struct answer *ret)
{
	cJSON *json = NULL, *wrong;
	struct update u = { .t = t };

	if (objects_take_body(c, &json, ret) < 0)
		return;
	wrong = objects_check_meta(e, t, json);
	if (!wrong && strcmp(json_text_or(json, "metadata.name", ""), t->name) != 0)
		wrong = status_make(
			400, NULL, "the name of the object does not match the name on the URL");
	if (wrong) {
		answer_status(ret, wrong);
	} else {
		u.with = json;
		do_update(e, &u, c, ret);
	}
	cJSON_Delete(json);
}

void objects_patch(struct engine *e, const struct target *t, struct call *c, struct answer *ret)
{
	const char *type = c->content_type ? c->content_type : "";
	struct update u = { .t = t, .type = type };
	cJSON *json = NULL;

	if (!strstr(type, "merge-patch+json") && !strstr(type, "json-patch+json")) {
		answer_status(
			ret, status_make(415, NULL,
				     "the body of the request was in an unknown format - accepted "
				     "media types include: "
				     "application/json-patch+json, application/merge-patch+json, "
				     "application/strategic-merge-patch+json"));
		return;
	}
	if (json_parse(buf_text(&c->body), c->body.len, &json) < 0) {
		objects_bad_request(ret, "the patch is not JSON");
		return;
	}
	u.with = json;
	if (strstr(type, "merge-patch") && !cJSON_IsObject(json))
		objects_bad_request(ret, "a merge patch is an object");
	else
		do_update(e, &u, c, ret);
	cJSON_Delete(json);
}
