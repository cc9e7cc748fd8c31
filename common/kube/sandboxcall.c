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

int sandbox_touch(struct kube *k, const char *ns, const char *name, const char *uid,
	int64_t idle_ms, int timeout_ms, struct err *err)
{
	cJSON *patch auto_with(drop_json) = cJSON_CreateObject();
	cJSON *annotations;
	auto_free char *path = rest_path("/api/v1/namespaces/%s/pods/%s", ns, name);
	auto_free char *what = xprintf("say that pod %s in namespace %s is used", name, ns);
	struct rest_request rq = { .method = "PATCH",
		.path = path,
		.what = what,
		.content_type = "application/merge-patch+json",
		.body = patch,
		.timeout_ms = timeout_ms };
	char text[32];

	json_set_str(patch, "metadata.uid", uid);
	json_set(patch, "metadata.annotations", cJSON_CreateObject());
	annotations = cJSON_GetObjectItem(cJSON_GetObjectItem(patch, "metadata"), "annotations");
	rfc3339_print(kube_wall_ms(k), text);
	cJSON_AddStringToObject(annotations, ANNOTATION_LAST_USED, text);
	rfc3339_print(kube_wall_ms(k) + idle_ms, text);
	cJSON_AddStringToObject(annotations, ANNOTATION_IDLE_UNTIL, text);
	return rest_call(k, &rq, NULL, NULL, err);
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

/* The caller's array of borrowed events, oldest first. */
static const cJSON **sorted_events(const cJSON *list, size_t *ret_n)
{
	const cJSON *items = json_at(list, "items"), *item;
	size_t n = (size_t)cJSON_GetArraySize(items), i = 0;
	const cJSON **sorted = xcalloc(n + 1, sizeof(*sorted));

	cJSON_ArrayForEach (item, items)
		sorted[i++] = item;
	qsort(sorted, n, sizeof(*sorted), by_time);
	*ret_n = n;
	return sorted;
}

static void add_events(struct buf *ret, const cJSON *list)
{
	size_t n, i;
	auto_free const cJSON **sorted = sorted_events(list, &n);

	for (i = n > EVENTS_SHOWN ? n - EVENTS_SHOWN : 0; i < n; i++)
		add_event(ret, sorted[i]);
}

static int list_events(
	struct kube *k, const char *ns, const char *uid, cJSON **ret, struct err *err)
{
	auto_free char *selector = xprintf("involvedObject.uid=%s", uid);
	auto_free char *path =
		rest_path("/api/v1/namespaces/%s/events?fieldSelector=%s", ns, selector);
	struct rest_request rq = { .method = "GET",
		.path = path,
		.what = "list events",
		.timeout_ms = EVENTS_TIMEOUT_MS };

	return rest_call(k, &rq, ret, NULL, err);
}

void sandbox_events(struct kube *k, const char *ns, const char *uid, struct buf *ret)
{
	cJSON *list auto_with(drop_json) = NULL;

	if (list_events(k, ns, uid, &list, NULL) == 0)
		add_events(ret, list);
}

static char *event_line(const cJSON *e)
{
	cJSON *line auto_with(drop_json) = cJSON_CreateObject();

	cJSON_AddStringToObject(line, "time", time_of(e));
	cJSON_AddStringToObject(line, "type", json_str(e, "type", "Normal"));
	cJSON_AddStringToObject(line, "reason", json_str(e, "reason", ""));
	cJSON_AddNumberToObject(line, "count", json_int(e, "count", 1));
	cJSON_AddStringToObject(line, "message", json_str(e, "message", ""));
	return cJSON_PrintUnformatted(line);
}

int sandbox_events_json(struct kube *k, const char *ns, const char *uid, struct buf *ret)
{
	cJSON *list auto_with(drop_json) = NULL;
	int rc = list_events(k, ns, uid, &list, NULL);
	size_t n = 0, i, room = ret->max - ret->len;
	auto_free const cJSON **sorted = sorted_events(list, &n);
	auto_free char **lines = xcalloc(n + 1, sizeof(*lines));

	for (i = n; i > 0 && rc == 0; i--) {
		lines[i - 1] = event_line(sorted[i - 1]);
		if (!lines[i - 1] || strlen(lines[i - 1]) + 1 > room)
			break;
		room -= strlen(lines[i - 1]) + 1;
	}
	for (; i < n && rc == 0; i++)
		buf_printf(ret, "%s\n", lines[i]);
	for (i = 0; i < n; i++)
		cJSON_free(lines[i]);
	return rc;
}
