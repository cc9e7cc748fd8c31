#include "plugin/pod.h"

#include "common/base/clock.h"
#include "common/base/path.h"
#include "common/kube/json.h"
#include "plugin/quantity.h"
#include "plugin/wish.h"

#include <errno.h>
#include <sys/random.h>

#define IMAGE_OTHERWISE "debian:12-slim"

static const struct {
	const char *runtime, *image;
} runtimes[] = {
	{ "node", "node:20-alpine" },
	{ "python", "python:3.11-slim" },
};

static const struct {
	const char *name, *request, *limit;
} amounts[] = {
	{ "cpu", "250m", "1" },
	{ "memory", "256Mi", "1Gi" },
};

/*
 * Keeps the container alive, reaps what is orphaned to it (it is process 1, and every wait of a
 * shell collects any child) and ends at once on TERM. An image without sleep waits on a terminal
 * that nobody will ever open the other end of: builtins alone cannot wait for nothing.
 */
static const char keepalive[] = "trap 'exit 0' TERM INT\n"
				"if command -v sleep >/dev/null 2>&1; then\n"
				"\twhile :; do sleep 3600 & wait $!; done\n"
				"fi\n"
				"while read -r line </dev/ptmx || [ $? -gt 128 ]; do :; done\n"
				"echo 'kubectl-sbx: this image has no sleep' >&2\n"
				"exit 69\n";

/* object's member name, an object itself, made when it is not there */
static cJSON *child(cJSON *object, const char *name)
{
	cJSON *c = cJSON_GetObjectItemCaseSensitive(object, name);

	if (cJSON_IsObject(c))
		return c;
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	return cJSON_AddObjectToObject(object, name);
}

static void put(cJSON *object, const char *name, cJSON *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	cJSON_AddItemToObject(object, name, value);
}

static void put_str(cJSON *object, const char *name, const char *value)
{
	put(object, name, cJSON_CreateString(value));
}

static bool has(const cJSON *object, const char *name)
{
	const cJSON *c = cJSON_GetObjectItemCaseSensitive(object, name);

	return c && !cJSON_IsNull(c);
}

/* wish, if any, else what is there, else otherwise (NULL: leave it off) */
static void settle(cJSON *object, const char *name, const char *wish, const char *otherwise)
{
	if (wish)
		put_str(object, name, wish);
	else if (!has(object, name) && otherwise)
		put_str(object, name, otherwise);
}

static void settle_false(cJSON *object, const char *name)
{
	if (!has(object, name))
		put(object, name, cJSON_CreateFalse());
}

/* Letters as Kubernetes itself uses for made-up names: no vowels, so no words. */
static void random_letters(char *ret, size_t n)
{
	static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
	unsigned char bytes[16];

	if (n > sizeof(bytes) || getrandom(bytes, n, 0) != (ssize_t)n)
		abort();
	for (size_t i = 0; i < n; i++)
		ret[i] = alphabet[bytes[i] % (sizeof(alphabet) - 1)];
	ret[n] = '\0';
}

static void made_up_name(char ret[static 16])
{
	memcpy(ret, "sbx-", 4);
	random_letters(ret + 4, 5);
}

static int choose_name(const struct pod_wish *w, const cJSON *pod,
	char ret[static SANDBOX_NAME_MAX + 1], struct err *err)
{
	const char *name = w->name ? w->name : json_str(pod, "metadata.name", "");
	char made_up[16];

	if (!*name) {
		made_up_name(made_up);
		name = made_up;
	}
	if (!path_label_ok(name, SANDBOX_NAME_MAX))
		return err_set(err, -EINVAL,
			"the Pod's name \"%.80s\" is no sandbox's: at most %d small letters, "
			"digits "
			"and '-'; give another as NAME",
			name, SANDBOX_NAME_MAX);
	memcpy(ret, name, strlen(name) + 1);
	return 0;
}

static int check_base(const struct pod_wish *w, const cJSON *pod, struct err *err)
{
	const char *ns = json_str(pod, "metadata.namespace", "");

	if (!cJSON_IsObject(pod) || strcmp(json_str(pod, "kind", "Pod"), "Pod"))
		return err_set(err, -EINVAL, "the file's object is no Pod (kind \"%.60s\")",
			json_str(pod, "kind", ""));
	if (*ns && strcmp(ns, w->ns))
		return err_set(err, -EINVAL,
			"the file says namespace \"%.63s\", the flags say \"%s\"; use -n %.63s", ns,
			w->ns, ns);
	return 0;
}

/* Any other value than these two breaks the other users of these labels, so it is left off. */
static void set_runtime(cJSON *labels, const char *wish)
{
	const cJSON *old = json_member(labels, LABEL_RUNTIME);
	const char *there = cJSON_IsString(old) ? old->valuestring : "";

	if (wish)
		put_str(labels, LABEL_RUNTIME, wish);
	else if (strcmp(there, "node") && strcmp(there, "python"))
		cJSON_DeleteItemFromObjectCaseSensitive(labels, LABEL_RUNTIME);
}

static void set_metadata(const struct pod_wish *w, cJSON *metadata, const char *name)
{
	cJSON *labels, *annotations;
	char text[32];

	cJSON_DeleteItemFromObjectCaseSensitive(metadata, "generateName");
	cJSON_DeleteItemFromObjectCaseSensitive(metadata, "resourceVersion");
	cJSON_DeleteItemFromObjectCaseSensitive(metadata, "uid");
	put_str(metadata, "name", name);
	put_str(metadata, "namespace", w->ns);
	labels = child(metadata, "labels");
	put_str(labels, LABEL_MANAGED, "true");
	put_str(labels, LABEL_SANDBOX_ID, name);
	set_runtime(labels, w->runtime);
	annotations = child(metadata, "annotations");
	put_str(annotations, ANNOTATION_DEFAULT_CONTAINER, SANDBOX_CONTAINER);
	random_letters(text, 16);
	put_str(annotations, ANNOTATION_REQUEST, text);
	if (w->ttl_ms) {
		rfc3339_print(w->now_ms + w->ttl_ms, text);
		put_str(annotations, ANNOTATION_EXPIRES, text);
	}
	for (size_t i = 0; w->meta && i < w->meta->count; i++) {
		const char *eq = strchr(w->meta->items[i], '=');
		auto_free char *key = xprintf(
			META_PREFIX "%.*s", (int)(eq - w->meta->items[i]), w->meta->items[i]);

		put_str(annotations, key, eq + 1);
	}
}

/* The container that becomes the sandbox: the one so called, else the only one, else a new one. */
static int find_container(cJSON *spec, cJSON **ret, struct err *err)
{
	cJSON *all = cJSON_GetObjectItemCaseSensitive(spec, "containers");
	cJSON *c;

	if (!cJSON_IsArray(all)) {
		cJSON_DeleteItemFromObjectCaseSensitive(spec, "containers");
		all = cJSON_AddArrayToObject(spec, "containers");
	}
	cJSON_ArrayForEach (c, all) {
		if (strcmp(json_str(c, "name", ""), SANDBOX_CONTAINER))
			continue;
		*ret = c;
		return 0;
	}
	if (cJSON_GetArraySize(all) > 1)
		return err_set(err, -EINVAL,
			"the Pod has several containers; call the one to work in "
			"\"" SANDBOX_CONTAINER "\"");
	c = cJSON_GetArrayItem(all, 0);
	if (!cJSON_IsObject(c)) {
		cJSON_DeleteItemFromArray(all, 0);
		c = cJSON_CreateObject();
		cJSON_AddItemToArray(all, c);
	}
	put_str(c, "name", SANDBOX_CONTAINER);
	*ret = c;
	return 0;
}

static void set_command(const struct pod_wish *w, cJSON *container)
{
	cJSON *command;

	if (!w->command && (has(container, "command") || has(container, "args")))
		return;
	command = cJSON_CreateArray();
	for (int i = 0; i < w->command_count; i++)
		cJSON_AddItemToArray(command, cJSON_CreateString(w->command[i]));
	if (!w->command) {
		cJSON_AddItemToArray(command, cJSON_CreateString("sh"));
		cJSON_AddItemToArray(command, cJSON_CreateString("-c"));
		cJSON_AddItemToArray(command, cJSON_CreateString(keepalive));
	}
	put(container, "command", command);
}

static void set_env(const struct pod_wish *w, cJSON *container)
{
	cJSON *env = cJSON_GetObjectItemCaseSensitive(container, "env");

	if (!w->env || !w->env->count)
		return;
	if (!cJSON_IsArray(env)) {
		cJSON_DeleteItemFromObjectCaseSensitive(container, "env");
		env = cJSON_AddArrayToObject(container, "env");
	}
	for (size_t i = 0; i < w->env->count; i++) {
		const char *eq = strchr(w->env->items[i], '=');
		auto_free char *name = xstrndup(w->env->items[i], (size_t)(eq - w->env->items[i]));
		cJSON *one = NULL, *at;
		int index = 0;

		/* the API refuses nothing here, but of two of one name only the last counts */
		cJSON_ArrayForEach (at, env) {
			if (!strcmp(json_str(at, "name", ""), name))
				break;
			index++;
		}
		if (at)
			cJSON_DeleteItemFromArray(env, index);
		one = cJSON_CreateObject();
		put_str(one, "name", name);
		put_str(one, "value", eq + 1);
		cJSON_AddItemToArray(env, one);
	}
}

static double amount(const char *text)
{
	double value = 0;

	return text && !quantity_parse(text, &value) ? value : 0;
}

/* One resource; a default never contradicts what was wished for the other side. */
static void set_amount(cJSON *container, size_t which, const char *request, const char *limit)
{
	cJSON *resources = child(container, "resources");
	cJSON *requests = child(resources, "requests");
	cJSON *limits = child(resources, "limits");
	const char *name = amounts[which].name;
	const char *low = amounts[which].request;
	const char *high = amounts[which].limit;

	if (!request)
		request = json_str(requests, name, NULL);
	if (!limit)
		limit = json_str(limits, name, NULL);
	if (request && amount(request) > amount(high))
		high = request;
	if (limit && amount(limit) < amount(low))
		low = limit;
	settle(requests, name, request, low);
	settle(limits, name, limit, high);
}

static void set_user(const struct pod_wish *w, cJSON *security)
{
	int64_t uid, gid;

	if (!w->user || wish_user(w->user, &uid, &gid, NULL) < 0)
		return;
	put(security, "runAsUser", cJSON_CreateNumber((double)uid));
	if (gid >= 0)
		put(security, "runAsGroup", cJSON_CreateNumber((double)gid));
}

static const char *otherwise_image(const struct pod_wish *w)
{
	for (size_t i = 0; w->runtime && i < sizeof(runtimes) / sizeof(*runtimes); i++)
		if (!strcmp(w->runtime, runtimes[i].runtime))
			return runtimes[i].image;
	return w->otherwise_image ? w->otherwise_image : IMAGE_OTHERWISE;
}

static void set_container(const struct pod_wish *w, cJSON *c)
{
	cJSON *security;

	settle(c, "image", w->image, otherwise_image(w));
	settle(c, "imagePullPolicy", w->pull_policy, "IfNotPresent");
	set_command(w, c);
	set_env(w, c);
	set_amount(c, 0, w->cpu, w->limit_cpu);
	set_amount(c, 1, w->memory, w->limit_memory);
	security = child(c, "securityContext");
	settle_false(security, "allowPrivilegeEscalation");
	set_user(w, security);
}

static int set_spec(const struct pod_wish *w, cJSON *spec, struct err *err)
{
	cJSON *container = NULL;
	int rc = find_container(spec, &container, err);

	if (rc < 0)
		return rc;
	set_container(w, container);
	settle(spec, "restartPolicy", NULL, "Never");
	settle(spec, "serviceAccountName", w->service_account, NULL);
	settle(spec, "runtimeClassName", w->runtime_class, NULL);
	settle_false(spec, "automountServiceAccountToken");
	if (!has(spec, "terminationGracePeriodSeconds"))
		put(spec, "terminationGracePeriodSeconds", cJSON_CreateNumber(5));
	if (w->ttl_ms)
		put(spec, "activeDeadlineSeconds",
			cJSON_CreateNumber((double)((w->ttl_ms + 999) / 1000)));
	return 0;
}

static cJSON *begin(const cJSON *base)
{
	cJSON *pod = base ? cJSON_Duplicate(base, true) : cJSON_CreateObject();

	if (!cJSON_IsObject(pod))
		return pod;
	settle(pod, "apiVersion", NULL, "v1");
	settle(pod, "kind", NULL, "Pod");
	cJSON_DeleteItemFromObjectCaseSensitive(pod, "status");
	return pod;
}

int pod_build(const struct pod_wish *w, const cJSON *base, cJSON **ret, struct err *err)
{
	cJSON *pod = begin(base);
	char name[SANDBOX_NAME_MAX + 1];
	int rc = wish_check(w, err);

	if (!rc)
		rc = check_base(w, pod, err);
	if (!rc)
		rc = choose_name(w, pod, name, err);
	if (!rc) {
		set_metadata(w, child(pod, "metadata"), name);
		rc = set_spec(w, child(pod, "spec"), err);
	}
	if (rc < 0) {
		cJSON_Delete(pod);
		return rc;
	}
	*ret = pod;
	return 0;
}
