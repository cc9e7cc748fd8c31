#include "plugin/kind.h"

#include "common/base/clock.h"
#include "common/kube/json.h"
#include "plugin/cli.h"
#include "plugin/interrupt.h"
#include "plugin/lifetime.h"

#include <errno.h>

#define CORE  "/api/v1"
#define BATCH "/apis/batch/v1"
#define NET   "/apis/networking.k8s.io/v1"
#define RBAC  "/apis/rbac.authorization.k8s.io/v1"
#define RBACV "rbac.authorization.k8s.io/v1"

const struct kind kind_pod = { "pod", CORE, "pods", "v1", "Pod" };
const struct kind kind_service = { "service", CORE, "services", "v1", "Service" };
const struct kind kind_job = { "job", BATCH, "jobs", "batch/v1", "Job" };
const struct kind kind_policy = { "networkpolicy", NET, "networkpolicies", "networking.k8s.io/v1",
	"NetworkPolicy" };
const struct kind kind_podtemplate = { "podtemplate", CORE, "podtemplates", "v1", "PodTemplate" };
const struct kind kind_namespace = { "namespace", CORE, "namespaces", "v1", "Namespace" };
const struct kind kind_quota = { "resourcequota", CORE, "resourcequotas", "v1", "ResourceQuota" };
const struct kind kind_limits = { "limitrange", CORE, "limitranges", "v1", "LimitRange" };
const struct kind kind_account = { "serviceaccount", CORE, "serviceaccounts", "v1",
	"ServiceAccount" };
const struct kind kind_role = { "role", RBAC, "roles", RBACV, "Role" };
const struct kind kind_binding = { "rolebinding", RBAC, "rolebindings", RBACV, "RoleBinding" };

const struct kind *kind_of(const char *api_version, const char *kind)
{
	static const struct kind *const all[] = { &kind_pod, &kind_service, &kind_job, &kind_policy,
		&kind_podtemplate, &kind_namespace };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (!strcmp(all[i]->api_version, api_version) && !strcmp(all[i]->kind, kind))
			return all[i];
	return NULL;
}

/* --- building ----------------------------------------------------------------------- */

static cJSON *child(cJSON *object, const char *name)
{
	cJSON *c = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsObject(c) ? c : cJSON_AddObjectToObject(object, name);
}

static void put(cJSON *object, const char *in, const char *name, const char *value)
{
	cJSON *members = child(child(object, "metadata"), in);

	cJSON_DeleteItemFromObjectCaseSensitive(members, name);
	cJSON_AddStringToObject(members, name, value);
}

cJSON *kind_new(const struct kind *kind, const char *ns, const char *name)
{
	cJSON *o = cJSON_CreateObject();

	json_set_str(o, "apiVersion", kind->api_version);
	json_set_str(o, "kind", kind->kind);
	json_set_str(o, "metadata.name", name);
	if (ns)
		json_set_str(o, "metadata.namespace", ns);
	return o;
}

void kind_label(cJSON *object, const char *name, const char *value)
{
	put(object, "labels", name, value);
}

void kind_annotate(cJSON *object, const char *name, const char *value)
{
	put(object, "annotations", name, value);
}

void kind_annotate_time(cJSON *object, const char *name, int64_t wall_ms)
{
	char text[32];

	rfc3339_print(wall_ms, text);
	put(object, "annotations", name, text);
}

void kind_set_owner(cJSON *object, const struct kind *kind, const cJSON *owner)
{
	cJSON *ref = cJSON_CreateObject();
	cJSON *refs = cJSON_CreateArray();

	json_set_str(ref, "apiVersion", kind->api_version);
	json_set_str(ref, "kind", kind->kind);
	json_set_str(ref, "name", json_str(owner, "metadata.name", ""));
	json_set_str(ref, "uid", json_str(owner, "metadata.uid", ""));
	cJSON_AddItemToArray(refs, ref);
	json_set(object, "metadata.ownerReferences", refs);
}

/* --- calls -------------------------------------------------------------------------- */

static char *collection(const struct kind *kind, const char *ns)
{
	auto_free char *space = ns ? rest_path("/namespaces/%s", ns) : xstrdup("");

	return xprintf("%s%s/%s", kind->api, space, kind->plural);
}

static char *path_of(const struct kind *kind, const char *ns, const char *name)
{
	auto_free char *folder = collection(kind, ns);
	auto_free char *last = rest_path("/%s", name);

	return xprintf("%s%s", folder, last);
}

static char *path_of_object(const struct kind *kind, const cJSON *object)
{
	return path_of(kind, json_str(object, "metadata.namespace", NULL),
		json_str(object, "metadata.name", ""));
}

static char *what_of(const char *verb, const struct kind *kind, const char *ns, const char *name)
{
	return xprintf("%s %s %.253s%s%.63s", verb, kind->name, name, ns ? " in namespace " : "",
		ns ? ns : "");
}

static char *what_of_object(const char *verb, const struct kind *kind, const cJSON *object)
{
	return what_of(verb, kind, json_str(object, "metadata.namespace", NULL),
		json_str(object, "metadata.name", ""));
}

int kind_get(struct kube *k, const struct kind *kind, const char *ns, const char *name, cJSON **ret,
	struct err *err)
{
	auto_free char *path = path_of(kind, ns, name);
	auto_free char *what = what_of("get", kind, ns, name);
	struct rest_request rq = { .method = "GET", .path = path, .what = what };

	return rest_call(k, &rq, ret, NULL, err);
}

static int list(struct kube *k, const struct kind *kind, const char *ns, const char *query,
	cJSON **ret, struct err *err)
{
	auto_free char *folder = collection(kind, ns);
	auto_free char *path = xprintf("%s%s", folder, query);
	auto_free char *what = xprintf("list %s in %s%s", kind->plural,
		ns ? "namespace " : "all namespaces", ns ? ns : "");
	struct rest_request rq = { .method = "GET", .path = path, .what = what };

	return rest_call(k, &rq, ret, NULL, err);
}

int kind_list(struct kube *k, const struct kind *kind, const char *ns, const char *selector,
	cJSON **ret, struct err *err)
{
	auto_free char *query = selector ? rest_path("?labelSelector=%s", selector) : xstrdup("");

	return list(k, kind, ns, query, ret, err);
}

int kind_list_cached(struct kube *k, const struct kind *kind, const char *ns, const char *selector,
	cJSON **ret, struct err *err)
{
	auto_free char *query = rest_path("?resourceVersion=0&labelSelector=%s", selector);

	return list(k, kind, ns, query, ret, err);
}

int kind_post(
	struct kube *k, const struct kind *kind, const cJSON *object, cJSON **ret, struct err *err)
{
	auto_free char *path = collection(kind, json_str(object, "metadata.namespace", NULL));
	auto_free char *what = what_of_object("create", kind, object);
	struct rest_request rq = { .method = "POST", .path = path, .what = what, .body = object };
	int rc;

	interrupt_halts(k);
	rc = rest_call(k, &rq, ret, NULL, err);
	interrupt_halts(NULL);
	if (!rc && ret)
		kind_set_right(k, kind, ret);
	return rc;
}

int kind_post_sure(
	struct kube *k, const struct kind *kind, const cJSON *object, cJSON **ret, struct err *err)
{
	int rc = kind_post(k, kind, object, ret, err);
	auto_json there = NULL;

	if (!rest_unsure(rc))
		return rc;
	if (kind_get(k, kind, json_str(object, "metadata.namespace", NULL),
		    json_str(object, "metadata.name", ""), &there, NULL) < 0 ||
		strcmp(json_annotation(there, ANNOTATION_REQUEST, ""),
			json_annotation(object, ANNOTATION_REQUEST, "")))
		return rc;
	*ret = take_ptr(there);
	return 0;
}

int kind_patch(struct kube *k, const struct kind *kind, const cJSON *seen, const cJSON *patch,
	cJSON **ret, struct err *err)
{
	auto_free char *path = path_of_object(kind, seen);
	auto_free char *what = what_of_object("change", kind, seen);
	auto_json bound = cJSON_Duplicate(patch, true);
	struct rest_request rq = { .method = "PATCH",
		.path = path,
		.what = what,
		.content_type = "application/merge-patch+json",
		.body = bound };

	json_set_str(bound, "metadata.uid", json_str(seen, "metadata.uid", ""));
	return rest_call(k, &rq, ret, NULL, err);
}

void kind_set_right(struct kube *k, const struct kind *kind, cJSON **object)
{
	int64_t ahead_ms = kube_ahead_ms(k);
	auto_json patch = ahead_ms ? life_moved(*object, ahead_ms) : NULL;
	struct err err = { 0 };
	cJSON *now = NULL;
	int rc = patch ? kind_patch(k, kind, *object, patch, &now, &err) : 0;

	if (rc < 0)
		say("warning: %s; this machine's clock differs from the cluster's, and gc goes by "
		    "that",
			err_text(&err, rc));
	if (!now)
		return;
	cJSON_Delete(*object);
	*object = now;
}

/* uid, rv: NULL: whatever it is */
static int delete (struct kube *k, const struct kind *kind, const char *ns, const char *name,
	const char *uid, const char *rv, int *ret_http, struct err *err)
{
	auto_free char *path = path_of(kind, ns, name);
	auto_free char *what = what_of("delete", kind, ns, name);
	auto_json options = cJSON_CreateObject();
	struct rest_request rq = {
		.method = "DELETE", .path = path, .what = what, .body = options
	};

	json_set_str(options, "kind", "DeleteOptions");
	json_set_str(options, "apiVersion", "v1");
	json_set_str(options, "propagationPolicy", "Background");
	if (uid)
		json_set_str(options, "preconditions.uid", uid);
	if (rv)
		json_set_str(options, "preconditions.resourceVersion", rv);
	return rest_call(k, &rq, NULL, ret_http, err);
}

int kind_delete(
	struct kube *k, const struct kind *kind, const cJSON *seen, bool exactly, struct err *err)
{
	const char *rv = exactly ? json_str(seen, "metadata.resourceVersion", "") : NULL;

	return delete (k, kind, json_str(seen, "metadata.namespace", NULL),
		json_str(seen, "metadata.name", ""), json_str(seen, "metadata.uid", ""), rv, NULL,
		err);
}

int kind_remove(struct kube *k, const struct kind *kind, const char *ns, const char *name,
	const char *uid, struct err *err)
{
	int http = 0;
	int rc = delete (k, kind, ns, name, uid, NULL, &http, err);

	return http == 404 || (http == 409 && uid) ? 0 : rc;
}

int kind_finish(struct kube *k, const struct kind *kind, const cJSON *seen, struct err *err)
{
	auto_json patch = life_patch(ANNOTATION_UNFINISHED, NULL);

	return kind_patch(k, kind, seen, patch, NULL, err);
}
