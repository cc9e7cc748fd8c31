#include "plugin/local/events.h"
#include "common/base/clock.h"

#define EVENT_LIFE_MS (60 * 60 * 1000)
#define EVENTS_MAX    5000

static cJSON *involved(const cJSON *pod, const char *container)
{
	cJSON *o = cJSON_CreateObject();
	auto_free char *path = xprintf("spec.containers{%s}", container ? container : "");

	json_put_text(o, "kind", json_text_or(pod, "kind", "Pod"));
	json_put_text(o, "namespace", json_text(pod, "metadata.namespace"));
	json_put_text(o, "name", json_text(pod, "metadata.name"));
	json_put_text(o, "uid", json_text(pod, "metadata.uid"));
	json_put_text(o, "apiVersion", "v1");
	json_put_text(o, "resourceVersion", json_text(pod, "metadata.resourceVersion"));
	if (container)
		json_put_text(o, "fieldPath", path);
	return o;
}

static int count_up(cJSON *copy, void *arg)
{
	json_put_int(copy, "count", json_int(copy, "count", 1) + 1);
	json_put_now(copy, "lastTimestamp");
	return 0;
}

static bool same(const struct snap *s, const char *uid, const char *reason, const char *message)
{
	return !strcmp(json_text_or(s->json, "involvedObject.uid", ""), uid) &&
	       !strcmp(json_text_or(s->json, "reason", ""), reason) &&
	       !strcmp(json_text_or(s->json, "message", ""), message);
}

/* True when the same was said before; then it is counted. */
static bool repeat(struct store *st, const cJSON *pod, const char *reason, const char *message)
{
	const char *ns = json_text_or(pod, "metadata.namespace", "");
	const struct resource *r = resource_named("events");
	struct snap **all;
	size_t n = store_list(st, r, ns, &all, NULL);
	bool found = false;

	for (size_t i = 0; i < n && !found; i++) {
		found = same(all[i], json_text_or(pod, "metadata.uid", ""), reason, message);
		if (found)
			store_change(st, r, ns, all[i]->name, count_up, NULL, NULL);
	}
	if (n > EVENTS_MAX)
		events_expire(st);
	snaps_free(all, n);
	return found;
}

void events_tell(struct store *st, const cJSON *pod, const char *container, const char *type,
	const char *reason, const char *fmt, ...)
{
	auto_buf text = BUF_INIT(4096);
	auto_free char *name = xprintf("%s.%016llx", json_text_or(pod, "metadata.name", ""),
		(unsigned long long)(clock_wall_ms() * 1000 + (int64_t)(store_rv(st) % 1000)));
	cJSON *e, *meta, *source;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	if (repeat(st, pod, reason, buf_text(&text)))
		return;
	e = cJSON_CreateObject();
	json_put_text(e, "kind", "Event");
	json_put_text(e, "apiVersion", "v1");
	meta = json_object_at(e, "metadata");
	json_put_text(meta, "name", name);
	json_put_text(meta, "namespace", json_text(pod, "metadata.namespace"));
	json_put(e, "involvedObject", involved(pod, container));
	json_put_text(e, "reason", reason);
	json_put_text(e, "message", buf_text(&text));
	source = json_object_at(e, "source");
	json_put_text(
		source, "component", strcmp(reason, "Scheduled") ? "kubelet" : "default-scheduler");
	json_put_text(source, "host", "sbx-local");
	json_put_now(e, "firstTimestamp");
	json_put_now(e, "lastTimestamp");
	json_put_int(e, "count", 1);
	json_put_text(e, "type", type);
	json_put(e, "eventTime", cJSON_CreateNull());
	json_put_text(e, "reportingComponent", "");
	json_put_text(e, "reportingInstance", "");
	store_create(st, resource_named("events"), e, NULL);
}

void events_expire(struct store *st)
{
	const struct resource *r = resource_named("events");
	int64_t now = clock_wall_ms(), last;
	struct snap **all;
	size_t n = store_list(st, r, "", &all, NULL);

	for (size_t i = 0; i < n; i++)
		if (n > EVENTS_MAX ||
			(rfc3339_parse(json_text_or(all[i]->json, "lastTimestamp", ""), &last) ==
					0 &&
				now - last > EVENT_LIFE_MS))
			store_delete(st, r, all[i]->ns, all[i]->name, NULL, NULL);
	snaps_free(all, n);
}
