#include "plugin/wish.h"

#include "common/base/path.h"
#include "plugin/podparts.h"
#include "plugin/quantity.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <strings.h>

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
	for (size_t i = 0; i < env->count; i++) {
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
	for (size_t i = 0; i < meta->count; i++) {
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

/* A name with an optional prefix before one slash, as labels have. */
static bool label_key_ok(const char *key, size_t n)
{
	const char *slash = memchr(key, '/', n);
	const char *name = slash ? slash + 1 : key;
	size_t rest = n - (size_t)(name - key);

	if (slash && !key_ok(key, (size_t)(slash - key), ".-"))
		return false;
	return rest <= META_NAME_MAX && key_ok(name, rest, "_.-") &&
	       isalnum((unsigned char)*name) && isalnum((unsigned char)name[rest - 1]);
}

static bool label_value_ok(const char *value)
{
	size_t n = strlen(value);

	return !n || (n <= 63 && key_ok(value, n, "_.-") && isalnum((unsigned char)*value) &&
			     isalnum((unsigned char)value[n - 1]));
}

static int check_pairs(const char *flag, const struct opt_list *pairs, struct err *err)
{
	for (size_t i = 0; i < pairs->count; i++) {
		const char *text = pairs->items[i], *eq = strchr(text, '=');

		if (!eq || !label_key_ok(text, (size_t)(eq - text)) || !label_value_ok(eq + 1))
			return err_set(err, -EINVAL,
				"--%s wants KEY=VALUE as labels are, not \"%.80s\"", flag, text);
	}
	return 0;
}

/* These say whose it is: others go by them. */
static int check_labels(const struct opt_list *labels, struct err *err)
{
	for (size_t i = 0; i < labels->count; i++)
		if (!strncmp(labels->items[i], "computesdk.io/", strlen("computesdk.io/")) ||
			!strncmp(labels->items[i], "kubectl-sbx/", strlen("kubectl-sbx/")))
			return err_set(err, -EINVAL,
				"--label %.80s: the labels of computesdk.io/ and kubectl-sbx/ are "
				"set by "
				"create itself",
				labels->items[i]);
	return check_pairs("label", labels, err);
}

static int check_network(const char *network, struct err *err)
{
	if (!network || !strcmp(network, "none") || !strcmp(network, "egress") ||
		!strcmp(network, "default"))
		return 0;
	return err_set(
		err, -EINVAL, "--network is none, egress or default, not \"%.60s\"", network);
}

int wish_capability(const char *text, char ret[static WISH_CAPABILITY_MAX + 1], struct err *err)
{
	const char *name = strncasecmp(text, "CAP_", 4) ? text : text + 4;
	size_t n = strlen(name);

	if (!n || n > WISH_CAPABILITY_MAX || !key_ok(name, n, "_"))
		return err_set(err, -EINVAL,
			"--cap-add wants a capability like NET_BIND_SERVICE, or \"default\", not "
			"\"%.60s\"",
			text);
	for (size_t i = 0; i <= n; i++)
		ret[i] = (char)toupper((unsigned char)name[i]);
	return 0;
}

static int check_capabilities(const struct opt_list *names, struct err *err)
{
	char name[WISH_CAPABILITY_MAX + 1];
	int rc = 0;

	for (size_t i = 0; !rc && i < names->count; i++)
		rc = wish_capability(names->items[i], name, err);
	return rc;
}

static int check_volumes(const struct pod_wish *w, struct err *err)
{
	for (size_t i = 0; i < w->o.volumes.count; i++) {
		struct volume_words v;
		int rc = volume_parse(w->o.volumes.items[i], &v, err);
		bool host = !rc && !strcmp(v.kind, "hostPath");

		if (rc < 0)
			return rc;
		volume_fini(&v);
		if (host && w->o.host_paths != OPT_YES)
			return err_set(err, -EINVAL,
				"-v %.100s shows the node's own files to the sandbox; if that is "
				"meant, "
				"add --allow-host-path",
				w->o.volumes.items[i]);
	}
	return 0;
}

static int check_tolerations(const struct opt_list *list, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < list->count; i++) {
		cJSON *one = NULL;

		rc = toleration_parse(list->items[i], &one, err);
		cJSON_Delete(one);
	}
	return rc;
}

static int check_user(const struct wish_opts *o, struct err *err)
{
	int64_t uid = -1, gid;
	int rc = o->user ? wish_user(o->user, &uid, &gid, err) : 0;

	if (!rc && o->non_root == OPT_YES && uid == 0)
		return err_set(err, -EINVAL, "--non-root and --user 0 contradict each other");
	if (!rc && o->pids && uid == 0)
		return err_set(err, -EINVAL,
			"--pids does not count root's processes: give another --user");
	return rc;
}

static int check_image(const char *image, struct err *err)
{
	if (!image || (*image && !strpbrk(image, " \t\r\n")))
		return 0;
	return err_set(
		err, -EINVAL, "--image wants an image like debian:12-slim, not \"%.60s\"", image);
}

static int check_pair(const char *what, const char *request, const char *limit, struct err *err)
{
	double low, high;

	if (!request || !limit || quantity_parse(request, &low) || quantity_parse(limit, &high) ||
		low <= high)
		return 0;
	return err_set(
		err, -EINVAL, "--%s %s is more than --limit-%s %s", what, request, what, limit);
}

static int check_amounts(const struct pod_wish *w, struct err *err)
{
	int rc = check_quantity("cpu", w->o.cpu, err);

	if (!rc)
		rc = check_quantity("memory", w->o.memory, err);
	if (!rc)
		rc = check_quantity("limit-cpu", w->o.limit_cpu, err);
	if (!rc)
		rc = check_quantity("limit-memory", w->o.limit_memory, err);
	if (!rc)
		rc = check_pair("cpu", w->o.cpu, w->o.limit_cpu, err);
	if (!rc)
		rc = check_pair("memory", w->o.memory, w->o.limit_memory, err);
	return rc;
}

static int check_words(const struct pod_wish *w, struct err *err)
{
	int rc = check_name(w->name, err);

	if (!rc)
		rc = check_image(w->o.image, err);
	if (!rc)
		rc = check_runtime(w->o.runtime, err);
	if (!rc)
		rc = check_policy(w->o.pull_policy, err);
	if (!rc)
		rc = check_label("service-account", w->o.service_account, err);
	if (!rc)
		rc = check_label("runtime-class", w->o.runtime_class, err);
	return rc;
}

static int check_lists(const struct pod_wish *w, struct err *err)
{
	int rc = check_env(&w->o.env, err);

	if (!rc)
		rc = check_meta(&w->o.meta, err);
	if (!rc)
		rc = check_labels(&w->o.labels, err);
	if (!rc)
		rc = check_pairs("node-selector", &w->o.node_selector, err);
	if (!rc)
		rc = check_tolerations(&w->o.tolerations, err);
	if (!rc)
		rc = check_capabilities(&w->o.capabilities, err);
	if (!rc)
		rc = check_volumes(w, err);
	for (size_t i = 0; !rc && i < w->o.pull_secrets.count; i++)
		rc = check_label("pull-secret", w->o.pull_secrets.items[i], err);
	return rc;
}

int wish_check(const struct pod_wish *w, struct err *err)
{
	int rc = check_words(w, err);

	if (!rc)
		rc = check_lists(w, err);
	if (!rc)
		rc = check_amounts(w, err);
	if (!rc)
		rc = check_network(w->o.network, err);
	if (!rc)
		rc = check_user(&w->o, err);
	if (!rc && w->o.workdir && w->o.workdir[0] != '/')
		rc = err_set(err, -EINVAL, "--workdir wants a path from the root, not \"%.100s\"",
			w->o.workdir);
	if (!rc && w->o.ttl_ms && w->o.ttl_ms < TTL_MIN_MS)
		rc = err_set(err, -EINVAL, "--ttl is at least a second");
	if (!rc && w->o.max_ttl_ms && w->o.max_ttl_ms < (w->o.ttl_ms ? w->o.ttl_ms : TTL_MIN_MS))
		rc = err_set(
			err, -EINVAL, "--max-ttl is at least a second, and not less than --ttl");
	if (!rc && w->o.idle_ms && w->o.idle_ms < TTL_MIN_MS)
		rc = err_set(err, -EINVAL, "--idle is at least a second");
	return rc;
}
