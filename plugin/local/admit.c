#include "plugin/local/admit.h"
#include "plugin/local/engine.h"
#include "plugin/local/podspec.h"
#include "plugin/local/podstatus.h"
#include "plugin/local/status.h"

#include <unistd.h>

#define LEVEL_LABEL "pod-security.kubernetes.io/enforce"

static const cJSON *item(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

__attribute__((format(printf, 2, 3))) static cJSON *forbid(const cJSON *pod, const char *fmt, ...)
{
	const char *name = json_text_or(pod, "metadata.name", "");
	auto_buf text = BUF_INIT(4096);
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	return status_of(
		status_make(403, NULL, "pods \"%s\" is forbidden: %s", name, buf_text(&text)),
		"pods", name);
}

/* --- quota ------------------------------------------------------------------------------------- */

/* "requests.cpu" -> of all containers; "pods" -> 1 thousand; in thousandths. */
static int64_t asked(const cJSON *pod, const char *what)
{
	bool limit = !strncmp(what, "limits.", 7);
	const char *name = limit ? what + 7 : !strncmp(what, "requests.", 9) ? what + 9 : what;
	auto_free char *path = xprintf("resources.%s", limit ? "limits" : "requests");
	const cJSON *c;
	int64_t sum = 0, one;

	if (!strcmp(what, "pods") || !strcmp(what, "count/pods"))
		return 1000;
	cJSON_ArrayForEach (c, json_at(pod, "spec.containers")) {
		const char *text = cJSON_GetStringValue(item(json_at(c, path), name));

		if (text && quantity_parse_milli(text, &one) == 0)
			sum += one;
	}
	return sum;
}

static int64_t used(struct store *st, const char *ns, const char *what)
{
	struct snap **all;
	size_t n = store_list(st, resource_named("pods"), ns, &all, NULL);
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		if (!podstatus_is_over(all[i]->json))
			sum += asked(all[i]->json, what);
	snaps_free(all, n);
	return sum;
}

static void print_milli(int64_t milli, char ret[static 32])
{
	if (milli % 1000)
		snprintf(ret, 32, "%lldm", (long long)milli);
	else
		snprintf(ret, 32, "%lld", (long long)milli / 1000);
}

static cJSON *check_quota(
	struct store *st, const char *ns, const char *name, const cJSON *hard, const cJSON *pod)
{
	const cJSON *one;

	cJSON_ArrayForEach (one, hard) {
		auto_free char *number = cJSON_IsNumber(one) ? cJSON_PrintUnformatted(one) : NULL;
		const char *text = number ? number : cJSON_GetStringValue(one);
		int64_t most, now, more = asked(pod, one->string);
		char a[32], b[32];

		if (!text || quantity_parse_milli(text, &most) < 0)
			continue;
		now = used(st, ns, one->string);
		if (!more || now + more <= most)
			continue;
		print_milli(more, a);
		print_milli(now, b);
		return forbid(pod,
			"exceeded quota: %s, requested: %s=%s, used: %s=%s, limited: %s=%s", name,
			one->string, a, one->string, b, one->string, text);
	}
	return NULL;
}

static cJSON *check_quotas(struct store *st, const char *ns, const cJSON *pod)
{
	struct snap **all;
	size_t n = store_list(st, resource_named("resourcequotas"), ns, &all, NULL);
	cJSON *wrong = NULL;

	for (size_t i = 0; i < n && !wrong; i++)
		wrong = check_quota(st, ns, all[i]->name, json_at(all[i]->json, "spec.hard"), pod);
	snaps_free(all, n);
	return wrong;
}

/* --- Pod Security ----------------------------------------------------------------------------------- */

static bool listed(const cJSON *list, const char *word)
{
	const cJSON *one;

	cJSON_ArrayForEach (one, list)
		if (cJSON_IsString(one) && !strcmp(one->valuestring, word))
			return true;
	return false;
}

static bool adds_beyond(const cJSON *security, bool restricted)
{
	static const char *const baseline[] = { "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER",
		"FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP",
		"SETUID", "SYS_CHROOT" };
	const cJSON *one;

	cJSON_ArrayForEach (one, json_at(security, "capabilities.add")) {
		const char *name = cJSON_GetStringValue(one);
		bool fine = name && !strcmp(name, "NET_BIND_SERVICE");

		for (size_t i = 0; name && !restricted && i < sizeof(baseline) / sizeof(*baseline);
			i++)
			fine = fine || !strcmp(name, baseline[i]);
		if (!fine)
			return true;
	}
	return false;
}

/* A container's own word, else the Pod's. */
static const cJSON *security(const cJSON *pod, const cJSON *c, const char *path)
{
	const cJSON *own = json_at(item(c, "securityContext"), path);

	return own ? own : json_at(json_at(pod, "spec.securityContext"), path);
}

static const char *baseline_fault(const cJSON *c)
{
	if (json_is_true(c, "securityContext.privileged"))
		return "privileged (container \"%s\" must not set securityContext.privileged=true)";
	return adds_beyond(item(c, "securityContext"), false)
		       ? "non-default capabilities (container \"%s\" must not include them in "
			 "securityContext.capabilities.add)"
		       : NULL;
}

static const char *restricted_fault(const cJSON *pod, const cJSON *c)
{
	const cJSON *seccomp = security(pod, c, "seccompProfile.type");
	const cJSON *uid = security(pod, c, "runAsUser");
	const cJSON *escalation = json_at(c, "securityContext.allowPrivilegeEscalation");

	if (!cJSON_IsFalse(escalation))
		return "allowPrivilegeEscalation != false (container \"%s\" must set "
		       "securityContext.allowPrivilegeEscalation=false)";
	if (!listed(json_at(c, "securityContext.capabilities.drop"), "ALL") ||
		adds_beyond(item(c, "securityContext"), true))
		return "unrestricted capabilities (container \"%s\" must set "
		       "securityContext.capabilities.drop=[\"ALL\"])";
	if (!cJSON_IsTrue(security(pod, c, "runAsNonRoot")))
		return "runAsNonRoot != true (pod or container \"%s\" must set "
		       "securityContext.runAsNonRoot=true)";
	if (cJSON_IsNumber(uid) && uid->valuedouble == 0)
		return "runAsUser=0 (pod or container \"%s\" must not set runAsUser=0)";
	if (!cJSON_IsString(seccomp) || !strcmp(seccomp->valuestring, "Unconfined"))
		return "seccompProfile (pod or container \"%s\" must set "
		       "securityContext.seccompProfile.type to \"RuntimeDefault\" or "
		       "\"Localhost\")";
	return NULL;
}

static cJSON *check_security(const cJSON *pod, const char *level)
{
	static const char *const lists[] = { "spec.initContainers", "spec.containers" };
	const cJSON *c, *v;

	if (strcmp(level, "baseline") != 0 && strcmp(level, "restricted") != 0)
		return NULL;
	cJSON_ArrayForEach (v, json_at(pod, "spec.volumes"))
		if (item(v, "hostPath"))
			return forbid(pod,
				"violates PodSecurity \"%s:latest\": hostPath volumes (volume "
				"\"%s\")",
				level, json_text_or(v, "name", ""));
	for (int i = 0; i < 2; i++) {
		cJSON_ArrayForEach (c, json_at(pod, lists[i])) {
			const char *fault = baseline_fault(c), *at;

			if (!fault && !strcmp(level, "restricted"))
				fault = restricted_fault(pod, c);
			if (!fault)
				continue;
			at = strstr(fault, "%s");
			return forbid(pod, "violates PodSecurity \"%s:latest\": %.*s%s%s", level,
				(int)(at - fault), fault, json_text_or(c, "name", ""), at + 2);
		}
	}
	return NULL;
}

static cJSON *check_level(struct store *st, const char *ns, const cJSON *pod)
{
	auto_snap struct snap *s = store_get(st, resource_named("namespaces"), "", ns);
	const char *level =
		s ? cJSON_GetStringValue(item(json_at(s->json, "metadata.labels"), LEVEL_LABEL))
		  : NULL;

	return level ? check_security(pod, level) : NULL;
}

/* --- what it names ---------------------------------------------------------------------------------- */

static cJSON *check_names(struct store *st, const char *ns, const cJSON *pod)
{
	const char *account = json_text_or(pod, "spec.serviceAccountName", "default");
	const char *class = json_text(pod, "spec.runtimeClassName");
	auto_snap struct snap *a = store_get(st, resource_named("serviceaccounts"), ns, account);
	auto_snap struct snap *c =
		class ? store_get(st, resource_named("runtimeclasses"), "", class) : NULL;

	if (!a)
		return forbid(pod,
			"error looking up service account %s/%s: serviceaccount \"%s\" not found",
			ns, account, account);
	if (class && !c)
		return forbid(pod, "pod rejected: RuntimeClass \"%s\" not found", class);
	return NULL;
}

cJSON *admit_pod(struct store *st, const char *ns, const cJSON *pod)
{
	cJSON *wrong = check_names(st, ns, pod);

	if (!wrong)
		wrong = check_level(st, ns, pod);
	return wrong ? wrong : check_quotas(st, ns, pod);
}

/* --- the node --------------------------------------------------------------------------------------- */

static bool selects(const cJSON *selector, const cJSON *labels)
{
	const cJSON *one;

	cJSON_ArrayForEach (one, selector) {
		const char *want = cJSON_GetStringValue(one);
		const char *have = cJSON_GetStringValue(item(labels, one->string));

		if (!want || !have || strcmp(want, have) != 0)
			return false;
	}
	return true;
}

/* By what the machine has, not by what is free of it: here Pods share, as processes do. */
char *admit_misfit(struct store *st, const cJSON *pod)
{
	auto_snap struct snap *node = store_get(st, resource_named("nodes"), "", NODE_NAME);
	int64_t cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int64_t bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
	const cJSON *labels = node ? json_at(node->json, "metadata.labels") : NULL;

	if (!selects(json_at(pod, "spec.nodeSelector"), labels))
		return xstrdup("0/1 nodes are available: 1 node(s) didn't match Pod's node "
			       "affinity/selector.");
	if (asked(pod, "cpu") > cpus * 1000)
		return xstrdup("0/1 nodes are available: 1 Insufficient cpu.");
	if (asked(pod, "memory") / 1000 > bytes)
		return xstrdup("0/1 nodes are available: 1 Insufficient memory.");
	return NULL;
}
