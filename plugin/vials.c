#include "plugin/vials.h"

#include "common/base/clock.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "plugin/cli.h"

#include <errno.h>

/* What there is, each an array or NULL. */
struct there {
	const struct kind *sandbox, *claim; /* NULL: not installed */
	cJSON *sandboxes, *claims, *pods;   /* Lists */
};

static void there_fini(struct there *t)
{
	cJSON_Delete(t->sandboxes);
	cJSON_Delete(t->claims);
	cJSON_Delete(t->pods);
}

static cJSON *list(struct via *v, const struct kind *kind, const char *ns, const char *selector)
{
	struct err unheard = { 0 };
	cJSON *ret = NULL;

	return kind && !kind_list(v->k, kind, ns, selector, &ret, &unheard) ? ret : NULL;
}

static const char *uid_of(const cJSON *object)
{
	return json_str(object, "metadata.uid", "-");
}

static bool has_owner(const cJSON *object, const char *uid)
{
	const cJSON *ref;

	cJSON_ArrayForEach (ref, json_at(object, "metadata.ownerReferences"))
		if (!strcmp(json_str(ref, "uid", ""), uid))
			return true;
	return false;
}

static bool is_spare(const cJSON *sandbox)
{
	const cJSON *ref;

	cJSON_ArrayForEach (ref, json_at(sandbox, "metadata.ownerReferences"))
		if (!strcmp(json_str(ref, "kind", ""), "SandboxWarmPool"))
			return true;
	return false;
}

static const cJSON *owned_by(const cJSON *items, const cJSON *owner)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, items)
		if (has_owner(item, uid_of(owner)))
			return item;
	return NULL;
}

/* The claim that it belongs to, or NULL. */
static const cJSON *claim_of(const struct there *t, const cJSON *sandbox)
{
	const cJSON *claim;

	cJSON_ArrayForEach (claim, json_at(t->claims, "items"))
		if (has_owner(sandbox, uid_of(claim)))
			return claim;
	return NULL;
}

/* --- in the place of a Pod ------------------------------------------------------------------ */

static void copy(cJSON *to, const cJSON *from, const char *path)
{
	const cJSON *value = json_at(from, path);

	if (value)
		json_set(to, path, cJSON_Duplicate(value, true));
}

static cJSON *made_up(const struct via_object *o)
{
	cJSON *pod = cJSON_CreateObject(), *spec = NULL;
	const cJSON *template = json_at(o->json, "spec.podTemplate.spec"), *c;

	copy(pod, o->json, "metadata.name");
	copy(pod, o->json, "metadata.namespace");
	copy(pod, o->json, "metadata.uid");
	copy(pod, o->json, "metadata.creationTimestamp");
	copy(pod, o->json, "metadata.deletionTimestamp");
	if (json_at(template, "containers[0].name")) {
		json_set(pod, "spec", cJSON_Duplicate(template, true));
	} else {
		spec = cJSON_Parse("{\"containers\":[{\"name\":\"" SANDBOX_CONTAINER "\"}]}");
		json_set(pod, "spec", spec);
	}
	json_set_str(pod, "status.phase", "Pending");
	cJSON_ArrayForEach (c, json_at(o->json, "status.conditions"))
		if (!strcmp(json_str(c, "type", ""), "Ready") &&
			strcmp(json_str(c, "status", ""), "True") != 0)
			json_set_str(pod, "status.reason", json_str(c, "reason", ""));
	return pod;
}

static cJSON *as_document(const struct via_object *o)
{
	cJSON *copy = cJSON_Duplicate(o->json, true);

	json_set_str(copy, "apiVersion", o->kind->api_version);
	json_set_str(copy, "kind", o->kind->kind);
	return copy;
}

static const cJSON *by_uid(const cJSON *items, const char *uid)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, items)
		if (!strcmp(uid_of(item), uid))
			return item;
	return NULL;
}

/* One that is labelled as managed, too, is there already. */
static void add(const struct via_object *o, const cJSON *pod, bool documents, cJSON *items)
{
	cJSON *item = pod ? (cJSON *)by_uid(items, uid_of(pod)) : NULL;

	if (item) {
		via_mark(item, o);
		return;
	}
	if (pod)
		item = cJSON_Duplicate(pod, true);
	else
		item = documents ? as_document(o) : made_up(o);
	if (pod || !documents)
		via_mark(item, o);
	cJSON_AddItemToArray(items, item);
}

void via_add_pods(struct via *v, const char *ns, bool documents, cJSON *items)
{
	struct there t auto_with(there_fini) = { .sandbox = via_kind(v, VIA_SANDBOX) };
	const cJSON *item;

	t.sandboxes = list(v, t.sandbox, ns, NULL);
	if (!t.sandboxes)
		return;
	t.claim = via_kind(v, VIA_CLAIM);
	t.claims = list(v, t.claim, ns, NULL);
	if (json_at(t.sandboxes, "items[0]"))
		t.pods = list(v, &kind_pod, ns, VIA_SELECTOR);
	cJSON_ArrayForEach (item, json_at(t.sandboxes, "items")) {
		const cJSON *claim = claim_of(&t, item);
		struct via_object o = { claim ? t.claim : t.sandbox,
			(cJSON *)(claim ? claim : item) };

		if (!is_spare(item))
			add(&o, owned_by(json_at(t.pods, "items"), item), documents, items);
	}
	cJSON_ArrayForEach (item, json_at(t.claims, "items")) {
		struct via_object o = { t.claim, (cJSON *)item };

		if (!owned_by(json_at(t.sandboxes, "items"), item))
			add(&o, NULL, documents, items);
	}
}

/* --- as what they are -------------------------------------------------------------------------- */

static char *status_of(enum via_what what, const cJSON *object)
{
	const cJSON *c;

	if (what == VIA_POOL)
		return xprintf("%d/%d ready", json_int(object, "status.readyReplicas", 0),
			json_int(object, "spec.replicas", 1));
	cJSON_ArrayForEach (c, json_at(object, "status.conditions"))
		if (!strcmp(json_str(c, "type", ""), "Ready"))
			return xstrdup(!strcmp(json_str(c, "status", ""), "True")
					       ? "Ready"
					       : json_str(c, "reason", "NotReady"));
	return xstrdup("");
}

static const char *detail_of(enum via_what what, const cJSON *object)
{
	const char *image = json_str(object, "spec.podTemplate.spec.containers[0].image", "");

	if (what == VIA_CLAIM)
		return json_str(object, "spec.warmPoolRef.name",
			json_str(object, "spec.sandboxTemplateRef.name", ""));
	return what == VIA_POOL ? json_str(object, "spec.sandboxTemplateRef.name", "") : image;
}

static void add_row(struct table *t, const struct kind *kind, enum via_what what,
	const cJSON *object, bool namespaces)
{
	auto_free char *status = status_of(what, object);
	int64_t created_ms = 0;
	char age[24] = "";

	if (!rfc3339_parse(json_str(object, "metadata.creationTimestamp", ""), &created_ms))
		age_print(clock_wall_ms() - created_ms, age);
	if (namespaces)
		table_add(t, json_str(object, "metadata.namespace", ""));
	table_add(t, kind->name);
	table_add(t, json_str(object, "metadata.name", ""));
	table_add(t, status);
	table_add(t, detail_of(what, object));
	table_add(t, age);
}

static void begin(struct table *t, const struct show *show)
{
	static const char *const names[] = { "NAMESPACE", "KIND", "NAME", "STATUS", "OF", "AGE" };
	const size_t columns = sizeof(names) / sizeof(*names), skip = show->namespaces ? 0 : 1;

	table_init(t, columns - skip);
	for (size_t i = skip; show->headers && i < columns; i++)
		table_add(t, names[i]);
}

int via_print_objects(struct via *v, const char *ns, const struct show *show, struct err *err)
{
	struct table t;
	int count = 0;

	if (!via_kind(v, VIA_SANDBOX) && !via_kind(v, VIA_CLAIM))
		return err_set(err, -ENOENT,
			"agent-sandbox is not installed in this cluster, or may not be seen");
	begin(&t, show);
	for (int what = 0; what < VIA_KINDS; what++) {
		const struct kind *kind = via_kind(v, (enum via_what)what);
		auto_json all = list(v, kind, ns, NULL);
		const cJSON *item;

		cJSON_ArrayForEach (item, json_at(all, "items")) {
			count++;
			if (show->format == SHOW_NAME)
				printf("%s/%s\n", kind->name, json_str(item, "metadata.name", ""));
			else
				add_row(&t, kind, (enum via_what)what, item, show->namespaces);
		}
	}
	if (show->format != SHOW_NAME && count)
		table_print(&t, stdout, NULL);
	table_fini(&t);
	return count;
}
