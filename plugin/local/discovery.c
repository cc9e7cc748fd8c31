#include "plugin/local/discovery.h"
#include "plugin/local/custom.h"
#include "plugin/local/resource.h"

static cJSON *version(struct store *st)
{
	cJSON *v = cJSON_CreateObject();

	json_put_text(v, "major", "1");
	json_put_text(v, "minor", "32");
	json_put_text(v, "gitVersion", SERVED_VERSION);
	json_put_text(v, "gitCommit", "");
	json_put_text(v, "gitTreeState", "clean");
	json_put_text(v, "buildDate", "1970-01-01T00:00:00Z");
	json_put_text(v, "goVersion", "none");
	json_put_text(v, "compiler", "cc");
	json_put_text(v, "platform", "linux/amd64");
	return v;
}

static cJSON *api_versions(struct store *st)
{
	cJSON *v = cJSON_CreateObject();

	json_put_text(v, "kind", "APIVersions");
	cJSON_AddItemToArray(json_array_at(v, "versions"), cJSON_CreateString("v1"));
	json_array_at(v, "serverAddressByClientCIDRs");
	return v;
}

static cJSON *group_of(const char *name, const char *ver)
{
	cJSON *g = cJSON_CreateObject(), *one = cJSON_CreateObject();
	auto_free char *both = xprintf("%s/%s", name, ver);

	json_put_text(g, "name", name);
	json_put_text(one, "groupVersion", both);
	json_put_text(one, "version", ver);
	cJSON_AddItemToArray(json_array_at(g, "versions"), cJSON_Duplicate(one, true));
	json_put(g, "preferredVersion", one);
	return g;
}

static const struct {
	const char *group;
	const char *version;
} review_groups[] = { { "authorization.k8s.io", "v1" }, { "authentication.k8s.io", "v1" } };

static cJSON *groups(struct store *st)
{
	cJSON *v = cJSON_CreateObject(), *list;
	const char *last = "";

	json_put_text(v, "kind", "APIGroupList");
	json_put_text(v, "apiVersion", "v1");
	list = json_array_at(v, "groups");
	for (size_t i = 0; resource_nth(i); i++) {
		const struct resource *r = resource_nth(i);

		if (strcmp(r->group, last) != 0 && custom_served(st, r))
			cJSON_AddItemToArray(list, group_of(r->group, r->version));
		if (custom_served(st, r))
			last = r->group;
	}
	for (size_t i = 0; i < 2; i++)
		cJSON_AddItemToArray(
			list, group_of(review_groups[i].group, review_groups[i].version));
	return v;
}

/* NULL: none of that name is served. */
static cJSON *group_named(struct store *st, const char *name)
{
	auto_json cJSON *all = groups(st);
	cJSON *g;

	cJSON_ArrayForEach (g, cJSON_GetObjectItemCaseSensitive(all, "groups")) {
		if (strcmp(json_text_or(g, "name", ""), name) != 0)
			continue;
		g = cJSON_Duplicate(g, true);
		json_put_text(g, "kind", "APIGroup");
		json_put_text(g, "apiVersion", "v1");
		return g;
	}
	return NULL;
}

static cJSON *words(const char *const *list)
{
	cJSON *a = cJSON_CreateArray();

	for (; *list; list++)
		cJSON_AddItemToArray(a, cJSON_CreateString(*list));
	return a;
}

static cJSON *entry(const char *name, const char *kind, bool namespaced, const char *const *verbs)
{
	cJSON *e = cJSON_CreateObject();

	json_put_text(e, "name", name);
	json_put_text(e, "singularName", "");
	json_put_bool(e, "namespaced", namespaced);
	json_put_text(e, "kind", kind);
	json_put(e, "verbs", words(verbs));
	return e;
}

static const char *const all_verbs[] = { "create", "delete", "deletecollection", "get", "list",
	"patch", "update", "watch", NULL };
static const char *const stream_verbs[] = { "create", "get", NULL };
static const char *const get_verbs[] = { "get", NULL };
static const char *const create_verbs[] = { "create", NULL };

static cJSON *resource_entry(const struct resource *r)
{
	cJSON *e = entry(r->plural, r->kind, r->namespaced, all_verbs);
	auto_free char *singular = xstrdup(r->kind);

	for (char *c = singular; *c; c++)
		*c |= 0x20;
	json_put_text(e, "singularName", singular);
	if (r->short_name)
		cJSON_AddItemToArray(
			json_array_at(e, "shortNames"), cJSON_CreateString(r->short_name));
	if (!strcmp(r->plural, "pods") || !strcmp(r->plural, "services") ||
		!strcmp(r->plural, "jobs") || !strcmp(r->plural, "cronjobs"))
		cJSON_AddItemToArray(json_array_at(e, "categories"), cJSON_CreateString("all"));
	return e;
}

static void put_subresources(cJSON *list)
{
	cJSON_AddItemToArray(list, entry("pods/exec", "PodExecOptions", true, stream_verbs));
	cJSON_AddItemToArray(list, entry("pods/attach", "PodAttachOptions", true, stream_verbs));
	cJSON_AddItemToArray(
		list, entry("pods/portforward", "PodPortForwardOptions", true, stream_verbs));
	cJSON_AddItemToArray(list, entry("pods/log", "Pod", true, get_verbs));
}

static void put_reviews(cJSON *list, const char *group)
{
	static const char *const plurals[] = { "selfsubjectaccessreviews",
		"selfsubjectrulesreviews", "selfsubjectreviews" };
	static const char *const kinds[] = { "SelfSubjectAccessReview", "SelfSubjectRulesReview",
		"SelfSubjectReview" };

	for (int i = 0; i < 3; i++)
		if (!strcmp(group, i < 2 ? "authorization.k8s.io" : "authentication.k8s.io"))
			cJSON_AddItemToArray(
				list, entry(plurals[i], kinds[i], false, create_verbs));
}

static cJSON *resources_of(struct store *st, const char *group, const char *ver)
{
	cJSON *v = cJSON_CreateObject(), *list;
	auto_free char *both = xprintf("%s%s%s", group, *group ? "/" : "", ver);

	json_put_text(v, "kind", "APIResourceList");
	json_put_text(v, "apiVersion", "v1");
	json_put_text(v, "groupVersion", both);
	list = json_array_at(v, "resources");
	for (size_t i = 0; resource_nth(i); i++)
		if (!strcmp(resource_nth(i)->group, group) &&
			!strcmp(resource_nth(i)->version, ver) &&
			custom_served(st, resource_nth(i)))
			cJSON_AddItemToArray(list, resource_entry(resource_nth(i)));
	if (!*group)
		put_subresources(list);
	put_reviews(list, group);
	if (cJSON_GetArraySize(list))
		return v;
	cJSON_Delete(v);
	return NULL;
}

static cJSON *openapi_index(struct store *st)
{
	cJSON *v = cJSON_CreateObject(), *paths = json_object_at(v, "paths");

	for (size_t i = 0; resource_nth(i); i++) {
		const struct resource *r = resource_nth(i);
		auto_free char *path = xprintf("%s%s%s/%s", *r->group ? "apis" : "api",
			*r->group ? "/" : "", r->group, r->version);
		auto_free char *url = xprintf("/openapi/v3/%s", path);

		if (!custom_served(st, r))
			continue;
		json_put_text(json_object_at(paths, path), "serverRelativeURL", url);
	}
	return v;
}

static void add_parameter(cJSON *list, const char *name)
{
	cJSON *p = cJSON_CreateObject();

	json_put_text(p, "name", name);
	json_put_text(p, "in", "query");
	json_put_text(json_object_at(p, "schema"), "type", "string");
	cJSON_AddItemToArray(list, p);
}

/* Enough for kubectl to see that PATCH of this kind takes fieldValidation and dryRun. */
static void put_operation(cJSON *paths, const struct resource *r)
{
	auto_free char *path = xprintf("/%s%s%s/%s/%s%s/{name}", *r->group ? "apis" : "api",
		*r->group ? "/" : "", r->group, r->version,
		r->namespaced ? "namespaces/{namespace}/" : "", r->plural);
	cJSON *patch = json_object_at(json_object_at(paths, path), "patch");
	cJSON *gvk = json_object_at(patch, "x-kubernetes-group-version-kind");
	cJSON *parameters = json_array_at(patch, "parameters");

	json_put_text(patch, "x-kubernetes-action", "patch");
	json_put_text(gvk, "group", r->group);
	json_put_text(gvk, "version", r->version);
	json_put_text(gvk, "kind", r->kind);
	add_parameter(parameters, "dryRun");
	add_parameter(parameters, "fieldValidation");
	json_put_text(
		json_object_at(json_object_at(patch, "responses"), "200"), "description", "OK");
}

static cJSON *openapi_of(struct store *st, const char *group, const char *ver)
{
	cJSON *v = cJSON_CreateObject(), *info, *paths;

	json_put_text(v, "openapi", "3.0.0");
	info = json_object_at(v, "info");
	json_put_text(info, "title", "sbx-local");
	json_put_text(info, "version", SERVED_VERSION);
	paths = json_object_at(v, "paths");
	for (size_t i = 0; resource_nth(i); i++)
		if (!strcmp(resource_nth(i)->group, group) &&
			!strcmp(resource_nth(i)->version, ver))
			put_operation(paths, resource_nth(i));
	return v;
}

/* "G/V" in rest, at most 100 bytes each: made into the document by make. */
static cJSON *of_group_version(struct store *st, const char *rest,
	cJSON *make(struct store *st, const char *group, const char *ver))
{
	const char *slash = strchr(rest, '/');
	auto_free char *group = NULL;

	if (!slash || slash - rest > 100 || strchr(slash + 1, '/'))
		return NULL;
	group = xstrndup(rest, (size_t)(slash - rest));
	return make(st, group, slash + 1);
}

static const struct {
	const char *path;
	cJSON *(*make)(struct store *st);
} fixed[] = {
	{ "/version", version },
	{ "/api", api_versions },
	{ "/apis", groups },
	{ "/openapi/v3", openapi_index },
};

/* What is behind that prefix, or NULL. */
static const char *behind(const char *path, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(path, prefix, n) ? NULL : path + n;
}

cJSON *discovery_answer(struct store *st, const char *path)
{
	const char *rest;

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (!strcmp(path, fixed[i].path))
			return fixed[i].make(st);
	if (!strcmp(path, "/api/v1"))
		return resources_of(st, "", "v1");
	if (!strcmp(path, "/openapi/v3/api/v1"))
		return openapi_of(st, "", "v1");
	rest = behind(path, "/apis/");
	if (rest)
		return strchr(rest, '/') ? of_group_version(st, rest, resources_of)
					 : group_named(st, rest);
	rest = behind(path, "/openapi/v3/apis/");
	return rest ? of_group_version(st, rest, openapi_of) : NULL;
}
