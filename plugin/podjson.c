#include "plugin/podjson.h"

#include "common/kube/json.h"

#include <string.h>

static cJSON *child(cJSON *object, const char *name, bool fits, cJSON *(*make)(void))
{
	cJSON *c = cJSON_GetObjectItemCaseSensitive(object, name);

	if (c && fits)
		return c;
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	c = make();
	cJSON_AddItemToObject(object, name, c);
	return c;
}

cJSON *pj_object(cJSON *object, const char *name)
{
	return child(object, name, cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(object, name)),
		cJSON_CreateObject);
}

cJSON *pj_array(cJSON *object, const char *name)
{
	return child(object, name, cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(object, name)),
		cJSON_CreateArray);
}

void pj_put(cJSON *object, const char *name, cJSON *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	cJSON_AddItemToObject(object, name, value);
}

void pj_put_str(cJSON *object, const char *name, const char *value)
{
	pj_put(object, name, cJSON_CreateString(value));
}

bool pj_has(const cJSON *object, const char *name)
{
	const cJSON *c = cJSON_GetObjectItemCaseSensitive(object, name);

	return c && !cJSON_IsNull(c);
}

void pj_settle(cJSON *object, const char *name, const char *wish, const char *otherwise)
{
	if (wish)
		pj_put_str(object, name, wish);
	else if (!pj_has(object, name) && otherwise)
		pj_put_str(object, name, otherwise);
}

void pj_settle_bool(cJSON *object, const char *name, bool otherwise)
{
	if (!pj_has(object, name))
		pj_put(object, name, cJSON_CreateBool(otherwise));
}

cJSON *pj_named(const cJSON *array, const char *key, const char *value)
{
	cJSON *at;

	cJSON_ArrayForEach (at, array)
		if (!strcmp(json_str(at, key, ""), value))
			return at;
	return NULL;
}

cJSON *pj_named_anew(cJSON *array, const char *key, const char *value)
{
	cJSON *one;

	while ((one = pj_named(array, key, value)))
		cJSON_Delete(cJSON_DetachItemViaPointer(array, one));
	one = cJSON_CreateObject();
	pj_put_str(one, key, value);
	cJSON_AddItemToArray(array, one);
	return one;
}
