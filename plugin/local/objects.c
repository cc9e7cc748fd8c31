#include "plugin/local/objects.h"
#include "common/base/clock.h"
#include "common/base/path.h"
#include "common/base/wire.h"
#include "plugin/local/discovery.h"
#include "plugin/local/patch.h"
#include "plugin/local/podspec.h"
#include "plugin/local/select.h"
#include "plugin/local/status.h"
#include "plugin/local/table.h"
#include "plugin/local/watch.h"

#include <ctype.h>
#include <sys/random.h>

#define WATCH_DEFAULT_S (40 * 60)
#define LIST_BYTES_MAX  (200u << 20)

static bool is_pods(const struct target *t)
{
	return !strcmp(t->resource->plural, "pods");
}

static bool wants_table(const struct call *c)
{
	return c->accept && strstr(c->accept, "as=Table");
}

static void refuse(struct answer *ret, const struct target *t, cJSON *status)
{
	answer_status(ret, status_of(status, t->resource->plural, t->name));
}

static void not_found(struct answer *ret, const struct target *t)
{
	char group[100];

	snprintf(group, sizeof(group), "%s%s", *t->resource->group ? "." : "", t->resource->group);
	refuse(ret, t,
		status_make(
			404, NULL, "%s%s \"%s\" not found", t->resource->plural, group, t->name));
}

static void bad_request(struct answer *ret, const char *text)
{
	answer_status(ret, status_make(400, NULL, "%s", text));
}

static void answer_snap(struct answer *ret, const struct call *c, int code, struct snap *s)
{
	if (wants_table(c)) {
		answer_json(ret, code,
			table_make(s->resource, &s, 1, s->rv, call_arg(c, "includeObject")));
		return;
	}
	ret->code = code;
	buf_reset(&ret->body);
	buf_str(&ret->body, s->text);
	buf_char(&ret->body, '\n');
}

void objects_get(struct engine *e, const struct target *t, struct call *c, struct answer *ret)
{
	auto_snap struct snap *s = store_get(e->store, t->resource, t->ns, t->name);

	if (s)
		answer_snap(ret, c, 200, s);
	else
		not_found(ret, t);
}

static int parse_selectors(const struct call *c, struct select **ret_labels,
	struct select **ret_fields, struct answer *ret)
{
	struct err err = { "" };
	int rc = select_parse_labels(call_arg(c, "labelSelector"), ret_labels, &err);

	if (rc == 0)
		rc = select_parse_fields(call_arg(c, "fieldSelector"), ret_fields, &err);
	if (rc < 0)
		answer_status(ret, status_make(400, NULL, "unable to parse requirement: %s",
					   err_text(&err, rc)));
	return rc;
}

static void start_watch(struct engine *e, const struct target *t, struct call *c,
	struct select *labels, struct select *fields, struct answer *ret)
{
	uint64_t rv = 0, timeout_s = WATCH_DEFAULT_S;
	int rc = call_number(c, "resourceVersion", UINT64_MAX / 2, &rv);
	struct watch_options o = { .resource = t->resource,
		.ns = t->ns,
		.labels = labels,
		.fields = fields,
		.has_rv = rc == 0 && rv > 0,
		.rv = rv,
		.bookmarks = call_flag(c, "allowWatchBookmarks"),
		.initial_end = call_flag(c, "sendInitialEvents"),
		.table = wants_table(c),
		.include = call_arg(c, "includeObject") };

	if (rc == -EINVAL || call_number(c, "timeoutSeconds", 86400, &timeout_s) == -EINVAL) {
		select_free(labels);
		select_free(fields);
		bad_request(ret, "resourceVersion and timeoutSeconds must be numbers");
		return;
	}
	o.timeout_s = timeout_s ? (int)timeout_s : WATCH_DEFAULT_S;
	if (o.initial_end)
		o.has_rv = false;
	if (watch_open(e->store, &o, &ret->source) < 0) {
		answer_status(ret, status_make(410, "Expired", "too old resource version: %llu",
					   (unsigned long long)rv));
		return;
	}
	ret->code = 200;
}

static size_t keep_matching(
	struct snap **all, size_t n, const struct select *labels, const struct select *fields)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (select_matches(labels, all[i]->json) && select_matches(fields, all[i]->json))
			all[kept++] = all[i];
		else
			snap_unref(all[i]);
	}
	return kept;
}

static void answer_list(const struct target *t, const struct call *c, struct snap **all, size_t n,
	uint64_t rv, struct answer *ret)
{
	char version[96];

	ret->code = 200;
	if (wants_table(c)) {
		answer_json(ret, 200,
			table_make(t->resource, all, n, rv, call_arg(c, "includeObject")));
		return;
	}
	resource_api_version(t->resource, version);
	buf_printf(&ret->body,
		"{\"kind\":\"%sList\",\"apiVersion\":\"%s\",\"metadata\":{\"resourceVersion\":\"%"
		"llu\"},"
		"\"items\":[",
		t->resource->kind, version, (unsigned long long)rv);
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_char(&ret->body, ',');
		buf_str(&ret->body, all[i]->text);
	}
	buf_str(&ret->body, "]}\n");
	if (buf_check(&ret->body) < 0)
		answer_status(ret, status_make(500, NULL, "the list is too long"));
}

void objects_list(struct engine *e, const struct target *t, struct call *c, struct answer *ret)
{
	struct select *labels = NULL, *fields = NULL;
	struct snap **all;
	uint64_t rv;
	size_t n;

	if (parse_selectors(c, &labels, &fields, ret) < 0) {
		select_free(labels);
		return;
	}
	if (call_flag(c, "watch")) {
		start_watch(e, t, c, labels, fields, ret);
		return;
	}
	n = store_list(e->store, t->resource, t->ns, &all, &rv);
	n = keep_matching(all, n, labels, fields);
	answer_list(t, c, all, n, rv, ret);
	snaps_free(all, n);
	select_free(labels);
	select_free(fields);
}

/* The body as an object. -EPERM, with the refusal in ret. */
static int take_object(const struct call *c, cJSON **ret_json, struct answer *ret)
{
	cJSON *json;

	if (c->content_type && *c->content_type && !strstr(c->content_type, "json")) {
		answer_status(ret, status_make(415, NULL,
					   "the body of the request was in an unknown format - "
					   "accepted media types "
					   "include: application/json"));
		return -EPERM;
	}
	if (json_parse(buf_text(&c->body), c->body.len, &json) < 0) {
		bad_request(ret, "the body is not JSON");
		return -EPERM;
	}
	if (!cJSON_IsObject(json)) {
		cJSON_Delete(json);
		bad_request(ret, "the body is not an object");
		return -EPERM;
	}
	*ret_json = json;
	return 0;
}

static bool name_ok(const struct target *t, const char *name)
{
	size_t n = strlen(name);

	if (!strcmp(t->resource->group, "rbac.authorization.k8s.io"))
		return path_name_ok(name, n) && !strchr(name, '%') && n <= 200;
	if (!n || n > NAME_SUBDOMAIN - 5 || !isalnum((unsigned char)name[0]) ||
		!isalnum((unsigned char)name[n - 1]))
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == n;
}

/* Five letters of those that Kubernetes takes: no vowels, so no words. */
static char *generate_name(const char *base)
{
	static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
	uint8_t dice[5];
	char tail[6] = "";

	if (getrandom(dice, sizeof(dice), 0) != sizeof(dice))
		abort();
	for (int i = 0; i < 5; i++)
		tail[i] = letters[dice[i] % (sizeof(letters) - 1)];
	return xprintf("%.58s%s", base, tail);
}

static cJSON *check_name(const struct target *t, cJSON *json)
{
	cJSON *meta = json_object_at(json, "metadata");
	const char *name = json_text(meta, "name"), *base = json_text(meta, "generateName");
	auto_free char *made = NULL;

	if ((!name || !*name) && base && *base) {
		made = generate_name(base);
		json_put_text(meta, "name", made);
		name = json_text(meta, "name");
	}
	if (!name || !*name)
		return status_make(422, "Invalid",
			"%s \"\" is invalid: metadata.name: Required value: name or generateName "
			"is required",
			t->resource->kind);
	if (!name_ok(t, name))
		return status_make(422, "Invalid",
			"%s \"%s\" is invalid: metadata.name: Invalid value: must be lower case "
			"alphanumeric characters, '-' or '.'",
			t->resource->kind, name);
	return NULL;
}

/* Namespace, kind, version and name, made to agree with the path. NULL, or the refusal. */
static cJSON *check_meta(struct engine *e, const struct target *t, cJSON *json)
{
	cJSON *meta = json_object_at(json, "metadata");
	const char *ns = json_text(meta, "namespace"), *kind = json_text(json, "kind");
	auto_snap struct snap *there = NULL;
	char version[96];

	resource_api_version(t->resource, version);
	if ((kind && strcmp(kind, t->resource->kind) != 0) ||
		strcmp(json_text_or(json, "apiVersion", version), version) != 0)
		return status_make(400, NULL, "%s in version \"%s\" cannot be handled as a %s",
			kind ? kind : "it", json_text_or(json, "apiVersion", ""),
			t->resource->kind);
	if (ns && *ns && strcmp(ns, t->ns) != 0)
		return status_make(400, NULL,
			"the namespace of the provided object does not match the namespace sent on "
			"the request");
	if (t->resource->namespaced) {
		there = store_get(e->store, resource_named("namespaces"), "", t->ns);
		if (!there)
			return status_of(
				status_make(404, NULL, "namespaces \"%s\" not found", t->ns),
				"namespaces", t->ns);
		json_put_text(meta, "namespace", t->ns);
	} else {
		json_put_text(meta, "namespace", NULL);
	}
	json_put_text(json, "apiVersion", version);
	json_put_text(json, "kind", t->resource->kind);
	return check_name(t, json);
}

static cJSON *prepare(const struct target *t, cJSON *json)
{
	cJSON *wrong;

	if (is_pods(t)) {
		wrong = podspec_check(json);
		if (wrong)
			return wrong;
		podspec_defaults(json, NODE_NAME);
	}
	if (!strcmp(t->resource->plural, "namespaces")) {
		cJSON *finalizers = json_array_at(json_object_at(json, "spec"), "finalizers");

		if (!cJSON_GetArraySize(finalizers))
			cJSON_AddItemToArray(finalizers, cJSON_CreateString("kubernetes"));
		json_put_text(json_object_at(json, "status"), "phase", "Active");
	}
	return NULL;
}

static void seed_account(struct store *st, const char *ns)
{
	cJSON *json = cJSON_CreateObject();

	json_put_text(json, "kind", "ServiceAccount");
	json_put_text(json, "apiVersion", "v1");
	json_put_text(json_object_at(json, "metadata"), "name", "default");
	json_put_text(json_object_at(json, "metadata"), "namespace", ns);
	store_create(st, resource_named("serviceaccounts"), json, NULL);
}

static void dry_run(const struct call *c, cJSON *json, struct answer *ret)
{
	(void)c;
	json_put_now(json_object_at(json, "metadata"), "creationTimestamp");
	answer_json(ret, 201, json);
}

void objects_create(struct engine *e, const struct target *t, struct call *c, struct answer *ret)
{
	cJSON *json = NULL, *wrong;
	auto_free char *name = NULL;
	auto_snap struct snap *s = NULL;
	int rc;

	if (take_object(c, &json, ret) < 0)
		return;
	wrong = check_meta(e, t, json);
	if (!wrong)
		wrong = prepare(t, json);
	name = xstrdup(json_text_or(json, "metadata.name", ""));
	if (wrong) {
		cJSON_Delete(json);
		answer_status(ret, wrong);
		return;
	}
	if (call_arg(c, "dryRun")) {
		dry_run(c, json, ret);
		return;
	}
	rc = store_create(e->store, t->resource, json, &s);
	if (rc == -EEXIST)
		answer_status(
			ret, status_of(status_make(409, "AlreadyExists", "%s \"%s\" already exists",
					       t->resource->plural, name),
				     t->resource->plural, name));
	else if (rc < 0)
		answer_status(ret, status_make(429, NULL, "this engine keeps at most %d objects",
					   STORE_OBJECTS));
	else
		answer_snap(ret, c, 201, s);
	if (rc == 0 && !strcmp(t->resource->plural, "namespaces"))
		seed_account(e->store, name);
}

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
	if (is_pods(u->t))
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
		not_found(ret, t);
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
		not_found(ret, t);
	else if (rc < 0)
		answer_status(ret, u->refusal);
	else
		answer_snap(ret, c, 200, s);
}

void objects_update(struct engine *e, const struct target *t, struct call *c, struct answer *ret)
{
	cJSON *json = NULL, *wrong;
	struct update u = { .t = t };

	if (take_object(c, &json, ret) < 0)
		return;
	wrong = check_meta(e, t, json);
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
		bad_request(ret, "the patch is not JSON");
		return;
	}
	u.with = json;
	if (strstr(type, "merge-patch") && !cJSON_IsObject(json))
		bad_request(ret, "a merge patch is an object");
	else
		do_update(e, &u, c, ret);
	cJSON_Delete(json);
}

struct deletion {
	const char *uid; /* asked for, or NULL */
	const char *rv;
	int64_t grace_s; /* -1: the object's own */
	bool stale;
};

static bool is_stale(const struct deletion *d, const cJSON *object)
{
	return (d->uid && strcmp(d->uid, json_text_or(object, "metadata.uid", "")) != 0) ||
	       (d->rv && strcmp(d->rv, json_text_or(object, "metadata.resourceVersion", "")) != 0);
}

static void read_deletion(const struct call *c, const cJSON *options, struct deletion *ret)
{
	uint64_t grace;

	ret->uid = json_text(options, "preconditions.uid");
	ret->rv = json_text(options, "preconditions.resourceVersion");
	ret->grace_s = json_int(options, "gracePeriodSeconds", -1);
	if (ret->grace_s < 0 && call_number(c, "gracePeriodSeconds", INT32_MAX, &grace) == 0)
		ret->grace_s = (int64_t)grace;
}

/* A Pod is marked; whoever runs it takes it away when it has stopped. */
static int mark_deleted(cJSON *copy, void *arg)
{
	struct deletion *d = arg;
	cJSON *meta = json_object_at(copy, "metadata");
	int64_t grace = d->grace_s >= 0 ? d->grace_s
					: json_int(copy, "spec.terminationGracePeriodSeconds", 30);
	char when[32];

	d->stale = is_stale(d, copy);
	if (d->stale)
		return -ESTALE;
	if (json_at(meta, "deletionTimestamp") &&
		json_int(meta, "deletionGracePeriodSeconds", 0) <= grace)
		return 1;
	json_wall(when, clock_wall_ms() + grace * 1000);
	json_put_text(meta, "deletionTimestamp", when);
	json_put_int(meta, "deletionGracePeriodSeconds", grace);
	return 0;
}

static void delete_contents(struct engine *e, const char *ns)
{
	for (size_t i = 0; resource_nth(i); i++) {
		const struct resource *r = resource_nth(i);
		struct snap **all;
		size_t n;

		if (!r->namespaced)
			continue;
		n = store_list(e->store, r, ns, &all, NULL);
		for (size_t k = 0; k < n; k++)
			store_delete(e->store, r, ns, all[k]->name, NULL, NULL);
		snaps_free(all, n);
	}
}

/* 0 or the refusal in ret; *ret_snap is the last state. */
static int delete_one(struct engine *e, const struct target *t, struct deletion *d,
	struct snap **ret_snap, struct answer *ret)
{
	int rc;

	if (is_pods(t) && d->grace_s != 0) {
		rc = store_change(e->store, t->resource, t->ns, t->name, mark_deleted, d, ret_snap);
	} else {
		auto_snap struct snap *s = store_get(e->store, t->resource, t->ns, t->name);

		rc = !s ? -ENOENT : is_stale(d, s->json) ? -ESTALE : 0;
		if (rc == 0)
			rc = store_delete(e->store, t->resource, t->ns, t->name, s->uid, ret_snap);
	}
	if (rc == -ESTALE)
		refuse(ret, t,
			status_make(409, NULL,
				"Operation cannot be fulfilled on %s \"%s\": the UID or resource "
				"version in "
				"the precondition does not match",
				t->resource->plural, t->name));
	else if (rc < 0)
		not_found(ret, t);
	return rc;
}

static bool is_builtin(const struct target *t)
{
	return !strcmp(t->resource->plural, "namespaces") &&
	       (!strcmp(t->name, "default") || !strcmp(t->name, "kube-system"));
}

void objects_delete(struct engine *e, const struct target *t, struct call *c, struct answer *ret)
{
	auto_json cJSON *options = NULL;
	auto_snap struct snap *s = NULL;
	struct deletion d = { 0 };

	if (c->body.len && json_parse(buf_text(&c->body), c->body.len, &options) < 0) {
		bad_request(ret, "the delete options are not JSON");
		return;
	}
	read_deletion(c, options, &d);
	if (is_builtin(t)) {
		refuse(ret, t,
			status_make(403, NULL,
				"namespaces \"%s\" is forbidden: this namespace may not be deleted",
				t->name));
		return;
	}
	if (call_arg(c, "dryRun") || json_at(options, "dryRun")) {
		objects_get(e, t, c, ret);
		return;
	}
	if (delete_one(e, t, &d, &s, ret) < 0)
		return;
	if (!strcmp(t->resource->plural, "namespaces"))
		delete_contents(e, t->name);
	if (is_pods(t)) {
		answer_snap(ret, c, 200, s);
	} else {
		cJSON *status = status_success();

		status_of(status, t->resource->plural, t->name);
		json_put_text(json_object_at(status, "details"), "uid", s->uid);
		answer_json(ret, 200, status);
	}
}

void objects_delete_all(
	struct engine *e, const struct target *t, struct call *c, struct answer *ret)
{
	auto_json cJSON *options = NULL;
	auto_with(select_free_at) struct select *labels = NULL, *fields = NULL;
	struct deletion d = { 0 };
	struct snap **all;
	uint64_t rv;
	size_t n;

	if (c->body.len && json_parse(buf_text(&c->body), c->body.len, &options) < 0) {
		bad_request(ret, "the delete options are not JSON");
		return;
	}
	if (parse_selectors(c, &labels, &fields, ret) < 0)
		return;
	read_deletion(c, options, &d);
	n = store_list(e->store, t->resource, t->ns, &all, &rv);
	n = keep_matching(all, n, labels, fields);
	for (size_t i = 0; i < n && !call_arg(c, "dryRun"); i++) {
		struct target one = { t->resource, (char *)all[i]->ns, (char *)all[i]->name, NULL };
		struct answer ignored;

		answer_init(&ignored);
		if (!is_builtin(&one))
			delete_one(e, &one, &d, NULL, &ignored);
		answer_fini(&ignored);
	}
	answer_list(t, c, all, n, rv, ret);
	snaps_free(all, n);
}

static void seed_namespace(struct store *st, const char *name)
{
	cJSON *json = cJSON_CreateObject();

	json_put_text(json, "kind", "Namespace");
	json_put_text(json, "apiVersion", "v1");
	json_put_text(json_object_at(json, "metadata"), "name", name);
	cJSON_AddItemToArray(json_array_at(json_object_at(json, "spec"), "finalizers"),
		cJSON_CreateString("kubernetes"));
	json_put_text(json_object_at(json, "status"), "phase", "Active");
	if (store_create(st, resource_named("namespaces"), json, NULL) == 0)
		seed_account(st, name);
}

static void seed_node(struct store *st)
{
	cJSON *json = cJSON_CreateObject(), *status, *address = cJSON_CreateObject();
	cJSON *ready = cJSON_CreateObject();

	json_put_text(json, "kind", "Node");
	json_put_text(json, "apiVersion", "v1");
	json_put_text(json_object_at(json, "metadata"), "name", NODE_NAME);
	json_object_at(json, "spec");
	status = json_object_at(json, "status");
	json_put_text(json_object_at(status, "nodeInfo"), "kubeletVersion", SERVED_VERSION);
	json_put_text(address, "type", "InternalIP");
	json_put_text(address, "address", "127.0.0.1");
	cJSON_AddItemToArray(json_array_at(status, "addresses"), address);
	json_put_text(ready, "type", "Ready");
	json_put_text(ready, "status", "True");
	cJSON_AddItemToArray(json_array_at(status, "conditions"), ready);
	store_create(st, resource_named("nodes"), json, NULL);
}

void objects_seed(struct store *st)
{
	seed_namespace(st, "default");
	seed_namespace(st, "kube-system");
	seed_node(st);
}
