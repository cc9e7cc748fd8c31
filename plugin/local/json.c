#include "plugin/local/json.h"
#include "common/base/clock.h"
#include "common/base/io.h"

#include <ctype.h>

#define JSON_FILE_BYTES_MAX (4u << 20)

void json_free_at(cJSON **at)
{
	cJSON_Delete(*at);
}

cJSON *json_at(const cJSON *json, const char *path)
{
	char name[128];

	while (json && *path) {
		size_t n = strcspn(path, ".");

		if (n >= sizeof(name))
			return NULL;
		memcpy(name, path, n);
		name[n] = '\0';
		json = cJSON_GetObjectItemCaseSensitive(json, name);
		path += n + (path[n] == '.');
	}
	return (cJSON *)json;
}

const char *json_text(const cJSON *json, const char *path)
{
	return cJSON_GetStringValue(json_at(json, path));
}

const char *json_text_or(const cJSON *json, const char *path, const char *otherwise)
{
	const char *text = json_text(json, path);

	return text ? text : otherwise;
}

int64_t json_int(const cJSON *json, const char *path, int64_t otherwise)
{
	const cJSON *item = json_at(json, path);

	if (!cJSON_IsNumber(item) || item->valuedouble > 9e15 || item->valuedouble < -9e15)
		return otherwise;
	return (int64_t)item->valuedouble;
}

bool json_is_true(const cJSON *json, const char *path)
{
	return cJSON_IsTrue(json_at(json, path));
}

cJSON *json_object_at(cJSON *json, const char *name)
{
	cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

	if (cJSON_IsObject(item))
		return item;
	cJSON_DeleteItemFromObjectCaseSensitive(json, name);
	return cJSON_AddObjectToObject(json, name);
}

cJSON *json_array_at(cJSON *json, const char *name)
{
	cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

	if (cJSON_IsArray(item))
		return item;
	cJSON_DeleteItemFromObjectCaseSensitive(json, name);
	return cJSON_AddArrayToObject(json, name);
}

void json_put(cJSON *json, const char *name, cJSON *takes)
{
	if (!takes)
		cJSON_DeleteItemFromObjectCaseSensitive(json, name);
	else if (cJSON_GetObjectItemCaseSensitive(json, name))
		cJSON_ReplaceItemInObjectCaseSensitive(json, name, takes);
	else
		cJSON_AddItemToObject(json, name, takes);
}

void json_put_text(cJSON *json, const char *name, const char *text)
{
	json_put(json, name, text ? cJSON_CreateString(text) : NULL);
}

void json_put_int(cJSON *json, const char *name, int64_t n)
{
	json_put(json, name, cJSON_CreateNumber((double)n));
}

void json_put_bool(cJSON *json, const char *name, bool yes)
{
	json_put(json, name, cJSON_CreateBool(yes));
}

void json_default(cJSON *json, const char *name, const char *text)
{
	if (!cJSON_GetObjectItemCaseSensitive(json, name))
		json_put_text(json, name, text);
}

void json_wall(char ret[static 32], int64_t wall_ms)
{
	rfc3339_print(wall_ms / 1000 * 1000, ret);
}

void json_put_now(cJSON *json, const char *name)
{
	char when[32];

	json_wall(when, clock_wall_ms());
	json_put_text(json, name, when);
}

int json_parse(const char *text, size_t n, cJSON **ret)
{
	const char *end = NULL;
	cJSON *json = cJSON_ParseWithLengthOpts(text, n, &end, false);

	if (!json)
		return -EBADMSG;
	while (end < text + n && (isspace((unsigned char)*end) || !*end))
		end++;
	if (end != text + n) {
		cJSON_Delete(json);
		return -EBADMSG;
	}
	*ret = json;
	return 0;
}

int json_load(const char *path, cJSON **ret)
{
	auto_buf text = BUF_INIT(JSON_FILE_BYTES_MAX);
	int rc = io_read_file(path, &text);

	if (rc < 0)
		return rc;
	return json_parse(buf_text(&text), text.len, ret);
}

int json_save(const char *path, const cJSON *json)
{
	auto_free char *text = cJSON_PrintUnformatted(json);

	if (!text)
		return -ENOMEM;
	return io_replace_file(path, text, strlen(text), 0600);
}
