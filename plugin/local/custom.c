#include "plugin/local/custom.h"
#include "plugin/local/status.h"

static bool is_named(const struct resource *r, const char *name)
{
	size_t n = strlen(r->plural);

	return r->custom && !strncmp(name, r->plural, n) && name[n] == '.' &&
	       !strcmp(name + n + 1, r->group);
}

bool custom_served(struct store *st, const struct resource *r)
{
	auto_snap struct snap *s = NULL;
	auto_free char *name = NULL;
	const cJSON *versions, *version;

	if (!r->custom)
		return true;
	name = xprintf("%s.%s", r->plural, r->group);
	s = store_get(st, resource_named("customresourcedefinitions"), "", name);
	versions = s ? json_at(s->json, "spec.versions") : NULL;
	cJSON_ArrayForEach (version, versions)
		if (!strcmp(json_text_or(version, "name", ""), r->version) &&
			cJSON_IsTrue(json_at(version, "served")))
			return true;
	return false;
}

cJSON *custom_check(const cJSON *definition)
{
	const char *name = json_text_or(definition, "metadata.name", "");

	for (size_t i = 0; resource_nth(i); i++)
		if (is_named(resource_nth(i), name))
			return NULL;
	return status_make(422, "Invalid",
		"CustomResourceDefinition \"%s\" is invalid: metadata.name: this engine has no "
		"other custom "
		"resources than agent-sandbox's",
		name);
}

void custom_drop(struct store *st, const char *name)
{
	for (size_t i = 0; resource_nth(i); i++) {
		const struct resource *r = resource_nth(i);
		struct snap **all;
		size_t n;

		if (!is_named(r, name))
			continue;
		n = store_list(st, r, "", &all, NULL);
		for (size_t k = 0; k < n; k++)
			store_delete(st, r, all[k]->ns, all[k]->name, all[k]->uid, NULL);
		snaps_free(all, n);
	}
}
