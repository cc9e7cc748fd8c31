#include "plugin/via.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "plugin/cli.h"
#include "plugin/lifetime.h"

#include <errno.h>

#define NOTE_POD     VIA_GROUP "/pod-name"     /* of a Sandbox whose Pod has another name */
#define NOTE_SANDBOX VIA_GROUP "/sandbox-name" /* of a claim */
#define LABEL_OTHER  "opensandbox.io/id"

#define OF(group, version, name, plural, kind)                                                     \
	{                                                                                          \
		name, "/apis/" group "/" version, plural, group "/" version, kind                  \
	}
#define ALL_OF(version)                                                                            \
	{                                                                                          \
		OF(VIA_GROUP, version, "sandbox", "sandboxes", "Sandbox"),                         \
			OF(VIA_GROUP2, version, "sandboxclaim", "sandboxclaims", "SandboxClaim"),  \
			OF(VIA_GROUP2, version, "sandboxtemplate", "sandboxtemplates",             \
				"SandboxTemplate"),                                                \
			OF(VIA_GROUP2, version, "sandboxwarmpool", "sandboxwarmpools",             \
				"SandboxWarmPool"),                                                \
	}

/* Those that come first are preferred. */
static const struct {
	const char *name;
	struct kind kinds[VIA_KINDS];
} versions[] = {
	{ "v1beta1", ALL_OF("v1beta1") },
	{ "v1alpha1", ALL_OF("v1alpha1") },
};

#define VERSIONS (sizeof(versions) / sizeof(*versions))

/* --- what is installed ----------------------------------------------------------------- */

void via_init(struct via *v, struct kube *k)
{
	*v = (struct via){ .k = k };
}

static bool serves(const cJSON *group, const char *version)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, json_at(group, "versions"))
		if (!strcmp(json_str(item, "version", ""), version))
			return true;
	return false;
}

static int discover(struct kube *k, const char *group)
{
	auto_free char *path = rest_path("/apis/%s", group);
	auto_json answer = NULL;
	struct rest_request rq = {
		.method = "GET", .path = path, .what = "ask which APIs there are"
	};

	if (rest_call(k, &rq, &answer, NULL, NULL) < 0)
		return 0;
	for (size_t i = 0; i < VERSIONS; i++)
		if (serves(answer, versions[i].name))
			return (int)i + 1;
	return 0;
}

const struct kind *via_kind(struct via *v, enum via_what what)
{
	int group = what == VIA_SANDBOX ? 0 : 1;

	if (!v->asked[group])
		v->version[group] = discover(v->k, group ? VIA_GROUP2 : VIA_GROUP);
	v->asked[group] = true;
	return v->version[group] ? &versions[v->version[group] - 1].kinds[what] : NULL;
}

bool via_is_alpha(const struct kind *kind)
{
	return strstr(kind->api_version, "alpha") != NULL;
}

/* --- from one to the other -------------------------------------------------------------- */

void via_object_fini(struct via_object *o)
{
	cJSON_Delete(take_ptr(o->json));
}

static bool is_claim(const struct via_object *o)
{
	return !strcmp(o->kind->kind, "SandboxClaim");
}

/* The ownerReference of that kind and of agent-sandbox's groups, whatever its version. */
static const cJSON *owner_of(const cJSON *object, const char *kind)
{
	const cJSON *ref;

	cJSON_ArrayForEach (ref, json_at(object, "metadata.ownerReferences")) {
		const char *api = json_str(ref, "apiVersion", "");

		if (!strcmp(json_str(ref, "kind", ""), kind) &&
			(!strncmp(api, VIA_GROUP "/", sizeof(VIA_GROUP)) ||
				!strncmp(api, VIA_GROUP2 "/", sizeof(VIA_GROUP2))))
			return ref;
	}
	return NULL;
}

static bool owns(const cJSON *owner, const cJSON *object, const char *kind)
{
	const cJSON *ref = owner_of(object, kind);

	return ref && !strcmp(json_str(ref, "uid", ""), json_str(owner, "metadata.uid", "-"));
}

static const char *note(const cJSON *object, const char *name)
{
	const cJSON *n = json_member(json_at(object, "metadata.annotations"), name);

	return cJSON_IsString(n) && *n->valuestring ? n->valuestring : NULL;
}

static int get(struct via *v, enum via_what what, const char *ns, const char *name,
	struct via_object *ret, struct err *err)
{
	*ret = (struct via_object){ via_kind(v, what), NULL };
	return ret->kind ? kind_get(v->k, ret->kind, ns, name, &ret->json, err) : -ENOENT;
}

int via_find(struct via *v, const char *ns, const char *name, struct via_object *ret)
{
	struct err unheard = { 0 };

	if (!get(v, VIA_SANDBOX, ns, name, ret, &unheard) ||
		!get(v, VIA_CLAIM, ns, name, ret, &unheard))
		return 0;
	*ret = (struct via_object){ 0 };
	return -ENOENT;
}

int via_up(struct via *v, struct via_object *o, struct err *err)
{
	const char *ns = json_str(o->json, "metadata.namespace", "");
	const cJSON *pool = owner_of(o->json, "SandboxWarmPool");
	const cJSON *up = owner_of(o->json, "SandboxClaim");
	struct via_object claim = { 0 };
	int rc;

	if (pool)
		return err_set(err, -EPERM,
			"%s/%s is a spare of agent-sandbox's warm pool %.253s: change the pool's "
			"replicas instead",
			ns, json_str(o->json, "metadata.name", ""), json_str(pool, "name", ""));
	if (!up)
		return 0;
	rc = get(v, VIA_CLAIM, ns, json_str(up, "name", ""), &claim, err);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	via_object_fini(o);
	*o = claim;
	return 0;
}

int via_owner(struct via *v, const cJSON *pod, struct via_object *ret, struct err *err)
{
	const char *ns = json_str(pod, "metadata.namespace", "");
	const cJSON *ref = owner_of(pod, "Sandbox");
	auto_via_object sandbox = { 0 };
	int rc;

	*ret = (struct via_object){ 0 };
	if (!ref)
		return 0;
	rc = get(v, VIA_SANDBOX, ns, json_str(ref, "name", ""), &sandbox, err);
	if (rc == -ENOENT || (!rc && !owns(sandbox.json, pod, "Sandbox")))
		return 0;
	if (!rc)
		rc = via_up(v, &sandbox, err);
	if (rc < 0)
		return rc;
	*ret = (struct via_object){ sandbox.kind, take_ptr(sandbox.json) };
	return 0;
}

/* --- why not ------------------------------------------------------------------------------ */

static const cJSON *condition(const cJSON *object, const char *type)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, json_at(object, "status.conditions"))
		if (!strcmp(json_str(item, "type", ""), type))
			return item;
	return NULL;
}

/* "Reason: message", escaped; "" when nothing is said. */
static char *words(const cJSON *said)
{
	const char *reason = json_str(said, "reason", ""), *message = json_str(said, "message", "");
	auto_buf text = BUF_INIT(4096);

	log_escape(&text, reason, strnlen(reason, 100));
	if (*reason && *message)
		buf_str(&text, ": ");
	log_escape(&text, message, strnlen(message, 600));
	return xstrdup(buf_text(&text));
}

static int no_pod(const struct via_object *o, struct err *err)
{
	const cJSON *ready = condition(o->json, "Ready");
	auto_free char *why = words(ready);

	return err_set(err, -ENOTCONN, "%s %s/%s of agent-sandbox has no Pod now%s%s",
		o->kind->kind, json_str(o->json, "metadata.namespace", ""),
		json_str(o->json, "metadata.name", ""), *why ? ": " : "", why);
}

char *via_why(const struct via_object *o)
{
	return words(condition(o->json, "Ready"));
}

/* What never heals by waiting; the others are on their way. */
static bool is_final(const char *reason)
{
	static const char *const all[] = { "InvalidMetadata", "EnvVarsInjectionRejected",
		"VolumeClaimTemplatesError", "ClaimExpired", "SandboxExpired", "PodFailed",
		"PodSucceeded", "SandboxSuspended" };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (!strcmp(all[i], reason))
			return true;
	return false;
}

int via_progress(const struct via_object *o, struct err *err)
{
	const cJSON *ready = condition(o->json, "Ready");
	const char *status = json_str(ready, "status", "");
	auto_free char *why = words(ready);

	if (json_at(o->json, "metadata.deletionTimestamp"))
		return err_set(err, -ENOTCONN, "somebody else deleted it while it was starting");
	if (!strcmp(status, "True"))
		return 1;
	if (!strcmp(status, "False") && is_final(json_str(ready, "reason", "")))
		return err_set(err, -ENOTCONN, "agent-sandbox says %s", why);
	return 0;
}

/* --- the Pod -------------------------------------------------------------------------------- */

/* A claim that took a spare has a Sandbox of another name. */
static const char *sandbox_name(const cJSON *claim)
{
	const char *name = json_str(claim, "status.sandbox.name", "");

	if (!*name)
		name = json_str(claim, "status.sandbox.Name", "");
	if (!*name && note(claim, NOTE_SANDBOX))
		name = note(claim, NOTE_SANDBOX);
	return *name ? name : json_str(claim, "metadata.name", "");
}

static int pod_of_sandbox(struct via *v, const struct via_object *o, const cJSON *sandbox,
	cJSON **ret, struct err *err)
{
	const char *named = note(sandbox, NOTE_POD);
	const char *name = named ? named : json_str(sandbox, "metadata.name", "");
	auto_json pod = NULL;
	int rc = sandbox_get(v->k, json_str(sandbox, "metadata.namespace", ""), name, &pod, err);

	if (rc == -ENOENT || (!rc && !owns(sandbox, pod, "Sandbox")))
		return no_pod(o, err);
	if (rc < 0)
		return rc;
	*ret = take_ptr(pod);
	return 0;
}

int via_pod(struct via *v, const struct via_object *o, cJSON **ret, struct err *err)
{
	const char *ns = json_str(o->json, "metadata.namespace", "");
	auto_via_object sandbox = { 0 };
	int rc;

	if (!is_claim(o))
		return pod_of_sandbox(v, o, o->json, ret, err);
	rc = get(v, VIA_SANDBOX, ns, sandbox_name(o->json), &sandbox, err);
	if (rc == -ENOENT || (!rc && !owns(o->json, sandbox.json, "SandboxClaim")))
		return no_pod(o, err);
	return rc < 0 ? rc : pod_of_sandbox(v, o, sandbox.json, ret, err);
}

int via_get(struct kube *k, const char *ns, const char *name, cJSON **ret, struct err *err)
{
	auto_via_object o = { 0 };
	struct via v;
	int rc = sandbox_get(k, ns, name, ret, err);

	if (rc != -ENOENT)
		return rc;
	via_init(&v, k);
	if (via_find(&v, ns, name, &o) < 0)
		return rc;
	rc = via_pod(&v, &o, ret, err);
	if (!rc)
		via_mark(*ret, &o);
	return rc;
}

/* --- when it ends ----------------------------------------------------------------------------- */

static const char *shutdown_path(const struct kind *kind)
{
	return !strcmp(kind->kind, "SandboxClaim") ? "spec.lifecycle" : "spec";
}

int64_t via_shutdown(const struct via_object *o)
{
	const cJSON *in = json_at(o->json, shutdown_path(o->kind));
	int64_t ms;

	return rfc3339_parse(json_str(in, "shutdownTime", ""), &ms) < 0 ? 0 : ms;
}

static void put(cJSON *object, const char *in, const char *name, const char *value)
{
	auto_free char *path = xprintf("%s.%s", in, name);

	/* null, in a patch, is what takes it away */
	json_set(object, path, value ? cJSON_CreateString(value) : cJSON_CreateNull());
}

void via_put_shutdown(const struct kind *kind, cJSON *object, int64_t wall_ms)
{
	const char *in = shutdown_path(kind);
	char text[32];

	if (wall_ms)
		rfc3339_print(wall_ms, text);
	put(object, in, "shutdownTime", wall_ms ? text : NULL);
	put(object, in, "shutdownPolicy", wall_ms ? "Delete" : NULL);
}

int via_set_shutdown(struct kube *k, const struct via_object *o, int64_t wall_ms, struct err *err)
{
	auto_json patch = cJSON_CreateObject();

	via_put_shutdown(o->kind, patch, wall_ms);
	return kind_patch(k, o->kind, o->json, patch, NULL, err);
}

/* --- for people --------------------------------------------------------------------------------- */

const char *via_by(const cJSON *pod)
{
	const cJSON *labels = json_at(pod, "metadata.labels");

	if (json_at(pod, "via") || json_member(labels, VIA_SELECTOR))
		return VIA_NAME;
	if (json_member(labels, LABEL_OTHER))
		return "opensandbox";
	if (life_is_ours(pod, true))
		return "kubectl-sbx";
	return json_member(labels, LABEL_MANAGED) ? "computesdk" : "";
}

void via_mark(cJSON *pod, const struct via_object *o)
{
	json_set_str(pod, "via.by", VIA_NAME);
	json_set_str(pod, "via.kind", o->kind->kind);
	json_set_str(pod, "via.name", json_str(o->json, "metadata.name", ""));
}
