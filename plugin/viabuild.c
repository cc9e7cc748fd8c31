#include "plugin/viabuild.h"

#include "common/kube/json.h"
#include "plugin/lifetime.h"
#include "plugin/podjson.h"

#define POOL_TEMPLATE_LETTERS 50 /* of a template's name, in its pool's */

static void put_request(cJSON *object)
{
	char text[LIFE_REQUEST_LETTERS + 1];

	life_request(text);
	kind_annotate(object, ANNOTATION_REQUEST, text);
}

static void move(cJSON *to, cJSON *from, const char *name)
{
	cJSON *value = cJSON_DetachItemFromObjectCaseSensitive(from, name);

	if (value)
		cJSON_AddItemToObject(to, name, value);
}

cJSON *via_build_sandbox(const struct kind *kind, const cJSON *pod)
{
	cJSON *copy = cJSON_Duplicate(pod, true);
	cJSON *metadata = pj_object(copy, "metadata");
	cJSON *o = kind_new(kind, json_str(pod, "metadata.namespace", NULL),
		json_str(pod, "metadata.name", ""));
	cJSON *of_pod, *template;

	cJSON_AddItemToObject(pj_object(o, "metadata"), "labels",
		cJSON_Duplicate(pj_object(metadata, "labels"), true));
	move(pj_object(pj_object(o, "metadata"), "annotations"), pj_object(metadata, "annotations"),
		ANNOTATION_REQUEST);
	template = pj_object(pj_object(o, "spec"), "podTemplate");
	of_pod = pj_object(template, "metadata");
	move(of_pod, metadata, "labels");
	move(of_pod, metadata, "annotations");
	move(template, copy, "spec");
	cJSON_Delete(copy);
	return o;
}

static void put_pairs(cJSON *object, const char *prefix, const struct opt_list *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		const char *eq = strchr(pairs->items[i], '=');
		auto_free char *key =
			xprintf("%s%.*s", prefix, (int)(eq - pairs->items[i]), pairs->items[i]);

		pj_put_str(object, key, eq + 1);
	}
}

static void put_env(cJSON *spec, const struct opt_list *env)
{
	for (size_t i = 0; i < env->count; i++) {
		const char *eq = strchr(env->items[i], '=');
		auto_free char *name = xstrndup(env->items[i], (size_t)(eq - env->items[i]));

		pj_put_str(pj_named_anew(pj_array(spec, "env"), "name", name), "value", eq + 1);
	}
}

cJSON *via_build_claim(
	const struct kind *kind, const struct pod_wish *w, const char *template, const char *pool)
{
	char made_up[16];
	cJSON *o, *spec;

	pod_made_up_name(made_up);
	o = kind_new(kind, w->ns, w->name ? w->name : made_up);
	put_request(o);
	spec = pj_object(o, "spec");
	if (via_is_alpha(kind)) {
		json_set_str(spec, "sandboxTemplateRef.name", template);
		json_set_str(spec, "warmpool", pool);
	} else {
		json_set_str(spec, "warmPoolRef.name", pool);
	}
	if (w->o.labels.count)
		put_pairs(pj_object(pj_object(spec, "additionalPodMetadata"), "labels"), "",
			&w->o.labels);
	if (w->o.meta.count)
		put_pairs(pj_object(pj_object(spec, "additionalPodMetadata"), "annotations"),
			META_PREFIX, &w->o.meta);
	put_env(spec, &w->o.env);
	return o;
}

cJSON *via_build_pool(const struct kind *kind, const char *ns, const char *template)
{
	char letters[16];
	auto_free char *name = NULL;
	cJSON *o;

	pod_made_up_name(letters);
	name = xprintf("%.*s-%s", POOL_TEMPLATE_LETTERS, template, letters);
	o = kind_new(kind, ns, name);
	put_request(o);
	json_set(o, "spec.replicas", cJSON_CreateNumber(0));
	json_set_str(o, "spec.sandboxTemplateRef.name", template);
	return o;
}
