#include "plugin/wish.h"

#include "common/base/path.h"
#include "plugin/quantity.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>

#define META_NAME_MAX 63 /* of a label's or annotation's name, "meta-" included */
#define TTL_MIN_MS    1000

static int check_name(const char *name, struct err *err)
{
	if (!name || path_label_ok(name, SANDBOX_NAME_MAX))
		return 0;
	return err_set(err, -EINVAL,
		"\"%.80s\" cannot be a sandbox's name: 1 to %d small letters, digits and '-', "
		"not first or last a '-'",
		name, SANDBOX_NAME_MAX);
}

static int check_runtime(const char *runtime, struct err *err)
{
	if (!runtime || !strcmp(runtime, "node") || !strcmp(runtime, "python"))
		return 0;
	return err_set(err, -EINVAL,
		"--runtime is node or python, not \"%.60s\"; for others use --image", runtime);
}

static bool key_ok(const char *key, size_t n, const char *also)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)key[i]) && !strchr(also, key[i]))
			return false;
	return n > 0;
}

static int check_env(const struct opt_list *env, struct err *err)
{
	for (size_t i = 0; env && i < env->count; i++) {
		const char *text = env->items[i];
		const char *eq = strchr(text, '=');

		if (!eq || isdigit((unsigned char)*text) ||
			!key_ok(text, (size_t)(eq - text), "_.-"))
			return err_set(err, -EINVAL, "-e wants NAME=VALUE, not \"%.60s\"", text);
	}
	return 0;
}

static int check_meta(const struct opt_list *meta, struct err *err)
{
	for (size_t i = 0; meta && i < meta->count; i++) {
		const char *text = meta->items[i];
		const char *eq = strchr(text, '=');
		size_t n = eq ? (size_t)(eq - text) : 0;

		if (!eq || !key_ok(text, n, "_.-") || !isalnum((unsigned char)text[n - 1]) ||
			n + strlen("meta-") > META_NAME_MAX)
			return err_set(err, -EINVAL,
				"--meta wants KEY=VALUE with a key of at most %d letters, digits, "
				"'-', '_' and '.', not \"%.60s\"",
				META_NAME_MAX - (int)strlen("meta-"), text);
	}
	return 0;
}

static int check_quantity(const char *flag, const char *text, struct err *err)
{
	double value;

	if (!text || !quantity_parse(text, &value))
		return 0;
	return err_set(err, -EINVAL, "--%s wants an amount like %s, not \"%.60s\"", flag,
		strstr(flag, "cpu") ? "500m or 2" : "256Mi or 2Gi", text);
}

static int check_policy(const char *policy, struct err *err)
{
	static const char *const known[] = { "Always", "IfNotPresent", "Never" };

	for (size_t i = 0; policy && i < 3; i++)
		if (!strcmp(policy, known[i]))
			return 0;
	if (!policy)
		return 0;
	return err_set(err, -EINVAL,
		"--pull-policy is Always, IfNotPresent or Never, not \"%.60s\"", policy);
}

static int user_number(const char *text, char end, int64_t *ret, const char **rest)
{
	char *stop;
	long long n;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	n = strtoll(text, &stop, 10);
	if (errno || n > INT_MAX || (*stop && *stop != end))
		return -EINVAL;
	*ret = n;
	*rest = *stop ? stop + 1 : NULL;
	return 0;
}

int wish_user(const char *text, int64_t *ret_uid, int64_t *ret_gid, struct err *err)
{
	const char *rest;
	int64_t uid, gid = -1;
	int rc = user_number(text, ':', &uid, &rest);

	if (!rc && rest)
		rc = user_number(rest, '\0', &gid, &rest);
	if (rc < 0)
		return err_set(
			err, rc, "--user wants numbers, UID or UID:GID, not \"%.60s\"", text);
	*ret_uid = uid;
	*ret_gid = gid;
	return 0;
}

static int check_label(const char *flag, const char *text, struct err *err)
{
	if (!text || path_label_ok(text, 253))
		return 0;
	return err_set(err, -EINVAL,
		"--%s wants a name of small letters, digits and '-', not \"%.60s\"", flag, text);
}

static int check_image(const char *image, struct err *err)
{
	if (!image || (*image && !strpbrk(image, " \t\r\n")))
		return 0;
	return err_set(
		err, -EINVAL, "--image wants an image like debian:12-slim, not \"%.60s\"", image);
}

static int check_amounts(const struct pod_wish *w, struct err *err)
{
	int rc = check_quantity("cpu", w->cpu, err);

	if (!rc)
		rc = check_quantity("memory", w->memory, err);
	if (!rc)
		rc = check_quantity("limit-cpu", w->limit_cpu, err);
	if (!rc)
		rc = check_quantity("limit-memory", w->limit_memory, err);
	return rc;
}

static int check_words(const struct pod_wish *w, struct err *err)
{
	int rc = check_name(w->name, err);

	if (!rc)
		rc = check_image(w->image, err);
	if (!rc)
		rc = check_runtime(w->runtime, err);
	if (!rc)
		rc = check_policy(w->pull_policy, err);
	if (!rc)
		rc = check_label("service-account", w->service_account, err);
	if (!rc)
		rc = check_label("runtime-class", w->runtime_class, err);
	return rc;
}

int wish_check(const struct pod_wish *w, struct err *err)
{
	int64_t uid, gid;
	int rc = check_words(w, err);

	if (!rc)
		rc = check_env(w->env, err);
	if (!rc)
		rc = check_meta(w->meta, err);
	if (!rc)
		rc = check_amounts(w, err);
	if (!rc && w->user)
		rc = wish_user(w->user, &uid, &gid, err);
	if (!rc && w->ttl_ms && w->ttl_ms < TTL_MIN_MS)
		rc = err_set(err, -EINVAL, "--ttl is at least a second");
	return rc;
}
