#include "plugin/local/podenv.h"
#include "common/base/base64.h"
#include "common/base/wire.h"

#define VALUE_BYTES_MAX (1u << 20)

struct from {
	struct store *store;
	const cJSON *pod;
	const char *ns;
};

/* A key of a ConfigMap or Secret, as text. -ENOENT. */
static int look_up(const struct from *f, const char *plural, const char *name, const char *key,
	struct buf *ret)
{
	auto_snap struct snap *s = store_get(f->store, resource_named(plural), f->ns, name);
	const cJSON *data = s ? json_at(s->json, "data") : NULL;
	const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, key));
	const char *plain = NULL;

	if (s)
		plain = cJSON_GetStringValue(
			cJSON_GetObjectItemCaseSensitive(json_at(s->json, "stringData"), key));
	if (plain) {
		buf_str(ret, plain);
		return 0;
	}
	if (!value)
		return -ENOENT;
	if (!strcmp(plural, "secrets"))
		return base64_decode(value, strlen(value), ret);
	buf_str(ret, value);
	return 0;
}

static int from_reference(const struct from *f, const char *plural, const cJSON *ref,
	struct buf *ret, struct err *err)
{
	const char *name = json_text_or(ref, "name", ""), *key = json_text_or(ref, "key", "");
	int rc = look_up(f, plural, name, key, ret);

	if (rc == -ENOENT && json_is_true(ref, "optional"))
		return 1;
	if (rc < 0)
		return err_set(
			err, rc, "couldn't find key %s in %s %s/%s", key, plural, f->ns, name);
	return 0;
}

/* metadata.labels['NAME']; what is not there is empty, as in Kubernetes. */
static bool from_map(const struct from *f, const char *path, struct buf *ret)
{
	static const char *const maps[] = { "metadata.labels", "metadata.annotations" };

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		size_t n = strlen(maps[i]), all = strlen(path);
		auto_free char *key = NULL;
		const char *value;

		if (all < n + 5 || strncmp(path, maps[i], n) != 0 ||
			strncmp(path + n, "['", 2) != 0 || strcmp(path + all - 2, "']") != 0)
			continue;
		key = xstrndup(path + n + 2, all - n - 4);
		value = cJSON_GetStringValue(
			cJSON_GetObjectItemCaseSensitive(json_at(f->pod, maps[i]), key));
		buf_str(ret, value ? value : "");
		return true;
	}
	return false;
}

static int from_field(const struct from *f, const char *path, struct buf *ret, struct err *err)
{
	static const char *const fields[] = { "metadata.name", "metadata.namespace", "metadata.uid",
		"spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.podIP" };

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (strcmp(path, fields[i]) != 0)
			continue;
		buf_str(ret, json_text_or(f->pod, path, "127.0.0.1"));
		return 0;
	}
	if (from_map(f, path, ret))
		return 0;
	return err_set(err, -ENOTSUP, "fieldPath '%s' is not served by this engine", path);
}

/* 1: optional and absent. */
static int value_from(const struct from *f, const cJSON *source, struct buf *ret, struct err *err)
{
	const cJSON *item;

	if ((item = json_at(source, "configMapKeyRef")))
		return from_reference(f, "configmaps", item, ret, err);
	if ((item = json_at(source, "secretKeyRef")))
		return from_reference(f, "secrets", item, ret, err);
	if ((item = json_at(source, "fieldRef")))
		return from_field(f, json_text_or(item, "fieldPath", ""), ret, err);
	return err_set(err, -ENOTSUP, "this kind of valueFrom is not served by this engine");
}

static int resolve_env(const struct from *f, cJSON *container, struct err *err)
{
	cJSON *one, *kept = cJSON_CreateArray();

	cJSON_ArrayForEach (one, json_at(container, "env")) {
		auto_buf value = BUF_INIT(VALUE_BYTES_MAX);
		const cJSON *source = json_at(one, "valueFrom");
		cJSON *plain;
		int rc = source ? value_from(f, source, &value, err) : 0;

		if (rc < 0) {
			cJSON_Delete(kept);
			return rc;
		}
		if (rc > 0)
			continue;
		plain = cJSON_CreateObject();
		json_put_text(plain, "name", json_text(one, "name"));
		json_put_text(
			plain, "value", source ? buf_text(&value) : json_text_or(one, "value", ""));
		cJSON_AddItemToArray(kept, plain);
	}
	json_put(container, "env", kept);
	return 0;
}

static int add_all(const struct from *f, cJSON *env, const char *plural, const cJSON *ref,
	const char *prefix, struct err *err)
{
	const char *name = json_text_or(ref, "name", "");
	auto_snap struct snap *s = store_get(f->store, resource_named(plural), f->ns, name);
	const cJSON *item;
	int at = 0;

	if (!s && json_is_true(ref, "optional"))
		return 0;
	if (!s)
		return err_set(err, -ENOENT, "%s \"%s\" not found", plural, name);
	cJSON_ArrayForEach (item, json_at(s->json, "data")) {
		auto_buf value = BUF_INIT(VALUE_BYTES_MAX);
		auto_free char *full = xprintf("%s%s", prefix, item->string);
		cJSON *plain = cJSON_CreateObject();

		look_up(f, plural, name, item->string, &value);
		json_put_text(plain, "name", full);
		json_put_text(plain, "value", buf_text(&value));
		cJSON_InsertItemInArray(env, at++, plain);
	}
	return 0;
}

static int resolve_env_from(const struct from *f, cJSON *container, struct err *err)
{
	cJSON *env = json_array_at(container, "env"), *one;

	cJSON_ArrayForEach (one, json_at(container, "envFrom")) {
		const char *prefix = json_text_or(one, "prefix", "");
		const cJSON *map = json_at(one, "configMapRef"),
			    *secret = json_at(one, "secretRef");
		int rc = 0;

		if (map)
			rc = add_all(f, env, "configmaps", map, prefix, err);
		if (rc == 0 && secret)
			rc = add_all(f, env, "secrets", secret, prefix, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int podenv_resolve(struct store *st, cJSON *pod, const char **ret_container, struct err *err)
{
	static const char *const lists[] = { "spec.initContainers", "spec.containers" };
	struct from f = { st, pod, json_text_or(pod, "metadata.namespace", "") };
	cJSON *c;

	for (int i = 0; i < 2; i++) {
		cJSON_ArrayForEach (c, json_at(pod, lists[i])) {
			int rc = resolve_env(&f, c, err);

			if (rc == 0)
				rc = resolve_env_from(&f, c, err);
			if (rc < 0) {
				*ret_container = json_text_or(c, "name", "");
				return rc;
			}
		}
	}
	return 0;
}
