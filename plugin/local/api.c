#include "plugin/local/api.h"
#include "plugin/local/custom.h"
#include "plugin/local/discovery.h"
#include "plugin/local/objects.h"
#include "plugin/local/podlog.h"
#include "plugin/local/podspec.h"
#include "plugin/local/podstatus.h"
#include "plugin/local/status.h"

#include <openssl/crypto.h>

/* The next component of *at, which moves behind it; NULL at the end. */
static char *component(char **at)
{
	char *from = *at;
	size_t n;

	if (*from == '/')
		from++;
	n = strcspn(from, "/");
	if (!n)
		return NULL;
	*at = from + n;
	if (**at)
		*(*at)++ = '\0';
	return from;
}

int target_parse(char *path, struct target *ret)
{
	char *at = path, *root = component(&at), *group = (char *)"", *version, *plural;
	struct target t = { .ns = (char *)"" };

	if (root && !strcmp(root, "apis"))
		group = component(&at);
	else if (!root || strcmp(root, "api") != 0)
		return -ENOENT;
	version = component(&at);
	plural = component(&at);
	if (!group || !version || !plural)
		return -ENOENT;
	if (!strcmp(plural, "namespaces")) {
		char *ns = component(&at), *next = component(&at);

		if (next && strcmp(next, "status") != 0 && strcmp(next, "finalize") != 0) {
			t.ns = ns;
			plural = next;
		} else {
			t.name = ns;
			t.sub = next;
		}
	}
	t.resource = resource_find(group, version, plural);
	if (!t.resource)
		return -ENOENT;
	if (!t.name) {
		t.name = component(&at);
		t.sub = t.name ? component(&at) : NULL;
	}
	if (component(&at) || (t.resource->namespaced != (*t.ns != '\0') && t.name))
		return -ENOENT;
	*ret = t;
	return 0;
}

bool api_knows(const struct engine *e, const struct call *c)
{
	const char *given = c->authorization ? c->authorization : "";
	size_t n = strlen(e->token);

	if (strncmp(given, "Bearer ", 7) != 0 || strlen(given + 7) != n)
		return false;
	return CRYPTO_memcmp(given + 7, e->token, n) == 0;
}

static void not_there(struct answer *ret)
{
	answer_status(
		ret, status_make(404, NULL, "the server could not find the requested resource"));
}

static void serve_log(struct engine *e, const struct target *t, struct call *c, struct answer *ret)
{
	auto_snap struct snap *pod = store_get(e->store, t->resource, t->ns, t->name);

	if (pod)
		podlog_answer(e, pod, c, ret);
	else
		objects_get(e, t, c, ret);
}

static void serve_stream(
	struct engine *e, const struct target *t, struct call *c, struct answer *ret)
{
	answer_status(ret, status_make(400, NULL, "Upgrade request required"));
}

static const struct verb {
	const char *method;
	bool named;
	const char *sub; /* NULL none; "status" goes for all kinds */
	void (*serve)(struct engine *e, const struct target *t, struct call *c, struct answer *ret);
} verbs[] = {
	{ "GET", false, NULL, objects_list },
	{ "POST", false, NULL, objects_create },
	{ "DELETE", false, NULL, objects_delete_all },
	{ "GET", true, NULL, objects_get },
	{ "PUT", true, NULL, objects_update },
	{ "PATCH", true, NULL, objects_patch },
	{ "DELETE", true, NULL, objects_delete },
	{ "GET", true, "status", objects_get },
	{ "PUT", true, "status", objects_update },
	{ "PATCH", true, "status", objects_patch },
	{ "GET", true, "log", serve_log },
	{ "GET", true, "exec", serve_stream },
	{ "POST", true, "exec", serve_stream },
	{ "GET", true, "attach", serve_stream },
	{ "POST", true, "attach", serve_stream },
	{ "GET", true, "portforward", serve_stream },
	{ "POST", true, "portforward", serve_stream },
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static bool of_pods_only(const char *sub)
{
	return sub && strcmp(sub, "status") != 0;
}

static void serve_target(
	struct engine *e, const struct target *t, struct call *c, struct answer *ret)
{
	bool known = false;

	for (size_t i = 0; i < VERBS; i++) {
		const struct verb *v = &verbs[i];

		if (v->named != (t->name != NULL) ||
			strcmp(v->sub ? v->sub : "", t->sub ? t->sub : "") ||
			(of_pods_only(v->sub) && strcmp(t->resource->plural, "pods")))
			continue;
		known = true;
		if (strcmp(v->method, c->method) != 0)
			continue;
		v->serve(e, t, c, ret);
		return;
	}
	if (known)
		answer_status(ret,
			status_make(405, NULL,
				"the server does not allow this method on the requested resource"));
	else
		not_there(ret);
}

/* All that is asked is allowed: there is one user. */
static void serve_review(const char *kind, struct call *c, struct answer *ret)
{
	cJSON *json = NULL, *status, *rule;

	/* kubectl asks in protobuf but reads JSON; what it asks does not matter. */
	if (c->content_type && strstr(c->content_type, "protobuf"))
		json = cJSON_CreateObject();
	else if (json_parse(buf_text(&c->body), c->body.len, &json) < 0 || !cJSON_IsObject(json)) {
		cJSON_Delete(json);
		answer_status(ret, status_make(400, NULL, "the body is not a JSON object"));
		return;
	}
	json_default(json, "kind", kind);
	json_default(json, "apiVersion",
		strcmp(kind, "SelfSubjectReview") ? "authorization.k8s.io/v1"
						  : "authentication.k8s.io/v1");
	json_object_at(json, "metadata");
	status = json_object_at(json, "status");
	if (!strcmp(kind, "SelfSubjectAccessReview"))
		json_put_bool(status, "allowed", true);
	if (!strcmp(kind, "SelfSubjectReview"))
		json_put_text(json_object_at(status, "userInfo"), "username", "sbx-local");
	if (!strcmp(kind, "SelfSubjectRulesReview")) {
		static const char *const fields[] = { "verbs", "apiGroups", "resources" };

		rule = cJSON_CreateObject();
		for (int i = 0; i < 3; i++)
			cJSON_AddItemToArray(
				json_array_at(rule, fields[i]), cJSON_CreateString("*"));
		cJSON_AddItemToArray(json_array_at(status, "resourceRules"), rule);
		json_array_at(status, "nonResourceRules");
		json_put_bool(status, "incomplete", false);
	}
	answer_json(ret, 201, json);
}

static const struct {
	const char *path;
	const char *kind;
} reviews[] = {
	{ "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "SelfSubjectAccessReview" },
	{ "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", "SelfSubjectRulesReview" },
	{ "/apis/authentication.k8s.io/v1/selfsubjectreviews", "SelfSubjectReview" },
};

static bool serve_reviews(struct call *c, struct answer *ret)
{
	for (size_t i = 0; i < sizeof(reviews) / sizeof(reviews[0]); i++) {
		if (strcmp(c->path, reviews[i].path) != 0 || strcmp(c->method, "POST") != 0)
			continue;
		serve_review(reviews[i].kind, c, ret);
		return true;
	}
	return false;
}

static bool serve_health(struct call *c, struct answer *ret)
{
	if (strcmp(c->path, "/healthz") && strcmp(c->path, "/livez") && strcmp(c->path, "/readyz"))
		return false;
	ret->code = 200;
	ret->type = "text/plain; charset=utf-8";
	buf_str(&ret->body, "ok");
	return true;
}

static bool serve_discovery(struct engine *e, struct call *c, struct answer *ret)
{
	cJSON *json = strcmp(c->method, "GET") ? NULL : discovery_answer(e->store, c->path);

	if (!json)
		return false;
	answer_json(ret, 200, json);
	return true;
}

void api_serve(struct engine *e, struct call *c, struct answer *ret)
{
	size_t n = strlen(c->path);
	struct target t;

	while (n > 1 && c->path[n - 1] == '/')
		c->path[--n] = '\0';
	if (!api_knows(e, c)) {
		answer_status(ret, status_make(401, NULL, "Unauthorized"));
		return;
	}
	if (serve_health(c, ret) || serve_reviews(c, ret) || serve_discovery(e, c, ret))
		return;
	if (target_parse(c->path, &t) < 0 || !custom_served(e->store, t.resource))
		not_there(ret);
	else
		serve_target(e, &t, c, ret);
}

static bool is_running(const struct snap *pod, const char *container)
{
	return json_at(podstatus_of(pod->json, container), "state.running");
}

/* "[a b]", as the real server says it. */
static void name_containers(const struct snap *pod, struct buf *ret)
{
	const cJSON *one;

	cJSON_ArrayForEach (one, json_at(pod->json, "spec.containers"))
		buf_printf(ret, "%s%s", ret->len ? " " : "", json_text_or(one, "name", ""));
}

/* The one that is asked for, or the only one; else *wrong is what is to be said. */
static const cJSON *find_container(const struct call *c, const struct snap *pod, cJSON **wrong)
{
	const char *asked = call_arg(c, "container");
	const cJSON *container = podspec_container(pod->json, asked);
	auto_buf names = BUF_INIT(4096);

	name_containers(pod, &names);
	if (!container && asked && *asked)
		*wrong = status_make(
			400, NULL, "container %s is not valid for pod %s", asked, pod->name);
	else if (!container)
		*wrong = status_make(400, NULL,
			"a container name must be specified for pod %s, choose one of: [%s]",
			pod->name, buf_text(&names));
	return container;
}

static cJSON *check_stream(struct call *c, struct stream_target *t)
{
	cJSON *wrong = NULL;
	const cJSON *container = find_container(c, t->pod, &wrong);

	if (wrong)
		return wrong;
	if (t->kind == STREAM_EXEC && !call_arg(c, "command"))
		return status_make(
			400, NULL, "you must specify at least 1 command for the container");
	if (!call_flag(c, "stdin") && !call_flag(c, "stdout") && !call_flag(c, "stderr"))
		return status_make(
			400, NULL, "you must specify at least one of stdin, stdout, stderr");
	if (!is_running(t->pod, json_text(container, "name")))
		return status_make(
			500, NULL, "container not found (\"%s\")", json_text(container, "name"));
	t->container = xstrdup(json_text(container, "name"));
	return NULL;
}

/* One port: a client that wants several opens several. */
static cJSON *check_forward(struct call *c, struct stream_target *t)
{
	const cJSON *first = cJSON_GetArrayItem(json_at(t->pod->json, "spec.containers"), 0);
	uint64_t port = 0;

	if (call_number(c, "ports", UINT16_MAX, &port) < 0 || !port || call_arg_nth(c, "ports", 1))
		return status_make(
			400, NULL, "query parameter \"ports\" must be one port, from 1 to 65535");
	if (strcmp(json_text_or(t->pod->json, "status.phase", ""), "Running") != 0)
		return status_make(400, NULL,
			"unable to forward port because pod is not running. Current status=%s",
			json_text_or(t->pod->json, "status.phase", "Pending"));
	t->port = (uint16_t)port;
	t->container = xstrdup(json_text_or(first, "name", ""));
	return NULL;
}

void stream_target_fini(struct stream_target *t)
{
	snap_unref(t->pod);
	free(t->container);
	*t = (struct stream_target){ 0 };
}

static int kind_of_stream(const struct target *t, enum stream_kind *ret)
{
	static const char *const names[] = { "exec", "attach", "portforward" };

	for (int i = 0; t->sub && !strcmp(t->resource->plural, "pods") && i < 3; i++) {
		if (strcmp(t->sub, names[i]) != 0)
			continue;
		*ret = (enum stream_kind)i;
		return 0;
	}
	return -ENOENT;
}

int api_stream_target(
	struct engine *e, struct call *c, struct stream_target *ret_target, struct answer *ret)
{
	auto_free char *path = xstrdup(c->path); /* the caller's is still to be logged */
	auto_with(stream_target_fini) struct stream_target found = { 0 };
	cJSON *wrong = NULL;
	struct target t;

	if (!api_knows(e, c)) {
		answer_status(ret, status_make(401, NULL, "Unauthorized"));
		return -EPERM;
	}
	if (target_parse(path, &t) < 0 || kind_of_stream(&t, &found.kind) < 0) {
		not_there(ret);
		return -EPERM;
	}
	found.pod = store_get(e->store, t.resource, t.ns, t.name);
	if (!found.pod)
		wrong = status_of(
			status_make(404, NULL, "pods \"%s\" not found", t.name), "pods", t.name);
	else
		wrong = found.kind == STREAM_FORWARD ? check_forward(c, &found)
						     : check_stream(c, &found);
	if (wrong) {
		answer_status(ret, wrong);
		return -EPERM;
	}
	*ret_target = found;
	found = (struct stream_target){ 0 };
	return 0;
}
