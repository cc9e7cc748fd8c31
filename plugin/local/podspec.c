#include "plugin/local/podspec.h"
#include "common/base/path.h"
#include "plugin/local/status.h"

#include <math.h>

static const struct {
	const char *suffix;
	double factor;
} suffixes[] = {
	{ "", 1 },
	{ "n", 1e-9 },
	{ "u", 1e-6 },
	{ "m", 1e-3 },
	{ "k", 1e3 },
	{ "M", 1e6 },
	{ "G", 1e9 },
	{ "T", 1e12 },
	{ "P", 1e15 },
	{ "E", 1e18 },
	{ "Ki", 1024.0 },
	{ "Mi", 1048576.0 },
	{ "Gi", 1073741824.0 },
	{ "Ti", 1099511627776.0 },
	{ "Pi", 1125899906842624.0 },
	{ "Ei", 1152921504606846976.0 },
};

int quantity_parse_milli(const char *text, int64_t *ret)
{
	size_t digits = strspn(text, "0123456789.");
	double n;
	char *end;

	if (!digits || digits > 20 || text[digits] == 'x' || text[digits] == 'X')
		return -EINVAL;
	n = strtod(text, &end);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (strcmp(end, suffixes[i].suffix) != 0)
			continue;
		n *= suffixes[i].factor * 1000;
		if (!(n >= 0 && n < 9e18))
			return -EINVAL;
		*ret = (int64_t)n;
		return 0;
	}
	return -EINVAL;
}

static cJSON *invalid(const cJSON *pod, const char *field, const char *what, const char *reason)
{
	const char *name = json_text_or(pod, "metadata.name", "");
	cJSON *s = status_make(422, "Invalid", "Pod \"%s\" is invalid: %s: %s", name, field, what);
	cJSON *cause = cJSON_CreateObject();

	status_of(s, "Pod", name);
	json_put_text(cause, "reason", reason);
	json_put_text(cause, "message", what);
	json_put_text(cause, "field", field);
	cJSON_AddItemToArray(json_array_at(json_object_at(s, "details"), "causes"), cause);
	return s;
}

static cJSON *required(const cJSON *pod, const char *field)
{
	return invalid(pod, field, "Required value", "FieldValueRequired");
}

static bool strings_only(const cJSON *list)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, list)
		if (!cJSON_IsString(item))
			return false;
	return !list || cJSON_IsArray(list);
}

/* What a real server cannot even read is 400. */
static cJSON *unreadable(const char *field, const char *why)
{
	return status_make(
		400, NULL, "Pod in version \"v1\" cannot be handled as a Pod: %s: %s", field, why);
}

/* As text, and its thousandths; a number in JSON is taken as it is written. */
static int read_quantity(const cJSON *q, char **ret_text, int64_t *ret_milli)
{
	*ret_text = cJSON_IsNumber(q) ? cJSON_PrintUnformatted(q)
				      : xstrdup(cJSON_IsString(q) ? q->valuestring : "");
	if (**ret_text != '-')
		return quantity_parse_milli(*ret_text, ret_milli);
	if (quantity_parse_milli(*ret_text + 1, ret_milli) < 0)
		return -EINVAL;
	*ret_milli = -*ret_milli;
	return 0;
}

static cJSON *check_quantities(
	const cJSON *pod, const cJSON *container, const char *of, const char *field)
{
	auto_free char *path = xprintf("resources.%s", of);
	const cJSON *q;

	cJSON_ArrayForEach (q, json_at(container, path)) {
		auto_free char *one = xprintf("%s.%s[%.100s]", field, of, q->string);
		auto_free char *text = NULL, *what = NULL;
		int64_t n;

		if (read_quantity(q, &text, &n) < 0)
			return unreadable(one, "quantities must match the regular expression "
					       "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
		what = xprintf("Invalid value: \"%s\": must be greater than or equal to 0", text);
		if (n < 0)
			return invalid(pod, one, what, "FieldValueInvalid");
	}
	return NULL;
}

static cJSON *check_resources(const cJSON *pod, const cJSON *container, const char *field)
{
	auto_free char *requests = xprintf("%s.requests", field);
	const cJSON *limits = json_at(container, "resources.limits"), *q;
	cJSON *wrong = check_quantities(pod, container, "limits", field);

	if (!wrong)
		wrong = check_quantities(pod, container, "requests", field);
	if (wrong)
		return wrong;
	cJSON_ArrayForEach (q, json_at(container, "resources.requests")) {
		const cJSON *limit = cJSON_GetObjectItemCaseSensitive(limits, q->string);
		auto_free char *text = NULL, *most = NULL, *what = NULL;
		int64_t asked, allowed;

		if (!limit || read_quantity(q, &text, &asked) < 0 ||
			read_quantity(limit, &most, &allowed) < 0 || asked <= allowed)
			continue;
		what = xprintf("Invalid value: \"%s\": must be less than or equal to %s limit",
			text, q->string);
		return invalid(pod, requests, what, "FieldValueInvalid");
	}
	return NULL;
}

/* What clients with types of their own could not read back. */
static cJSON *check_env(const cJSON *container, const char *list, int i)
{
	const cJSON *env = json_at(container, "env"), *one;
	int n = 0;

	cJSON_ArrayForEach (one, env) {
		auto_free char *field = xprintf("spec.%s[%d].env[%d]", list, i, n++);
		const cJSON *value = json_at(one, "value");
		const char *name = json_text(one, "name");

		if (!name || !*name || strchr(name, '='))
			return unreadable(field, "the name must be a string without '='");
		if (value && !cJSON_IsString(value) && !cJSON_IsNull(value))
			return unreadable(field, "the value must be a string");
	}
	return NULL;
}

static cJSON *check_container(const cJSON *pod, const cJSON *container, const char *list, int i)
{
	auto_free char *name_field = xprintf("spec.%s[%d].name", list, i);
	auto_free char *image_field = xprintf("spec.%s[%d].image", list, i);
	auto_free char *command_field = xprintf("spec.%s[%d].command", list, i);
	auto_free char *resources_field = xprintf("spec.%s[%d].resources", list, i);
	const char *name = json_text(container, "name");
	const char *image = json_text(container, "image");
	cJSON *wrong;

	if (!name || !*name)
		return required(pod, name_field);
	if (!path_label_ok(name, 63))
		return invalid(pod, name_field, "must be a lower case RFC 1123 label",
			"FieldValueInvalid");
	if (!image || !*image)
		return required(pod, image_field);
	if (!strings_only(json_at(container, "command")) ||
		!strings_only(json_at(container, "args")))
		return invalid(
			pod, command_field, "must be a list of strings", "FieldValueInvalid");
	wrong = check_env(container, list, i);
	return wrong ? wrong : check_resources(pod, container, resources_field);
}

static bool named_before(const cJSON *list, const cJSON *container)
{
	const cJSON *other;

	cJSON_ArrayForEach (other, list) {
		if (other == container)
			return false;
		if (!strcmp(json_text_or(other, "name", ""), json_text_or(container, "name", "")))
			return true;
	}
	return false;
}

static cJSON *duplicate(const cJSON *pod, const cJSON *container, const char *list, int i)
{
	auto_free char *field = xprintf("spec.%s[%d].name", list, i);
	auto_free char *what = xprintf("Duplicate value: \"%s\"", json_text(container, "name"));

	return invalid(pod, field, what, "FieldValueDuplicate");
}

static cJSON *check_containers(const cJSON *pod, const char *list)
{
	auto_free char *path = xprintf("spec.%s", list);
	const cJSON *containers = json_at(pod, path), *container;
	int i = 0;

	if (cJSON_GetArraySize(containers) > POD_CONTAINERS_MAX)
		return invalid(pod, path, "too many containers", "FieldValueInvalid");
	cJSON_ArrayForEach (container, containers) {
		cJSON *wrong = check_container(pod, container, list, i++);

		if (wrong)
			return wrong;
		if (named_before(containers, container))
			return duplicate(pod, container, list, i - 1);
	}
	return NULL;
}

cJSON *podspec_check(const cJSON *pod)
{
	const char *policy = json_text_or(pod, "spec.restartPolicy", "Always");
	int64_t deadline = json_int(pod, "spec.activeDeadlineSeconds", 1);
	cJSON *wrong;

	if (!cJSON_GetArraySize(json_at(pod, "spec.containers")))
		return required(pod, "spec.containers");
	wrong = check_containers(pod, "containers");
	if (!wrong)
		wrong = check_containers(pod, "initContainers");
	if (wrong)
		return wrong;
	if (strcmp(policy, "Always") != 0 && strcmp(policy, "Never") != 0 &&
		strcmp(policy, "OnFailure") != 0)
		return invalid(pod, "spec.restartPolicy",
			"Unsupported value: supported values: \"Always\", \"OnFailure\", \"Never\"",
			"FieldValueNotSupported");
	if (deadline < 1 || deadline > INT32_MAX)
		return invalid(pod, "spec.activeDeadlineSeconds",
			"must be between 1 and 2147483647, inclusive", "FieldValueInvalid");
	return NULL;
}

static void default_container(cJSON *c)
{
	const char *image = json_text_or(c, "image", "");
	const char *colon = strrchr(image, ':');
	bool latest = !colon || strchr(colon, '/') || !strcmp(colon, ":latest");

	json_default(c, "imagePullPolicy", latest ? "Always" : "IfNotPresent");
	json_default(c, "terminationMessagePath", "/dev/termination-log");
	json_default(c, "terminationMessagePolicy", "File");
	json_object_at(c, "resources");
}

static const char *quality(const cJSON *pod)
{
	const cJSON *c, *q;
	bool any = false, all = true;

	cJSON_ArrayForEach (c, json_at(pod, "spec.containers")) {
		const char *const names[] = { "cpu", "memory" };

		for (int i = 0; i < 2; i++) {
			const cJSON *limit = cJSON_GetObjectItemCaseSensitive(
				json_at(c, "resources.limits"), names[i]);

			q = cJSON_GetObjectItemCaseSensitive(
				json_at(c, "resources.requests"), names[i]);
			any = any || limit || q;
			all = all && limit && (!q || cJSON_Compare(limit, q, true));
		}
	}
	return !any ? "BestEffort" : all ? "Guaranteed" : "Burstable";
}

static cJSON *default_condition(cJSON *status, const char *type, const char *value)
{
	cJSON *c = cJSON_CreateObject();

	json_put_text(c, "type", type);
	json_put_text(c, "status", value);
	cJSON_AddNullToObject(c, "lastProbeTime");
	json_put_now(c, "lastTransitionTime");
	cJSON_AddItemToArray(json_array_at(status, "conditions"), c);
	return c;
}

static void unscheduled(cJSON *status, const char *misfit)
{
	cJSON *c = default_condition(status, "PodScheduled", "False");

	json_put_text(c, "reason", "Unschedulable");
	json_put_text(c, "message", misfit);
}

void podspec_defaults(cJSON *pod, const char *node, const char *misfit)
{
	cJSON *spec = json_object_at(pod, "spec"), *status, *c;

	json_default(spec, "restartPolicy", "Always");
	if (!json_at(spec, "terminationGracePeriodSeconds"))
		json_put_int(spec, "terminationGracePeriodSeconds", 30);
	json_default(spec, "dnsPolicy", "ClusterFirst");
	json_default(spec, "schedulerName", "default-scheduler");
	json_default(spec, "serviceAccountName", "default");
	json_default(spec, "serviceAccount", json_text(spec, "serviceAccountName"));
	json_object_at(spec, "securityContext");
	if (!json_at(spec, "enableServiceLinks"))
		json_put_bool(spec, "enableServiceLinks", true);
	json_put_text(spec, "nodeName", node);
	cJSON_ArrayForEach (c, json_at(spec, "containers"))
		default_container(c);
	cJSON_ArrayForEach (c, json_at(spec, "initContainers"))
		default_container(c);
	json_put(pod, "status", cJSON_CreateObject());
	status = json_object_at(pod, "status");
	json_put_text(status, "phase", "Pending");
	json_put_text(status, "qosClass", quality(pod));
	if (node)
		default_condition(status, "PodScheduled", "True");
	else
		unscheduled(status, misfit);
}

const cJSON *podspec_container(const cJSON *pod, const char *name)
{
	const cJSON *list = json_at(pod, "spec.containers"), *c;

	if (!name || !*name)
		return cJSON_GetArraySize(list) == 1 ? list->child : NULL;
	cJSON_ArrayForEach (c, list)
		if (!strcmp(json_text_or(c, "name", ""), name))
			return c;
	cJSON_ArrayForEach (c, json_at(pod, "spec.initContainers"))
		if (!strcmp(json_text_or(c, "name", ""), name))
			return c;
	return NULL;
}
