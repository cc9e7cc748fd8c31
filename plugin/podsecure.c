#include "common/kube/json.h"
#include "plugin/podjson.h"
#include "plugin/podparts.h"
#include "plugin/wish.h"

#include <strings.h>

#define CAPABILITIES_DEFAULT "default" /* those that the container runtime gives */

static void set_user(const struct pod_wish *w, cJSON *security)
{
	int64_t uid, gid;

	if (!w->o.user || wish_user(w->o.user, &uid, &gid, NULL) < 0)
		return;
	pj_put(security, "runAsUser", cJSON_CreateNumber((double)uid));
	if (gid >= 0)
		pj_put(security, "runAsGroup", cJSON_CreateNumber((double)gid));
}

static bool listed(const cJSON *list, const char *name)
{
	const cJSON *one;

	cJSON_ArrayForEach (one, list)
		if (cJSON_IsString(one) && !strcmp(one->valuestring, name))
			return true;
	return false;
}

static bool wants_defaults(const struct pod_wish *w)
{
	for (size_t i = 0; i < w->o.capabilities.count; i++)
		if (!strcasecmp(w->o.capabilities.items[i], CAPABILITIES_DEFAULT))
			return true;
	return false;
}

static void set_capabilities(const struct pod_wish *w, cJSON *security)
{
	bool said = pj_has(security, "capabilities");
	cJSON *add;

	if (wants_defaults(w) && json_at(security, "capabilities.drop"))
		cJSON_DeleteItemFromObjectCaseSensitive(
			pj_object(security, "capabilities"), "drop");
	if (!said && !wants_defaults(w) && !json_bool(security, "privileged", false))
		cJSON_AddItemToArray(pj_array(pj_object(security, "capabilities"), "drop"),
			cJSON_CreateString("ALL"));
	for (size_t i = 0; i < w->o.capabilities.count; i++) {
		char name[WISH_CAPABILITY_MAX + 1];

		if (!strcasecmp(w->o.capabilities.items[i], CAPABILITIES_DEFAULT) ||
			wish_capability(w->o.capabilities.items[i], name, NULL) < 0)
			continue;
		add = pj_array(pj_object(security, "capabilities"), "add");
		if (!listed(add, name))
			cJSON_AddItemToArray(add, cJSON_CreateString(name));
	}
}

/* The API refuses "no escalation" beside these two. */
static bool must_escalate(const cJSON *security)
{
	const cJSON *add = json_at(security, "capabilities.add");

	return json_bool(security, "privileged", false) || listed(add, "SYS_ADMIN") ||
	       listed(add, "CAP_SYS_ADMIN") || listed(add, "ALL");
}

static void settle_seccomp(cJSON *spec, const cJSON *security)
{
	cJSON *of_pod = pj_object(spec, "securityContext");

	if (pj_has(of_pod, "seccompProfile") || pj_has(security, "seccompProfile") ||
		json_bool(security, "privileged", false))
		return;
	pj_put_str(pj_object(of_pod, "seccompProfile"), "type", "RuntimeDefault");
}

static void set_maybe(cJSON *object, const char *name, enum opt_maybe wish)
{
	if (wish != OPT_UNSAID)
		pj_put(object, name, cJSON_CreateBool(wish == OPT_YES));
}

void pod_secure(const struct pod_wish *w, cJSON *spec, cJSON *container)
{
	cJSON *security = pj_object(container, "securityContext");

	set_user(w, security);
	set_maybe(security, "runAsNonRoot", w->o.non_root);
	set_maybe(security, "readOnlyRootFilesystem", w->o.read_only);
	set_capabilities(w, security);
	if (!must_escalate(security))
		pj_settle_bool(security, "allowPrivilegeEscalation", false);
	settle_seccomp(spec, security);
	pj_settle_bool(spec, "automountServiceAccountToken", false);
	pj_settle_bool(spec, "enableServiceLinks", false);
	pj_settle(spec, "serviceAccountName", w->o.service_account, NULL);
	if (w->o.service_account)
		cJSON_DeleteItemFromObjectCaseSensitive(spec, "serviceAccount");
}
