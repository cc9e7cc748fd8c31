#include "plugin/show.h"

#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "common/kube/yaml.h"
#include "plugin/cli.h"
#include "plugin/pod.h"
#include "plugin/via.h"

#include <ctype.h>
#include <errno.h>

#define FORMAT_FILE_MAX (64 * 1024)
#define TEXT_MAX        (128 * 1024 * 1024)

/* --- formats ----------------------------------------------------------------- */

static int parse_path(const char *text, struct show *s, struct err *err)
{
	if (!*text)
		return err_set(err, -EINVAL, "it wants a template: -o jsonpath='{.metadata.name}'");
	return jsonpath_parse(text, &s->path, err);
}

static int parse_columns(const char *text, struct show *s, struct err *err)
{
	return columns_parse(text, &s->columns, err);
}

static int parse_column_lines(const char *text, struct show *s, struct err *err)
{
	return columns_parse_lines(text, &s->columns, err);
}

static const struct format {
	const char *name;
	enum show_format format;
	int (*parse)(
		const char *text, struct show *s, struct err *err); /* of what is behind the "=" */
	bool file;                                                  /* that names a file of it */
} formats[] = {
	{ "wide", SHOW_WIDE, NULL, false },
	{ "name", SHOW_NAME, NULL, false },
	{ "json", SHOW_JSON, NULL, false },
	{ "yaml", SHOW_YAML, NULL, false },
	{ "jsonpath", SHOW_JSONPATH, parse_path, false },
	{ "jsonpath-file", SHOW_JSONPATH, parse_path, true },
	{ "custom-columns", SHOW_COLUMNS, parse_columns, false },
	{ "custom-columns-file", SHOW_COLUMNS, parse_column_lines, true },
};

static const struct format *format_of(const char *text, size_t n)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (strlen(formats[i].name) == n && !memcmp(text, formats[i].name, n) &&
			(!text[n] || formats[i].parse))
			return &formats[i];
	return NULL;
}

static int parse_with(const struct format *f, const char *text, struct show *s, struct err *err)
{
	auto_buf bytes = BUF_INIT(FORMAT_FILE_MAX);
	int rc;

	if (!f->file)
		return f->parse(text, s, err);
	rc = io_read_file(text, &bytes);
	if (rc < 0)
		return err_set(err, rc, "cannot read %.200s: %s", text, strerror(-rc));
	return f->parse(buf_text(&bytes), s, err);
}

int show_parse(const char *text, struct show *s, struct err *err)
{
	size_t n = text ? strcspn(text, "=") : 0;
	const struct format *f = text ? format_of(text, n) : NULL;
	int rc;

	s->format = SHOW_TABLE;
	if (!text)
		return 0;
	if (!f)
		return err_set(err, -EINVAL,
			"-o is name, wide, json, yaml, jsonpath=, jsonpath-file=, custom-columns= "
			"or "
			"custom-columns-file=, not \"%.60s\"",
			text);
	s->format = f->format;
	if (!f->parse)
		return 0;
	rc = parse_with(f, text[n] ? text + n + 1 : "", s, err);
	return rc < 0 ? err_wrap(err, rc, "-o %s", f->name) : 0;
}

void show_fini(struct show *s)
{
	for (size_t i = 0; i < s->label_count; i++)
		free(s->labels[i]);
	s->label_count = 0;
	jsonpath_free(take_ptr(s->path));
	columns_fini(&s->columns);
}

bool show_is_table(const struct show *s)
{
	return s->format == SHOW_TABLE || s->format == SHOW_WIDE || s->format == SHOW_COLUMNS;
}

/* --- rows ------------------------------------------------------------------ */

static const char *const columns[] = { "NAME", "STATUS", "RUNTIME", "IMAGE", "AGE", "NODE", "IP",
	"EXPIRES", "BY" };

#define COLUMNS      5
#define COLUMNS_WIDE 9

static size_t column_count(const struct show *s)
{
	if (s->format == SHOW_COLUMNS)
		return s->columns.count;
	return (s->format == SHOW_WIDE ? COLUMNS_WIDE : COLUMNS) + s->namespaces + s->label_count +
	       s->all_labels;
}

/* computesdk.io/runtime -> RUNTIME, as kubectl. */
static void add_label_head(struct table *t, const char *label)
{
	const char *slash = strrchr(label, '/');
	auto_free char *head = xstrdup(slash ? slash + 1 : label);

	for (char *at = head; *at; at++)
		*at = (char)toupper((unsigned char)*at);
	table_add(t, head);
}

static void add_header(const struct show *s, struct table *t)
{
	size_t n = s->format == SHOW_WIDE ? COLUMNS_WIDE : COLUMNS;

	if (s->format == SHOW_COLUMNS) {
		columns_add_heads(&s->columns, t);
		return;
	}
	if (s->namespaces)
		table_add(t, "NAMESPACE");
	for (size_t i = 0; i < n; i++)
		table_add(t, columns[i]);
	for (size_t i = 0; i < s->label_count; i++)
		add_label_head(t, s->labels[i]);
	if (s->all_labels)
		table_add(t, "LABELS");
}

static enum paint paint_of(const struct sandbox *s, bool trouble)
{
	if (s->deleting)
		return PAINT_WAITS;
	if (s->phase == SANDBOX_SUCCEEDED)
		return PAINT_FAINT;
	if (s->phase == SANDBOX_FAILED || s->phase == SANDBOX_UNKNOWN)
		return PAINT_BAD;
	if (s->phase == SANDBOX_RUNNING && !trouble)
		return PAINT_GOOD;
	return PAINT_WAITS;
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
	table_paint(t, paint_of(s, *reason != 0));
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

static int label_order(const void *a, const void *b)
{
	return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

static void add_all_labels(struct table *t, const cJSON *labels)
{
	auto_buf text = BUF_INIT(64 * 1024);
	auto_free const cJSON **all = xcalloc((size_t)cJSON_GetArraySize(labels) + 1, sizeof(*all));
	const cJSON *label;
	size_t n = 0;

	cJSON_ArrayForEach (label, labels)
		if (cJSON_IsString(label) && label->string)
			all[n++] = label;
	if (n)
		qsort(all, n, sizeof(*all), label_order);
	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "%s%s=%s", i ? "," : "", all[i]->string, all[i]->valuestring);
	table_add_whole(t, n ? buf_text(&text) : "<none>");
}

static void add_labels(const struct show *s, struct table *t, const cJSON *pod)
{
	const cJSON *labels = json_at(pod, "metadata.labels");

	for (size_t i = 0; i < s->label_count; i++) {
		const cJSON *label = json_member(labels, s->labels[i]);

		table_add(t, cJSON_IsString(label) ? label->valuestring : "");
	}
	if (s->all_labels)
		add_all_labels(t, cJSON_IsObject(labels) ? labels : NULL);
}

static void add_row(const struct show *s, struct table *t, const cJSON *pod)
{
	struct sandbox box;

	if (sandbox_parse(pod, NULL, &box, NULL) < 0)
		return;
	if (s->namespaces)
		table_add(t, box.ns);
	table_add(t, json_str(pod, "via.name", box.name));
	add_status(t, &box);
	table_add(t, box.runtime);
	table_add(t, box.image);
	add_age(t, box.created_ms);
	if (s->format == SHOW_WIDE) {
		table_add(t, box.node);
		table_add(t, box.ip);
		add_expiry(t, pod);
		table_add(t, via_by(pod));
	}
	add_labels(s, t, pod);
	sandbox_fini(&box);
}

/* --- documents ------------------------------------------------------------- */

/* With what the items of a list do not carry, but would alone. */
static cJSON *with_kind(const cJSON *pod)
{
	cJSON *copy = cJSON_Duplicate(pod, true);

	if (!json_at(copy, "kind")) {
		cJSON_AddStringToObject(copy, "apiVersion", "v1");
		cJSON_AddStringToObject(copy, "kind", "Pod");
	}
	return copy;
}

/* Without what the server keeps for itself and nobody reads. */
static cJSON *without_noise(const cJSON *pod)
{
	cJSON *copy = with_kind(pod);

	cJSON_DeleteItemFromObjectCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(copy, "metadata"), "managedFields");
	return copy;
}

static int print_template(const struct show *s, const cJSON *value, FILE *to, struct err *err)
{
	auto_buf text = BUF_INIT(TEXT_MAX);
	int rc = jsonpath_print(s->path, value, &text, err);

	if (rc < 0)
		return rc;
	fwrite(buf_text(&text), 1, text.len, to);
	return 0;
}

static int print_document(const struct show *s, const cJSON *value, FILE *to, struct err *err)
{
	auto_buf yaml = BUF_INIT(2 * REST_BODY_MAX);
	auto_free char *json = NULL;
	int rc;

	if (s->format == SHOW_JSONPATH)
		return print_template(s, value, to, err);
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

static cJSON *list_of(const struct show *s, const cJSON *items)
{
	cJSON *list = cJSON_CreateObject();
	cJSON *array, *pod;

	cJSON_AddStringToObject(list, "apiVersion", "v1");
	cJSON_AddStringToObject(list, "kind", "List");
	array = cJSON_AddArrayToObject(list, "items");
	cJSON_ArrayForEach (pod, items) {
		cJSON_AddItemToArray(
			array, s->format == SHOW_JSONPATH ? with_kind(pod) : without_noise(pod));
	}
	return list;
}

static void print_name(const struct show *s, const cJSON *pod, FILE *to)
{
	const char *ns = s->namespaces ? json_str(pod, "metadata.namespace", "") : "pod";

	fprintf(to, "%s/%s\n", ns, json_str(pod, "metadata.name", ""));
}

/* --- */

static int print_rows(
	struct show *s, const cJSON *const *pods, size_t count, FILE *to, struct err *err)
{
	struct table t;
	int rc = 0;

	table_init(&t, column_count(s));
	if (s->headers)
		add_header(s, &t);
	s->headers = false;
	for (size_t i = 0; !rc && i < count; i++) {
		auto_json whole = s->format == SHOW_COLUMNS ? with_kind(pods[i]) : NULL;

		if (whole)
			rc = columns_add_row(&s->columns, whole, &t, err);
		else
			add_row(s, &t, pods[i]);
	}
	if (!rc)
		table_print(&t, to, s->widths);
	table_fini(&t);
	return rc;
}

int show_pod(struct show *s, const cJSON *pod, FILE *to, struct err *err)
{
	auto_json copy = NULL;

	if (s->format == SHOW_NAME) {
		print_name(s, pod, to);
		return 0;
	}
	if (show_is_table(s))
		return print_rows(s, &pod, 1, to, err);
	copy = s->format == SHOW_JSONPATH ? with_kind(pod) : without_noise(pod);
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
	if (show_is_table(s))
		return print_rows(s, pods, n, to, err);
	if (s->format == SHOW_NAME)
		return 0;
	list = list_of(s, items);
	return print_document(s, list, to, err);
}
