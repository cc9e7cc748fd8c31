#include "plugin/local/table.h"
#include "common/base/clock.h"

struct column {
	const char *name;
	const char *type;
	int priority; /* 1: with -o wide */
};

static const struct column pod_columns[] = {
	{ "Name", "string", 0 },
	{ "Ready", "string", 0 },
	{ "Status", "string", 0 },
	{ "Restarts", "string", 0 },
	{ "Age", "string", 0 },
	{ "IP", "string", 1 },
	{ "Node", "string", 1 },
	{ "Nominated Node", "string", 1 },
	{ "Readiness Gates", "string", 1 },
	{ 0 },
};

static const struct column namespace_columns[] = {
	{ "Name", "string", 0 },
	{ "Status", "string", 0 },
	{ "Age", "string", 0 },
	{ 0 },
};

static const struct column event_columns[] = {
	{ "Last Seen", "string", 0 },
	{ "Type", "string", 0 },
	{ "Reason", "string", 0 },
	{ "Object", "string", 0 },
	{ "Message", "string", 0 },
	{ 0 },
};

static const struct column node_columns[] = {
	{ "Name", "string", 0 },
	{ "Status", "string", 0 },
	{ "Age", "string", 0 },
	{ "Version", "string", 0 },
	{ 0 },
};

static const struct column plain_columns[] = {
	{ "Name", "string", 0 },
	{ "Age", "string", 0 },
	{ 0 },
};

static void cell(cJSON *cells, const char *text)
{
	cJSON_AddItemToArray(cells, cJSON_CreateString(text && *text ? text : "<none>"));
}

static void age_cell(cJSON *cells, const char *since)
{
	char age[24];
	int64_t then;

	if (!since || rfc3339_parse(since, &then) < 0) {
		cell(cells, "<unknown>");
		return;
	}
	age_print(clock_wall_ms() - then, age);
	cell(cells, age);
}

/* What a container's state says that the phase does not: a reason, an exit code. */
static void container_word(const cJSON *state, char *ret, size_t n)
{
	const char *waiting = json_text(state, "waiting.reason");
	const char *ended = json_text(state, "terminated.reason");

	if (waiting && *waiting)
		snprintf(ret, n, "%s", waiting);
	else if (ended && *ended)
		snprintf(ret, n, "%s", ended);
	else if (json_at(state, "terminated"))
		snprintf(ret, n, "ExitCode:%d", (int)json_int(state, "terminated.exitCode", 0));
}

/* Whether an init container is still to end well, and the word for it. */
static bool init_word(const cJSON *pod, char *ret, size_t n)
{
	const cJSON *list = json_at(pod, "status.initContainerStatuses"), *status;
	int i = 0;

	cJSON_ArrayForEach (status, list) {
		char word[100] = "";

		if (json_int(status, "state.terminated.exitCode", -1) == 0) {
			i++;
			continue;
		}
		container_word(json_at(status, "state"), word, sizeof(word));
		if (*word && strcmp(word, "PodInitializing") != 0 &&
			strcmp(word, "ContainerCreating") != 0)
			snprintf(ret, n, "Init:%s", word);
		else
			snprintf(ret, n, "Init:%d/%d", i, cJSON_GetArraySize(list));
		return true;
	}
	return false;
}

void table_pod_status(const cJSON *pod, char *ret, size_t n)
{
	const cJSON *status;
	bool running = false;

	snprintf(ret, n, "%s",
		json_text_or(pod, "status.reason", json_text_or(pod, "status.phase", "Unknown")));
	if (!init_word(pod, ret, n)) {
		cJSON_ArrayForEach (status, json_at(pod, "status.containerStatuses")) {
			container_word(json_at(status, "state"), ret, n);
			running = running || json_at(status, "state.running");
		}
	}
	if (running && !strcmp(ret, "Completed"))
		snprintf(ret, n, "Running");
	if (json_at(pod, "metadata.deletionTimestamp"))
		snprintf(ret, n, "Terminating");
}

static void restarts_cell(cJSON *cells, const cJSON *statuses)
{
	const cJSON *one;
	int64_t sum = 0, last = 0;
	char text[64], age[24];

	cJSON_ArrayForEach (one, statuses) {
		const char *when = json_text(one, "lastState.terminated.finishedAt");
		int64_t ms;

		sum += json_int(one, "restartCount", 0);
		if (when && rfc3339_parse(when, &ms) == 0 && ms > last)
			last = ms;
	}
	snprintf(text, sizeof(text), "%d", (int)sum);
	if (sum && last) {
		age_print(clock_wall_ms() - last, age);
		snprintf(text, sizeof(text), "%d (%s ago)", (int)sum, age);
	}
	cell(cells, text);
}

static void pod_cells(cJSON *cells, const struct snap *s)
{
	const cJSON *statuses = json_at(s->json, "status.containerStatuses"), *one;
	char text[128];
	int ready = 0;

	cell(cells, s->name);
	cJSON_ArrayForEach (one, statuses)
		ready += json_is_true(one, "ready");
	snprintf(text, sizeof(text), "%d/%d", ready,
		cJSON_GetArraySize(json_at(s->json, "spec.containers")));
	cell(cells, text);
	table_pod_status(s->json, text, sizeof(text));
	cell(cells, text);
	restarts_cell(cells, statuses);
	age_cell(cells, json_text(s->json, "metadata.creationTimestamp"));
	cell(cells, json_text(s->json, "status.podIP"));
	cell(cells, json_text(s->json, "spec.nodeName"));
	cell(cells, NULL);
	cell(cells, NULL);
}

static void namespace_cells(cJSON *cells, const struct snap *s)
{
	cell(cells, s->name);
	cell(cells, json_text(s->json, "status.phase"));
	age_cell(cells, json_text(s->json, "metadata.creationTimestamp"));
}

static void event_cells(cJSON *cells, const struct snap *s)
{
	const char *kind = json_text_or(s->json, "involvedObject.kind", "");
	auto_free char *object =
		xprintf("%s/%s", kind, json_text_or(s->json, "involvedObject.name", ""));

	for (char *c = object; *c && *c != '/'; c++)
		*c |= 0x20;
	age_cell(cells, json_text(s->json, "lastTimestamp"));
	cell(cells, json_text(s->json, "type"));
	cell(cells, json_text(s->json, "reason"));
	cell(cells, object);
	cell(cells, json_text(s->json, "message"));
}

static void node_cells(cJSON *cells, const struct snap *s)
{
	cell(cells, s->name);
	cell(cells, "Ready");
	age_cell(cells, json_text(s->json, "metadata.creationTimestamp"));
	cell(cells, json_text(s->json, "status.nodeInfo.kubeletVersion"));
}

static void plain_cells(cJSON *cells, const struct snap *s)
{
	cell(cells, s->name);
	age_cell(cells, json_text(s->json, "metadata.creationTimestamp"));
}

static const struct look {
	const char *plural;
	const struct column *columns;
	void (*cells)(cJSON *cells, const struct snap *s);
} looks[] = {
	{ "pods", pod_columns, pod_cells },
	{ "namespaces", namespace_columns, namespace_cells },
	{ "events", event_columns, event_cells },
	{ "nodes", node_columns, node_cells },
	{ "", plain_columns, plain_cells },
};

static const struct look *look_of(const struct resource *r)
{
	const struct look *l = looks;

	while (*l->plural && strcmp(l->plural, r->plural) != 0)
		l++;
	return l;
}

static void put_columns(cJSON *table, const struct column *c)
{
	cJSON *list = json_array_at(table, "columnDefinitions");

	for (; c->name; c++) {
		cJSON *one = cJSON_CreateObject();

		json_put_text(one, "name", c->name);
		json_put_text(one, "type", c->type);
		json_put_text(one, "format", strcmp(c->name, "Name") ? "" : "name");
		json_put_text(one, "description", c->name);
		json_put_int(one, "priority", c->priority);
		cJSON_AddItemToArray(list, one);
	}
}

static cJSON *row_object(const struct snap *s, const char *include)
{
	cJSON *object;

	if (include && !strcmp(include, "None"))
		return NULL;
	if (include && !strcmp(include, "Object"))
		return cJSON_Duplicate(s->json, true);
	object = cJSON_CreateObject();
	json_put_text(object, "kind", "PartialObjectMetadata");
	json_put_text(object, "apiVersion", "meta.k8s.io/v1");
	json_put(object, "metadata", cJSON_Duplicate(json_at(s->json, "metadata"), true));
	return object;
}

cJSON *table_make(const struct resource *r, struct snap *const *snaps, size_t n, uint64_t rv,
	const char *include)
{
	const struct look *look = look_of(r);
	cJSON *table = cJSON_CreateObject(), *rows;
	auto_free char *version = xprintf("%llu", (unsigned long long)rv);

	json_put_text(table, "kind", "Table");
	json_put_text(table, "apiVersion", "meta.k8s.io/v1");
	json_put_text(json_object_at(table, "metadata"), "resourceVersion", version);
	put_columns(table, look->columns);
	rows = json_array_at(table, "rows");
	for (size_t i = 0; i < n; i++) {
		cJSON *row = cJSON_CreateObject();

		look->cells(json_array_at(row, "cells"), snaps[i]);
		json_put(row, "object", row_object(snaps[i], include));
		cJSON_AddItemToArray(rows, row);
	}
	return table;
}
