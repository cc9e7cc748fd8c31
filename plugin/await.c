#include "plugin/await.h"

#include "common/kube/json.h"
#include "plugin/cli.h"

#include <errno.h>

struct wanted {
	const char *uid;  /* gone when it is not this one */
	const char *path; /* or: there when it has this */
};

static int changed(void *arg, const char *type, const cJSON *object, struct err *err)
{
	const struct wanted *w = arg;

	if (!strcmp(type, "GONE"))
		return w->uid != NULL;
	if (!object)
		return 0;
	if (w->uid)
		return !strcmp(type, "DELETED") ||
		       strcmp(json_str(object, "metadata.uid", ""), w->uid);
	return strcmp(type, "DELETED") && json_at(object, w->path);
}

static int watch(struct kube *k, const struct kind *kind, const char *ns, const char *name,
	const char *rv, struct wanted *w, int64_t deadline_ms, const volatile bool *stop,
	struct err *err)
{
	auto_free char *space = ns ? rest_path("/namespaces/%s", ns) : xstrdup("");
	auto_free char *collection = xprintf("%s%s/%s", kind->api, space, kind->plural);
	auto_free char *field = xprintf("metadata.name=%s", name);
	int rc = watch_until(k, collection, field, rv, deadline_ms, stop, changed, w, err);

	return rc < 0 ? rc : 0;
}

/* A watch that begins with the present state is silent when there is nothing, so a look first. */
int await_gone(struct kube *k, const struct kind *kind, const cJSON *seen, int64_t deadline_ms,
	const volatile bool *stop, struct err *err)
{
	const char *ns = json_str(seen, "metadata.namespace", NULL);
	const char *name = json_str(seen, "metadata.name", "");
	struct wanted w = { .uid = json_str(seen, "metadata.uid", "") };
	auto_json now = NULL;
	int rc = kind_get(k, kind, ns, name, &now, err);

	if (rc == -ENOENT || (!rc && strcmp(json_str(now, "metadata.uid", ""), w.uid)))
		return 0;
	return rc < 0 ? rc
		      : watch(k, kind, ns, name, json_str(now, "metadata.resourceVersion", NULL),
				&w, deadline_ms, stop, err);
}

int await_path(struct kube *k, const struct kind *kind, const char *ns, const char *name,
	const char *path, int64_t deadline_ms, const volatile bool *stop, struct err *err)
{
	struct wanted w = { .path = path };

	return watch(k, kind, ns, name, NULL, &w, deadline_ms, stop, err);
}
