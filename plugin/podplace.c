#include "common/kube/json.h"
#include "plugin/podjson.h"
#include "plugin/podparts.h"

#include <errno.h>

static const char *const effects[] = { "NoSchedule", "PreferNoSchedule", "NoExecute" };

static bool effect_ok(const char *text)
{
	for (size_t i = 0; i < sizeof(effects) / sizeof(*effects); i++)
		if (!strcmp(text, effects[i]))
			return true;
	return false;
}

int toleration_parse(const char *text, cJSON **ret, struct err *err)
{
	const char *colon = strrchr(text, ':'), *eq = strchr(text, '=');
	size_t whole = colon ? (size_t)(colon - text) : strlen(text);
	size_t n = eq && (size_t)(eq - text) < whole ? (size_t)(eq - text) : whole;
	auto_free char *key = xstrndup(text, n);
	auto_free char *value = n < whole ? xstrndup(eq + 1, whole - n - 1) : NULL;
	cJSON *one;

	if (!n || strchr(key, ' ') || (colon && !effect_ok(colon + 1)))
		return err_set(err, -EINVAL,
			"--toleration wants KEY[=VALUE][:NoSchedule|PreferNoSchedule|NoExecute], "
			"or * "
			"for every taint, not \"%.60s\"",
			text);
	one = cJSON_CreateObject();
	if (strcmp(key, "*") != 0)
		pj_put_str(one, "key", key);
	pj_put_str(one, "operator", value ? "Equal" : "Exists");
	if (value)
		pj_put_str(one, "value", value);
	if (colon)
		pj_put_str(one, "effect", colon + 1);
	*ret = one;
	return 0;
}

static void set_tolerations(const struct pod_wish *w, cJSON *spec)
{
	for (size_t i = 0; i < w->o.tolerations.count; i++) {
		cJSON *one;

		if (!toleration_parse(w->o.tolerations.items[i], &one, NULL))
			cJSON_AddItemToArray(pj_array(spec, "tolerations"), one);
	}
}

static void set_node_selector(const struct pod_wish *w, cJSON *spec)
{
	for (size_t i = 0; i < w->o.node_selector.count; i++) {
		const char *text = w->o.node_selector.items[i], *eq = strchr(text, '=');
		auto_free char *key = xstrndup(text, (size_t)(eq - text));

		pj_put_str(pj_object(spec, "nodeSelector"), key, eq + 1);
	}
}

static void set_pull_secrets(const struct pod_wish *w, cJSON *spec)
{
	for (size_t i = 0; i < w->o.pull_secrets.count; i++)
		pj_named_anew(
			pj_array(spec, "imagePullSecrets"), "name", w->o.pull_secrets.items[i]);
}

void pod_place(const struct pod_wish *w, cJSON *spec)
{
	pj_settle(spec, "runtimeClassName", w->o.runtime_class, NULL);
	set_node_selector(w, spec);
	set_tolerations(w, spec);
	set_pull_secrets(w, spec);
}
