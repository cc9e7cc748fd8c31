#include "plugin/local/admit.h"
#include "plugin/local/objectspriv.h"
#include "common/base/clock.h"
#include "common/base/path.h"
#include "common/base/wire.h"
#include "plugin/local/custom.h"
#include "plugin/local/discovery.h"
#include "plugin/local/podspec.h"
#include "plugin/local/protobuf.h"
#include "plugin/local/select.h"
#include "plugin/local/status.h"
#include "plugin/local/table.h"
#include "plugin/local/watch.h"

#include <ctype.h>
#include <sys/random.h>

#define WATCH_DEFAULT_S (40 * 60)
#define LIST_BYTES_MAX  (200u << 20)

bool objects_are_pods(const struct target *t)
{
	return !strcmp(t->resource->plural, "pods");
}

static bool wants_table(const struct call *c)
{
	return c->accept && strstr(c->accept, "as=Table");
}

void objects_refuse(struct answer *ret, const struct target *t, cJSON *status)
{
	answer_status(ret, status_of(status, t->resource->plural, t->name));
}

void objects_not_found(struct answer *ret, const struct target *t)
{
	char group[100];

	snprintf(group, sizeof(group), "%s%s", *t->resource->group ? "." : "", t->resource->group);
	objects_refuse(ret, t,
		status_make(
			404, NULL, "%s%s \"%s\" not found", t->resource->plural, group, t->name));
}

void objects_bad_request(struct answer *ret, const char *text)
{
	answer_status(ret, status_make(400, NULL, "%s", text));
}

void objects_answer(struct answer *ret, const struct call *c, int code, struct snap *s)
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
		objects_answer(ret, c, 200, s);
	else
		objects_not_found(ret, t);
}

int objects_select(const struct call *c, struct select **ret_labels, struct select **ret_fields,
	struct answer *ret)
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
		objects_bad_request(ret, "resourceVersion and timeoutSeconds must be numbers");
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

size_t objects_keep(
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

void objects_answer_list(const struct target *t, const struct call *c, struct snap **all, size_t n,
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

	if (objects_select(c, &labels, &fields, ret) < 0) {
		select_free(labels);
		return;
	}
	if (call_flag(c, "watch")) {
		start_watch(e, t, c, labels, fields, ret);
		return;
	}
	n = store_list(e->store, t->resource, t->ns, &all, &rv);
	n = objects_keep(all, n, labels, fields);
	objects_answer_list(t, c, all, n, rv, ret);
	snaps_free(all, n);
	select_free(labels);
	select_free(fields);
}

static void refuse_format(struct answer *ret)
{
	answer_status(ret, status_make(415, NULL,
				   "the body of the request was in an unknown format - "
				   "accepted media types include: application/json"));
}

/* The body as an object. -EPERM, with the refusal in ret. */
int objects_take_body(const struct call *c, cJSON **ret_json, struct answer *ret)
{
	cJSON *json;

	if (c->content_type && strstr(c->content_type, "vnd.kubernetes.protobuf")) {
		int rc = protobuf_decode(buf_text(&c->body), c->body.len, ret_json);

		if (rc == -EBADMSG)
			objects_bad_request(ret, "the body is not Kubernetes's protobuf");
		else if (rc < 0)
			refuse_format(ret);
		return rc < 0 ? -EPERM : 0;
	}
	if (c->content_type && *c->content_type && !strstr(c->content_type, "json")) {
		refuse_format(ret);
		return -EPERM;
	}
	if (json_parse(buf_text(&c->body), c->body.len, &json) < 0) {
		objects_bad_request(ret, "the body is not JSON");
		return -EPERM;
	}
	if (!cJSON_IsObject(json)) {
		cJSON_Delete(json);
		objects_bad_request(ret, "the body is not an object");
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
cJSON *objects_check_meta(struct engine *e, const struct target *t, cJSON *json)
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

static void place_pod(struct engine *e, cJSON *pod)
{
	auto_free char *misfit = admit_misfit(e->store, pod);

	podspec_defaults(pod, misfit ? NULL : NODE_NAME, misfit);
}

static cJSON *prepare(struct engine *e, const struct target *t, cJSON *json)
{
	cJSON *wrong;

	if (objects_are_pods(t)) {
		wrong = podspec_check(json);
		if (wrong)
			return wrong;
		wrong = admit_pod(e->store, t->ns, json);
		if (wrong)
			return wrong;
		place_pod(e, json);
	}
	if (!strcmp(t->resource->plural, "customresourcedefinitions")) {
		wrong = custom_check(json);
		if (wrong)
			return wrong;
	}
	if (!strcmp(t->resource->plural, "secrets"))
		json_default(json, "type", "Opaque");
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

	if (objects_take_body(c, &json, ret) < 0)
		return;
	wrong = objects_check_meta(e, t, json);
	if (!wrong)
		wrong = prepare(e, t, json);
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
		objects_answer(ret, c, 201, s);
	if (rc == 0 && !strcmp(t->resource->plural, "namespaces"))
		seed_account(e->store, name);
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
	json_put_text(json_object_at(json_object_at(json, "metadata"), "labels"),
		"kubernetes.io/hostname", NODE_NAME);
	json_put_text(json_object_at(json_object_at(json, "metadata"), "labels"),
		"kubernetes.io/os", "linux");
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
