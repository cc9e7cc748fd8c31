#include "plugin/tenantplan.h"

#include "common/base/base64.h"
#include "common/base/path.h"
#include "common/kube/json.h"
#include "plugin/lifetime.h"
#include "plugin/quantity.h"
#include "plugin/role.h"

#include <errno.h>

#define NAMESPACE_MAX 63

/* A container that says nothing gets these, or all of the quota where that is less. */
static const struct {
	const char *name, *request, *limit;
} defaults[] = {
	{ "cpu", "250m", "1" },
	{ "memory", "256Mi", "1Gi" },
};

static int check_amount(const char *flag, const char *text, struct err *err)
{
	double value;

	if (!text || (!quantity_parse(text, &value) && value > 0))
		return 0;
	return err_set(
		err, -EINVAL, "--%s wants an amount like 4 or 8Gi, not \"%.60s\"", flag, text);
}

int tenant_check(const struct tenant_wish *w, struct err *err)
{
	static const char *const levels[] = { "privileged", "baseline", "restricted" };
	bool known = false;
	int rc;

	if (!path_label_ok(w->name, NAMESPACE_MAX))
		return err_set(err, -EINVAL,
			"\"%.80s\" cannot be a tenant's name: 1 to %d small letters, digits and "
			"'-', "
			"not first or last a '-'",
			w->name, NAMESPACE_MAX);
	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++)
		known = known || !strcmp(w->pod_security, levels[i]);
	if (!known)
		return err_set(err, -EINVAL,
			"--pod-security is privileged, baseline or restricted, not \"%.60s\"",
			w->pod_security);
	rc = check_amount("cpu", w->cpu, err);
	if (!rc)
		rc = check_amount("memory", w->memory, err);
	if (!rc)
		rc = check_amount("limit-cpu", w->limit_cpu, err);
	return rc ? rc : check_amount("limit-memory", w->limit_memory, err);
}

static cJSON *begin(const struct tenant_wish *w, const struct kind *kind, const char *name)
{
	cJSON *o = kind_new(kind, kind == &kind_namespace ? NULL : w->name, name);
	char request[LIFE_REQUEST_LETTERS + 1];

	life_request(request);
	kind_label(o, LABEL_TENANT, w->name);
	kind_annotate(o, ANNOTATION_REQUEST, request);
	return o;
}

cJSON *tenant_namespace(const struct tenant_wish *w)
{
	cJSON *o = begin(w, &kind_namespace, w->name);

	kind_label(o, "pod-security.kubernetes.io/enforce", w->pod_security);
	kind_annotate_time(o, ANNOTATION_UNFINISHED, w->unfinished_ms);
	if (w->expires_ms)
		kind_annotate_time(o, ANNOTATION_EXPIRES, w->expires_ms);
	return o;
}

static void hard(cJSON *quota, const char *name, const char *amount)
{
	cJSON *spec = cJSON_GetObjectItem(quota, "spec");
	cJSON *all = cJSON_GetObjectItem(spec, "hard");

	if (amount)
		cJSON_AddStringToObject(all, name, amount);
}

/* Nothing of a tenant's may be reached from outside the cluster by itself: no such Services. */
static cJSON *quota(const struct tenant_wish *w)
{
	cJSON *o = begin(w, &kind_quota, TENANT_OBJECT);
	auto_free char *pods = xprintf("%lld", (long long)w->pods);

	json_set(o, "spec.hard", cJSON_CreateObject());
	hard(o, "requests.cpu", w->cpu);
	hard(o, "requests.memory", w->memory);
	hard(o, "limits.cpu", w->limit_cpu ? w->limit_cpu : w->cpu);
	hard(o, "limits.memory", w->limit_memory ? w->limit_memory : w->memory);
	hard(o, "pods", w->pods ? pods : NULL);
	hard(o, "services.loadbalancers", "0");
	hard(o, "services.nodeports", "0");
	return o;
}

static const char *less(const char *a, const char *b)
{
	double x, y;

	if (!b || quantity_parse(a, &x) < 0 || quantity_parse(b, &y) < 0)
		return a;
	return x <= y ? a : b;
}

static cJSON *limits(const struct tenant_wish *w)
{
	const char *request[] = { w->cpu, w->memory };
	const char *limit[] = { w->limit_cpu ? w->limit_cpu : w->cpu,
		w->limit_memory ? w->limit_memory : w->memory };
	cJSON *o = begin(w, &kind_limits, TENANT_OBJECT);
	cJSON *one = cJSON_CreateObject(), *all = cJSON_CreateArray();

	cJSON_AddStringToObject(one, "type", "Container");
	for (size_t i = 0; i < 2; i++) {
		auto_free char *low = xprintf("defaultRequest.%s", defaults[i].name);
		auto_free char *high = xprintf("default.%s", defaults[i].name);

		json_set_str(one, low, less(less(defaults[i].request, request[i]), limit[i]));
		json_set_str(one, high, less(defaults[i].limit, limit[i]));
	}
	cJSON_AddItemToArray(all, one);
	json_set(o, "spec.limits", all);
	return o;
}

/* Policies add up, so what a sandbox is to reach all the same is said by one of its own. */
static cJSON *policy(const struct tenant_wish *w)
{
	cJSON *o = begin(w, &kind_policy, TENANT_OBJECT);
	cJSON *types = cJSON_CreateArray();

	cJSON_AddItemToArray(types, cJSON_CreateString("Ingress"));
	if (!w->egress)
		cJSON_AddItemToArray(types, cJSON_CreateString("Egress"));
	json_set(o, "spec.podSelector", cJSON_CreateObject());
	json_set(o, "spec.policyTypes", types);
	return o;
}

static cJSON *account(const struct tenant_wish *w)
{
	cJSON *o = begin(w, &kind_account, TENANT_OBJECT);

	json_set(o, "automountServiceAccountToken", cJSON_CreateFalse());
	return o;
}

static cJSON *role(const struct tenant_wish *w)
{
	cJSON *o = begin(w, &kind_role, TENANT_OBJECT);

	json_set(o, "rules", role_rules());
	return o;
}

static cJSON *binding(const struct tenant_wish *w)
{
	cJSON *o = begin(w, &kind_binding, TENANT_OBJECT);
	cJSON *subject = cJSON_CreateObject(), *subjects = cJSON_CreateArray();

	json_set_str(o, "roleRef.apiGroup", "rbac.authorization.k8s.io");
	json_set_str(o, "roleRef.kind", "Role");
	json_set_str(o, "roleRef.name", TENANT_OBJECT);
	json_set_str(subject, "kind", "ServiceAccount");
	json_set_str(subject, "name", TENANT_OBJECT);
	json_set_str(subject, "namespace", w->name);
	cJSON_AddItemToArray(subjects, subject);
	json_set(o, "subjects", subjects);
	return o;
}

cJSON *tenant_part(const struct tenant_wish *w, size_t i, const struct kind **ret_kind)
{
	/* what closes it stands before what lets somebody in */
	static const struct {
		const struct kind *kind;
		cJSON *(*make)(const struct tenant_wish *w);
	} parts[TENANT_PARTS] = {
		{ &kind_policy, policy },
		{ &kind_quota, quota },
		{ &kind_limits, limits },
		{ &kind_account, account },
		{ &kind_role, role },
		{ &kind_binding, binding },
	};

	*ret_kind = parts[i].kind;
	return parts[i].make(w);
}

bool tenant_is(const cJSON *namespace)
{
	const char *name = json_str(namespace, "metadata.name", "-");

	return !strcmp(json_label(namespace, LABEL_TENANT, ""), name) &&
	       (life_is_ours(namespace, false) ||
		       json_annotation(namespace, ANNOTATION_ADOPTED, NULL));
}

/* --- its kubeconfig -------------------------------------------------------------------- */

static void add_named(
	cJSON *config, const char *list, const char *name, const char *member, cJSON *value)
{
	cJSON *one = cJSON_CreateObject(), *all = cJSON_CreateArray();

	cJSON_AddStringToObject(one, "name", name);
	cJSON_AddItemToObject(one, member, value);
	cJSON_AddItemToArray(all, one);
	cJSON_AddItemToObject(config, list, all);
}

static cJSON *cluster_of(const struct kube_target *t)
{
	cJSON *c = cJSON_CreateObject();
	auto_buf ca = BUF_INIT(16 * 1024 * 1024);

	cJSON_AddStringToObject(c, "server", t->server);
	if (t->ca_pem && !t->insecure) {
		base64_encode(t->ca_pem, strlen(t->ca_pem), &ca);
		cJSON_AddStringToObject(c, "certificate-authority-data", buf_text(&ca));
	}
	if (t->insecure)
		cJSON_AddTrueToObject(c, "insecure-skip-tls-verify");
	if (t->tls_server_name)
		cJSON_AddStringToObject(c, "tls-server-name", t->tls_server_name);
	if (t->proxy_url)
		cJSON_AddStringToObject(c, "proxy-url", t->proxy_url);
	return c;
}

cJSON *tenant_kubeconfig(const struct kube_target *t, const char *ns, const char *token)
{
	cJSON *config = cJSON_CreateObject();
	cJSON *user = cJSON_CreateObject(), *context = cJSON_CreateObject();

	cJSON_AddStringToObject(config, "apiVersion", "v1");
	cJSON_AddStringToObject(config, "kind", "Config");
	cJSON_AddStringToObject(config, "current-context", ns);
	cJSON_AddStringToObject(user, "token", token);
	cJSON_AddStringToObject(context, "cluster", ns);
	cJSON_AddStringToObject(context, "user", ns);
	cJSON_AddStringToObject(context, "namespace", ns);
	add_named(config, "clusters", ns, "cluster", cluster_of(t));
	add_named(config, "users", ns, "user", user);
	add_named(config, "contexts", ns, "context", context);
	return config;
}
