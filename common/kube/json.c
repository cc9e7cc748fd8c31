#include "common/kube/json.h"
#include "common/base/buf.h"

#include <limits.h>
#include <math.h>

/* A node of cJSON takes 64 bytes and a two-byte text can make one, so bytes alone bound too little.
 */
#define NODES_MAX (4 * 1024 * 1024)

/* Past the string whose first quote is at `at`. */
static const char *past_string(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++) {
		if (*at == '\\')
			at++;
	}
	return at < end ? at + 1 : end;
}

/*
 * cJSON recurses to 1000 and has no limit on nodes. Both are looked at before it sees the bytes; on
 * text that is not JSON the count means nothing and cJSON refuses it.
 */
static bool within_limits(const char *at, const char *end)
{
	size_t depth = 0, nodes = 1;

	while (at < end) {
		if (*at == '"') {
			at = past_string(at, end);
			continue;
		}
		if (*at == '{' || *at == '[')
			depth++;
		else if ((*at == '}' || *at == ']') && depth > 0)
			depth--;
		if (*at == '{' || *at == '[' || *at == ',')
			nodes++;
		if (depth > JSON_DEPTH_MAX || nodes > NODES_MAX)
			return false;
		at++;
	}
	return true;
}

static bool only_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
		at++;
	return at == end;
}

cJSON *json_parse(const char *bytes, size_t n)
{
	const char *end = NULL;
	cJSON *root;

	if (n == 0 || !within_limits(bytes, bytes + n))
		return NULL;
	root = cJSON_ParseWithLengthOpts(bytes, n, &end, false);
	if (root && !only_blanks(end, bytes + n)) {
		cJSON_Delete(root);
		return NULL;
	}
	return root;
}

static const cJSON *member_n(const cJSON *object, const char *name, size_t n)
{
	const cJSON *found = NULL, *at;

	if (!cJSON_IsObject(object))
		return NULL;
	cJSON_ArrayForEach (at, object) {
		if (at->string && strncmp(at->string, name, n) == 0 && at->string[n] == '\0')
			found = at; /* of duplicates the last one counts, as in Go */
	}
	return cJSON_IsNull(found) ? NULL : found;
}

const cJSON *json_member(const cJSON *object, const char *name)
{
	return member_n(object, name, strlen(name));
}

/* One "[n]" at *path. */
static const cJSON *item(const cJSON *array, const char **path)
{
	char *end;
	long i = strtol(*path + 1, &end, 10);

	if (*end != ']' || !cJSON_IsArray(array) || i < 0 || i > INT32_MAX)
		return NULL;
	*path = end + 1;
	return cJSON_GetArrayItem(array, (int)i);
}

const cJSON *json_at(const cJSON *root, const char *path)
{
	while (root && *path) {
		if (*path == '[') {
			root = item(root, &path);
		} else {
			size_t n = strcspn(path, ".[");

			root = member_n(root, path, n);
			path += n;
		}
		if (*path == '.')
			path++;
	}
	return cJSON_IsNull(root) ? NULL : root;
}

const char *json_str(const cJSON *root, const char *path, const char *otherwise)
{
	const cJSON *at = json_at(root, path);

	return cJSON_IsString(at) ? at->valuestring : otherwise;
}

double json_num(const cJSON *root, const char *path, double otherwise)
{
	const cJSON *at = json_at(root, path);

	return cJSON_IsNumber(at) && isfinite(at->valuedouble) ? at->valuedouble : otherwise;
}

int json_int(const cJSON *root, const char *path, int otherwise)
{
	double n = json_num(root, path, otherwise);

	return n >= INT_MAX ? INT_MAX : n <= INT_MIN ? INT_MIN : (int)n;
}

bool json_bool(const cJSON *root, const char *path, bool otherwise)
{
	const cJSON *at = json_at(root, path);

	return cJSON_IsBool(at) ? cJSON_IsTrue(at) : otherwise;
}

static const char *text_of(const cJSON *value, const char *otherwise)
{
	return cJSON_IsString(value) ? value->valuestring : otherwise;
}

const char *json_label(const cJSON *object, const char *name, const char *otherwise)
{
	return text_of(json_member(json_at(object, "metadata.labels"), name), otherwise);
}

const char *json_annotation(const cJSON *object, const char *name, const char *otherwise)
{
	return text_of(json_member(json_at(object, "metadata.annotations"), name), otherwise);
}

/* Puts value under name, in the place of any that were there. */
static void put(cJSON *object, const char *name, cJSON *value)
{
	while (cJSON_GetObjectItemCaseSensitive(object, name))
		cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	if (value && !cJSON_AddItemToObject(object, name, value))
		abort();
}

void json_set(cJSON *object, const char *path, cJSON *value)
{
	for (;;) {
		size_t n = strcspn(path, ".");
		auto_free char *name = xstrndup(path, n);
		cJSON *next;

		if (path[n] == '\0') {
			put(object, name, value);
			return;
		}
		next = (cJSON *)json_member(object, name);
		if (!cJSON_IsObject(next)) {
			if (!value)
				return;
			next = cJSON_CreateObject();
			put(object, name, next);
		}
		object = next;
		path += n + 1;
	}
}

void json_set_str(cJSON *object, const char *path, const char *value)
{
	json_set(object, path, value ? cJSON_CreateString(value) : NULL);
}
