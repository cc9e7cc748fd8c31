/* The calls on a sandbox: get, list, create, delete, events. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"

#define EVENTS_SHOWN      10
#define EVENTS_TIMEOUT_MS 5000

static void drop_json(cJSON **json)
{
	cJSON_Delete(*json);
}

int sandbox_get(struct kube *k, const char *ns, const char *name, cJSON **ret, struct err *err)
{
	auto_free char *path = rest_path("/api/v1/namespaces/%s/pods/%s", ns, name);
	auto_free char *what = xprintf("get pod %s in namespace %s", name, ns);
	struct rest_request rq = { .method = "GET", .path = path, .what = what };

	return rest_call(k, &rq, ret, NULL, err);
}

int sandbox_list(
	struct kube *k, const char *ns, const char *label_selector, cJSON **ret, struct err *err)
{
	const char *sign = label_selector ? "?labelSelector=" : "";
	auto_free char *query = rest_path("%s", label_selector ? label_selector : "");
	auto_free char *folder =
		ns ? rest_path("/api/v1/namespaces/%s/pods", ns) : xstrdup("/api/v1/pods");
	auto_free char *path = xprintf("%s%s%s", folder, sign, query);
	auto_free char *what = ns ? xprintf("list pods in namespace %s", ns)
				  : xstrdup("list pods in all namespaces");
	struct rest_request rq = { .method = "GET", .path = path, .what = what };

	return rest_call(k, &rq, ret, NULL, err);
}

int sandbox_create(struct kube *k, const char *ns, const cJSON *pod, cJSON **ret, struct err *err)
{
	auto_free char *path = rest_path("/api/v1/namespaces/%s/pods", ns);
	const char *name =
		json_str(pod, "metadata.name", json_str(pod, "metadata.generateName", "?"));
	auto_free char *what = xprintf("create pod %.253s in namespace %s", name, ns);
	struct rest_request rq = { .method = "POST", .path = path, .what = what, .body = pod };

	return rest_call(k, &rq, ret, NULL, err);
}

/* propagationPolicy always: some kinds orphan their dependents when it is not said. */
static cJSON *delete_options(const char *uid, int grace_s)
{
	cJSON *options = cJSON_CreateObject();

	json_set_str(options, "kind", "DeleteOptions");
	json_set_str(options, "apiVersion", "v1");
	json_set_str(options, "propagationPolicy", "Background");
	if (uid)
		json_set_str(options, "preconditions.uid", uid);
	if (grace_s >= 0)
		json_set(options, "gracePeriodSeconds", cJSON_CreateNumber(grace_s));
	return options;
}

int sandbox_delete(struct kube *k, const char *ns, const char *name, const char *uid, int grace_s,
	struct err *err)
{
	cJSON *options auto_with(drop_json) = delete_options(uid, grace_s);
	auto_free char *path = rest_path("/api/v1/namespaces/%s/pods/%s", ns, name);
	auto_free char *what = xprintf("delete pod %s in namespace %s", name, ns);
	struct rest_request rq = {
		.method = "DELETE", .path = path, .what = what, .body = options
	};
	struct err why = { "" };
	int http, rc;

	rc = rest_call(k, &rq, NULL, &http, &why);
	if (http == 404 && rc == -ENOENT)
		return 0;
	if (http == 409 && uid) /* another Pod has the name: ours is gone */
		return 0;
	if (rc < 0 && err)
		*err = why;
	return rc;
}

static const char *time_of(const cJSON *event)
{
	const char *at = json_str(event, "lastTimestamp", "");

	return *at ? at
		   : json_str(
			     event, "eventTime", json_str(event, "metadata.creationTimestamp", ""));
}

static int by_time(const void *a, const void *b)
{
	return strcmp(time_of(*(const cJSON *const *)a), time_of(*(const cJSON *const *)b));
}

static void add_event(struct buf *ret, const cJSON *event)
{
	const char *type = json_str(event, "type", "Normal");
	const char *reason = json_str(event, "reason", "");
	const char *message = json_str(event, "message", "");

	log_escape(ret, type, strnlen(type, 20));
	buf_char(ret, ' ');
	log_escape(ret, reason, strnlen(reason, 100));
	buf_str(ret, ": ");
	log_escape(ret, message, strnlen(message, 1024));
	buf_char(ret, '\n');
}

static void add_events(struct buf *ret, const cJSON *list)
{
	const cJSON *items = json_at(list, "items"), *item;
	size_t n = (size_t)cJSON_GetArraySize(items), i = 0;
	auto_free const cJSON **sorted = xcalloc(n + 1, sizeof(*sorted));

	cJSON_ArrayForEach (item, items)
		sorted[i++] = item;
	qsort(sorted, n, sizeof(*sorted), by_time);
	for (i = n > EVENTS_SHOWN ? n - EVENTS_SHOWN : 0; i < n; i++)
		add_event(ret, sorted[i]);
}

void sandbox_events(struct kube *k, const char *ns, const char *uid, struct buf *ret)
{
	auto_free char *selector = xprintf("involvedObject.uid=%s", uid);
	auto_free char *path =
		rest_path("/api/v1/namespaces/%s/events?fieldSelector=%s", ns, selector);
	struct rest_request rq = { .method = "GET",
		.path = path,
		.what = "list events",
		.timeout_ms = EVENTS_TIMEOUT_MS };
	cJSON *list auto_with(drop_json) = NULL;

	if (rest_call(k, &rq, &list, NULL, NULL) == 0)
		add_events(ret, list);
}
