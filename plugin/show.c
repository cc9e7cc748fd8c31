#include "plugin/show.h"

#include "common/base/clock.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "common/kube/yaml.h"
#include "plugin/cli.h"
#include "plugin/pod.h"

static const char *const formats[] = {
	[SHOW_TABLE] = "",
	[SHOW_WIDE] = "wide",
	[SHOW_NAME] = "name",
	[SHOW_JSON] = "json",
	[SHOW_YAML] = "yaml",
};

int show_format_parse(const char *text, enum show_format *ret, struct err *err)
{
	if (!text) {
		*ret = SHOW_TABLE;
		return 0;
	}
	for (size_t i = SHOW_WIDE; i < sizeof(formats) / sizeof(*formats); i++) {
		if (strcmp(text, formats[i]))
			continue;
		*ret = (enum show_format)i;
		return 0;
	}
	return err_set(err, -EINVAL, "-o is " SHOW_FORMATS ", not \"%.60s\"", text);
}

/* --- rows ------------------------------------------------------------------ */

static const char *const columns[] = { "NAME", "STATUS", "RUNTIME", "IMAGE", "AGE", "NODE", "IP",
	"EXPIRES" };

#define COLUMNS      5
#define COLUMNS_WIDE 8

static size_t column_count(const struct show *s)
{
	return (s->format == SHOW_WIDE ? COLUMNS_WIDE : COLUMNS) + (s->namespaces ? 1 : 0);
}

static void add_header(const struct show *s, struct table *t)
{
	size_t n = s->format == SHOW_WIDE ? COLUMNS_WIDE : COLUMNS;

	if (s->namespaces)
		table_add(t, "NAMESPACE");
	for (size_t i = 0; i < n; i++)
		table_add(t, columns[i]);
}

/* One word, as kubectl has it: the reason why it is not running, else the phase. */
static void add_status(struct table *t, const struct sandbox *s)
{
	auto_free char *reason = xstrndup(s->reason, strcspn(s->reason, ": "));

	if (s->deleting)
		table_add(t, "Terminating");
	else if (*reason)
		table_add(t, reason);
	else
		table_add(t, sandbox_phase_name(s->phase));
}

static void add_age(struct table *t, int64_t created_ms)
{
	int64_t span = clock_wall_ms() - created_ms;
	char text[24] = "";

	if (created_ms > 0)
		age_print(span > 0 ? span : 0, text);
	table_add(t, text);
}

static void add_expiry(struct table *t, const cJSON *pod)
{
	const cJSON *at = json_member(json_at(pod, "metadata.annotations"), ANNOTATION_EXPIRES);
	char text[24] = "";
	int64_t ms;

	if (cJSON_IsString(at) && !rfc3339_parse(at->valuestring, &ms)) {
		ms -= clock_wall_ms();
		if (ms > 0)
			age_print(ms, text);
		else
			memcpy(text, "now", 4);
	}
	table_add(t, text);
}

static void add_row(const struct show *s, struct table *t, const cJSON *pod)
{
	struct sandbox box;

	if (sandbox_parse(pod, NULL, &box, NULL) < 0)
		return;
	if (s->namespaces)
		table_add(t, box.ns);
	table_add(t, box.name);
	add_status(t, &box);
	table_add(t, box.runtime);
	table_add(t, box.image);
	add_age(t, box.created_ms);
	if (s->format == SHOW_WIDE) {
		table_add(t, box.node);
		table_add(t, box.ip);
		add_expiry(t, pod);
	}
	sandbox_fini(&box);
}

/* --- documents ------------------------------------------------------------- */

/* What the server keeps for itself and nobody reads. */
static cJSON *without_noise(const cJSON *pod)
{
	cJSON *copy = cJSON_Duplicate(pod, true);
	cJSON *metadata = cJSON_GetObjectItemCaseSensitive(copy, "metadata");

	cJSON_DeleteItemFromObjectCaseSensitive(metadata, "managedFields");
	return copy;
}

static int print_document(const struct show *s, const cJSON *value, FILE *to, struct err *err)
{
	auto_buf yaml = BUF_INIT(2 * REST_BODY_MAX);
	auto_free char *json = NULL;
	int rc;

	if (s->format == SHOW_JSON) {
		json = cJSON_Print(value);
		if (!json)
			return err_set(err, -EIO, "cannot print the object as JSON");
		fprintf(to, "%s\n", json);
		return 0;
	}
	rc = yaml_print(value, &yaml);
	if (rc < 0)
		return err_set(err, rc, "cannot print the object as YAML");
	fwrite(buf_text(&yaml), 1, yaml.len, to);
	return 0;
}

static cJSON *list_of(const cJSON *items)
{
	cJSON *list = cJSON_CreateObject();
	cJSON *array, *pod;

	cJSON_AddStringToObject(list, "apiVersion", "v1");
	cJSON_AddStringToObject(list, "kind", "List");
	array = cJSON_AddArrayToObject(list, "items");
	cJSON_ArrayForEach (pod, items) {
		cJSON *copy = without_noise(pod);

		/* the items of a list do not carry these, alone they would */
		if (!json_at(copy, "kind")) {
			cJSON_AddStringToObject(copy, "apiVersion", "v1");
			cJSON_AddStringToObject(copy, "kind", "Pod");
		}
		cJSON_AddItemToArray(array, copy);
	}
	return list;
}

static void print_name(const struct show *s, const cJSON *pod, FILE *to)
{
	const char *ns = s->namespaces ? json_str(pod, "metadata.namespace", "") : "pod";

	fprintf(to, "%s/%s\n", ns, json_str(pod, "metadata.name", ""));
}

/* --- */

static void print_rows(struct show *s, const cJSON *const *pods, size_t count, FILE *to)
{
	struct table t;

	table_init(&t, column_count(s));
	if (s->headers)
		add_header(s, &t);
	s->headers = false;
	for (size_t i = 0; i < count; i++)
		add_row(s, &t, pods[i]);
	table_print(&t, to, s->widths);
	table_fini(&t);
}

int show_pod(struct show *s, const cJSON *pod, FILE *to, struct err *err)
{
	auto_json copy = NULL;

	if (s->format == SHOW_NAME) {
		print_name(s, pod, to);
		return 0;
	}
	if (s->format == SHOW_TABLE || s->format == SHOW_WIDE) {
		print_rows(s, &pod, 1, to);
		return 0;
	}
	copy = without_noise(pod);
	return print_document(s, copy, to, err);
}

int show_pods(struct show *s, const cJSON *items, FILE *to, struct err *err)
{
	size_t n = (size_t)cJSON_GetArraySize(items);
	auto_free const cJSON **pods = xcalloc(n + 1, sizeof(*pods));
	auto_json list = NULL;
	const cJSON *pod;
	size_t i = 0;

	cJSON_ArrayForEach (pod, items) {
		pods[i++] = pod;
		if (s->format == SHOW_NAME)
			print_name(s, pod, to);
	}
	if (s->format == SHOW_TABLE || s->format == SHOW_WIDE)
		print_rows(s, pods, n, to);
	if (s->format != SHOW_JSON && s->format != SHOW_YAML)
		return 0;
	list = list_of(items);
	return print_document(s, list, to, err);
}
