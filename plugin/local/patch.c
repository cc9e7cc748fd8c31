#include "plugin/local/patch.h"
#include "common/base/wire.h"

static const char *const keys[] = { "mountPath", "containerPort", "name", "type", "ip" };

static void merge(cJSON *target, const cJSON *patch, bool strategic);

/* The first key that every element of both lists has, or NULL: then the list is one value. */
static const char *key_of_lists(const cJSON *a, const cJSON *b)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const cJSON *lists[] = { a, b };
		bool all = true;

		for (int k = 0; k < 2; k++) {
			const cJSON *item;

			cJSON_ArrayForEach (item, lists[k])
				all = all && cJSON_GetObjectItemCaseSensitive(item, keys[i]);
		}
		if (all && cJSON_GetArraySize(b))
			return keys[i];
	}
	return NULL;
}

static cJSON *element_with(cJSON *list, const char *key, const cJSON *value)
{
	cJSON *item;

	cJSON_ArrayForEach (item, list)
		if (cJSON_Compare(cJSON_GetObjectItemCaseSensitive(item, key), value, true))
			return item;
	return NULL;
}

static void merge_lists(cJSON *target, const cJSON *patch, const char *key)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, patch) {
		cJSON *old = element_with(target, key, cJSON_GetObjectItemCaseSensitive(item, key));
		const char *directive = json_text_or(item, "$patch", "");

		if (!strcmp(directive, "delete")) {
			if (old)
				cJSON_Delete(cJSON_DetachItemViaPointer(target, old));
		} else if (old) {
			merge(old, item, true);
		} else {
			cJSON_AddItemToArray(target, cJSON_Duplicate(item, true));
		}
	}
}

static void merge_member(cJSON *target, const cJSON *item, bool strategic)
{
	cJSON *old = cJSON_GetObjectItemCaseSensitive(target, item->string);
	const char *key;

	if (cJSON_IsNull(item)) {
		json_put(target, item->string, NULL);
		return;
	}
	if (cJSON_IsObject(item)) {
		merge(json_object_at(target, item->string), item, strategic);
		return;
	}
	key = strategic && cJSON_IsArray(item) && cJSON_IsArray(old) ? key_of_lists(old, item)
								     : NULL;
	if (key)
		merge_lists(old, item, key);
	else
		json_put(target, item->string, cJSON_Duplicate(item, true));
}

static void merge(cJSON *target, const cJSON *patch, bool strategic)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, patch) {
		if (strategic && item->string[0] == '$')
			continue;
		merge_member(target, item, strategic);
	}
}

void patch_merge(cJSON *target, const cJSON *patch)
{
	merge(target, patch, false);
}

void patch_strategic(cJSON *target, const cJSON *patch)
{
	merge(target, patch, true);
}

/* One step of an RFC 6901 pointer, unescaped, into ret. Moves *at behind it. */
static int pointer_step(const char **at, struct buf *ret)
{
	buf_reset(ret);
	if (**at != '/')
		return -EINVAL;
	for ((*at)++; **at && **at != '/'; (*at)++) {
		char c = **at;

		if (c == '~') {
			(*at)++;
			if (**at != '0' && **at != '1')
				return -EINVAL;
			c = **at == '0' ? '~' : '/';
		}
		buf_char(ret, c);
	}
	return buf_check(ret);
}

static cJSON *child(cJSON *parent, const char *step)
{
	uint64_t i;

	if (cJSON_IsObject(parent))
		return cJSON_GetObjectItemCaseSensitive(parent, step);
	if (cJSON_IsArray(parent) && parse_u64(step, 100000, &i) == 0)
		return cJSON_GetArrayItem(parent, (int)i);
	return NULL;
}

/* The container that the pointer's last step is in, that step left in ret. */
static cJSON *pointer_parent(cJSON *target, const char *pointer, struct buf *ret)
{
	while (target) {
		if (pointer_step(&pointer, ret) < 0)
			return NULL;
		if (!*pointer)
			return target;
		target = child(target, buf_text(ret));
	}
	return NULL;
}

static int put_at(cJSON *parent, const char *step, const cJSON *value, bool insert)
{
	uint64_t i, n = (uint64_t)cJSON_GetArraySize(parent);

	if (cJSON_IsObject(parent)) {
		json_put(parent, step, cJSON_Duplicate(value, true));
		return 0;
	}
	if (!cJSON_IsArray(parent))
		return -EINVAL;
	if (insert && !strcmp(step, "-"))
		i = n;
	else if (parse_u64(step, insert ? n : n - 1, &i) < 0 || (!insert && !n))
		return -EINVAL;
	if (insert && i == n)
		cJSON_AddItemToArray(parent, cJSON_Duplicate(value, true));
	else if (insert)
		cJSON_InsertItemInArray(parent, (int)i, cJSON_Duplicate(value, true));
	else
		cJSON_ReplaceItemInArray(parent, (int)i, cJSON_Duplicate(value, true));
	return 0;
}

static int operate(cJSON *target, const cJSON *one, struct err *err)
{
	const char *op = json_text_or(one, "op", ""), *path = json_text_or(one, "path", "");
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(one, "value");
	auto_buf step = BUF_INIT(1024);
	cJSON *parent = pointer_parent(target, path, &step);
	cJSON *old = parent ? child(parent, buf_text(&step)) : NULL;
	int rc = -EINVAL;

	if (!strcmp(op, "test")) {
		if (old && value && cJSON_Compare(old, value, true))
			return 0;
		return err_set(err, -ESTALE, "testing value %s failed", path);
	}
	if (!strcmp(op, "add") && parent && value)
		rc = put_at(parent, buf_text(&step), value, true);
	else if (!strcmp(op, "replace") && old && value)
		rc = put_at(parent, buf_text(&step), value, false);
	else if (!strcmp(op, "remove") && old) {
		cJSON_Delete(cJSON_DetachItemViaPointer(parent, old));
		rc = 0;
	}
	if (rc < 0)
		return err_set(err, rc, "the operation '%s' cannot be applied at '%s'", op, path);
	return 0;
}

int patch_operations(cJSON *target, const cJSON *list, struct err *err)
{
	const cJSON *one;

	if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > PATCH_OPERATIONS)
		return err_set(err, -EINVAL, "a JSON patch is a list of at most %d operations",
			PATCH_OPERATIONS);
	cJSON_ArrayForEach (one, list) {
		int rc = operate(target, one, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}
