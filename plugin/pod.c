#include "plugin/pod.h"

#include "common/base/clock.h"
#include "common/base/path.h"
#include "common/kube/json.h"
#include "common/remote/hello.h"
#include "plugin/kind.h"
#include "plugin/lifetime.h"
#include "plugin/podjson.h"
#include "plugin/podparts.h"
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
 * shell collects any child) and ends at once on TERM, or when its seconds ($1) are over, so that
 * nothing else is needed for a sandbox to end in time. USR1: they have changed ("ttl"). An image
 * without sleep waits on a terminal that nobody will ever open the other end of: builtins alone
 * cannot wait for nothing.
 */
static const char keepalive[] =
	HELLO_LIMIT "\nleft=$1\n"
		    "trap 'exit 0' TERM INT\n"
		    "trap 'again=1 left=; read -r left <" POD_LEFT_FILE "' USR1\n"
		    "if command -v sleep >/dev/null 2>&1; then\n"
		    "\twhile :; do\n"
		    "\t\tagain=\n"
		    "\t\tsleep \"${left:-3600}\" &\n"
		    "\t\twait $! && [ \"$left\" ] && [ ! \"$again\" ] && exit 0\n"
		    "\t\tkill $! 2>/dev/null\n"
		    "\tdone\n"
		    "fi\n"
		    "while read -r line </dev/ptmx || [ $? -gt 128 ]; do :; done\n"
		    "echo 'kubectl-sbx: this image has no sleep' >&2\n"
		    "exit 69\n";

/* Letters as Kubernetes itself uses for made-up names: no vowels, so no words. */
void pod_random_letters(char *ret, size_t n)
{
	static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
	unsigned char bytes[16];

	if (n > sizeof(bytes) || getrandom(bytes, n, 0) != (ssize_t)n)
		abort();
	for (size_t i = 0; i < n; i++)
		ret[i] = alphabet[bytes[i] % (sizeof(alphabet) - 1)];
	ret[n] = '\0';
}

void pod_made_up_name(char ret[static 16])
{
	memcpy(ret, "sbx-", 4);
	pod_random_letters(ret + 4, 5);
}

static int choose_name(const struct pod_wish *w, const cJSON *pod,
	char ret[static SANDBOX_NAME_MAX + 1], struct err *err)
{
	const char *name = w->name ? w->name : json_str(pod, "metadata.name", "");
	char made_up[16];

	if (!*name) {
		pod_made_up_name(made_up);
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
		pj_put_str(labels, LABEL_RUNTIME, wish);
	else if (strcmp(there, "node") && strcmp(there, "python"))
		cJSON_DeleteItemFromObjectCaseSensitive(labels, LABEL_RUNTIME);
}

static void set_pairs(cJSON *object, const char *prefix, const struct opt_list *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		const char *eq = strchr(pairs->items[i], '=');
		auto_free char *key =
			xprintf("%s%.*s", prefix, (int)(eq - pairs->items[i]), pairs->items[i]);

		pj_put_str(object, key, eq + 1);
	}
}

static void set_labels(const struct pod_wish *w, cJSON *labels, const char *name)
{
	static const char *const ours[] = { LABEL_MANAGED, LABEL_SANDBOX_ID, LABEL_RUNTIME };

	set_pairs(labels, "", &w->o.labels);
	for (size_t i = 0; w->unlisted && i < sizeof(ours) / sizeof(*ours); i++)
		cJSON_DeleteItemFromObjectCaseSensitive(labels, ours[i]);
	if (w->unlisted)
		return;
	pj_put_str(labels, LABEL_MANAGED, "true");
	pj_put_str(labels, LABEL_SANDBOX_ID, name);
	set_runtime(labels, w->o.runtime);
}

/* What pod_policy goes by. */
static void set_network(const struct pod_wish *w, cJSON *metadata)
{
	char id[24];

	if (!w->o.network)
		return;
	cJSON_DeleteItemFromObjectCaseSensitive(pj_object(metadata, "labels"), LABEL_NETWORK);
	cJSON_DeleteItemFromObjectCaseSensitive(
		pj_object(metadata, "annotations"), ANNOTATION_NETWORK);
	if (!strcmp(w->o.network, "default"))
		return;
	pod_random_letters(id, 16);
	pj_put_str(pj_object(metadata, "labels"), LABEL_NETWORK, id);
	pj_put_str(pj_object(metadata, "annotations"), ANNOTATION_NETWORK, w->o.network);
}

void pod_life(const struct pod_wish *w, cJSON *pod)
{
	auto_free char *idle = xprintf("%llds", (long long)(w->o.idle_ms / 1000));

	if (w->o.ttl_ms)
		kind_annotate_time(pod, ANNOTATION_EXPIRES, w->now_ms + w->o.ttl_ms);
	if (w->unfinished_ms)
		kind_annotate_time(pod, ANNOTATION_UNFINISHED, w->unfinished_ms);
	if (!w->o.idle_ms)
		return;
	kind_annotate(pod, ANNOTATION_IDLE, idle);
	kind_annotate_time(pod, ANNOTATION_IDLE_UNTIL, w->now_ms + w->o.idle_ms);
}

static void set_metadata(const struct pod_wish *w, cJSON *pod, const char *name)
{
	static const char *const servers[] = { "generateName", "resourceVersion", "uid",
		"creationTimestamp", "managedFields", "selfLink", "deletionTimestamp" };
	cJSON *metadata = pj_object(pod, "metadata"), *annotations;
	char text[32];

	for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++)
		cJSON_DeleteItemFromObjectCaseSensitive(metadata, servers[i]);
	pj_put_str(metadata, "name", name);
	pj_put_str(metadata, "namespace", w->ns);
	set_labels(w, pj_object(metadata, "labels"), name);
	annotations = pj_object(metadata, "annotations");
	pj_put_str(annotations, ANNOTATION_DEFAULT_CONTAINER, SANDBOX_CONTAINER);
	pod_random_letters(text, 16);
	pj_put_str(annotations, ANNOTATION_REQUEST, text);
	pod_life(w, pod);
	set_pairs(annotations, META_PREFIX, &w->o.meta);
	set_network(w, metadata);
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
	pj_put_str(c, "name", SANDBOX_CONTAINER);
	*ret = c;
	return 0;
}

static int64_t seconds(int64_t ms)
{
	return (ms + 999) / 1000;
}

/* Is its command our own wait? */
static bool waits(const cJSON *container)
{
	return !strcmp(json_str(container, "command[3]", ""), POD_KEEPALIVE);
}

static void set_command(const struct pod_wish *w, cJSON *container)
{
	auto_free char *left = xprintf("%lld", (long long)seconds(w->o.ttl_ms));
	cJSON *command;

	if (!w->command && !waits(container) &&
		(pj_has(container, "command") || pj_has(container, "args")))
		return;
	command = cJSON_CreateArray();
	for (int i = 0; i < w->command_count; i++)
		cJSON_AddItemToArray(command, cJSON_CreateString(w->command[i]));
	if (!w->command) {
		cJSON_AddItemToArray(command, cJSON_CreateString("sh"));
		cJSON_AddItemToArray(command, cJSON_CreateString("-c"));
		cJSON_AddItemToArray(command, cJSON_CreateString(keepalive));
		cJSON_AddItemToArray(command, cJSON_CreateString(POD_KEEPALIVE));
		if (w->o.ttl_ms)
			cJSON_AddItemToArray(command, cJSON_CreateString(left));
	}
	pj_put(container, "command", command);
}

static void set_one_env(cJSON *container, const char *name, const char *value)
{
	/* the API refuses nothing here, but of two of one name only the last counts */
	pj_put_str(pj_named_anew(pj_array(container, "env"), "name", name), "value", value);
}

static void set_env(const struct pod_wish *w, cJSON *container)
{
	char pids[24];

	for (size_t i = 0; i < w->o.env.count; i++) {
		const char *text = w->o.env.items[i], *eq = strchr(text, '=');
		auto_free char *name = xstrndup(text, (size_t)(eq - text));

		set_one_env(container, name, eq + 1);
	}
	if (!w->o.pids)
		return;
	snprintf(pids, sizeof(pids), "%lld", (long long)w->o.pids);
	set_one_env(container, HELLO_PIDS, pids);
}

static double amount(const char *text)
{
	double value = 0;

	return text && !quantity_parse(text, &value) ? value : 0;
}

/* One resource; a default never contradicts what was wished for the other side. */
static void set_amount(cJSON *container, size_t which, const char *request, const char *limit)
{
	cJSON *resources = pj_object(container, "resources");
	cJSON *requests = pj_object(resources, "requests");
	cJSON *limits = pj_object(resources, "limits");
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
	pj_settle(requests, name, request, low);
	pj_settle(limits, name, limit, high);
}

static const char *otherwise_image(const struct pod_wish *w)
{
	for (size_t i = 0; w->o.runtime && i < sizeof(runtimes) / sizeof(*runtimes); i++)
		if (!strcmp(w->o.runtime, runtimes[i].runtime))
			return runtimes[i].image;
	return w->otherwise_image ? w->otherwise_image : IMAGE_OTHERWISE;
}

static void set_container(const struct pod_wish *w, cJSON *c)
{
	pj_settle(c, "image", w->o.image, otherwise_image(w));
	pj_settle(c, "imagePullPolicy", w->o.pull_policy, "IfNotPresent");
	pj_settle(c, "workingDir", w->o.workdir, NULL);
	set_command(w, c);
	set_env(w, c);
	set_amount(c, 0, w->o.cpu, w->o.limit_cpu);
	set_amount(c, 1, w->o.memory, w->o.limit_memory);
}

/*
 * The API lets a Pod's deadline be lowered, never raised. So where our own wait ends the Pod in time
 * it is only a backstop that leaves room for longer lives, else it is the end itself.
 */
static int64_t hard_limit(const struct pod_wish *w, const cJSON *container)
{
	if (w->o.max_ttl_ms)
		return w->o.max_ttl_ms;
	return waits(container) && w->o.ttl_ms < LIFE_HARD_MS ? LIFE_HARD_MS : w->o.ttl_ms;
}

static int set_spec(const struct pod_wish *w, cJSON *spec, struct err *err)
{
	cJSON *container = NULL;
	int rc = find_container(spec, &container, err);

	if (rc < 0)
		return rc;
	set_container(w, container);
	pod_secure(w, spec, container);
	pod_volumes(w, spec, container);
	pod_place(w, spec);
	pj_settle(spec, "restartPolicy", NULL, "Never");
	if (!pj_has(spec, "terminationGracePeriodSeconds"))
		pj_put(spec, "terminationGracePeriodSeconds", cJSON_CreateNumber(5));
	if (w->o.ttl_ms || w->o.max_ttl_ms)
		pj_put(spec, "activeDeadlineSeconds",
			cJSON_CreateNumber((double)seconds(hard_limit(w, container))));
	return 0;
}

static cJSON *begin(const cJSON *base)
{
	cJSON *pod = base ? cJSON_Duplicate(base, true) : cJSON_CreateObject();

	if (!cJSON_IsObject(pod))
		return pod;
	pj_settle(pod, "apiVersion", NULL, "v1");
	pj_settle(pod, "kind", NULL, "Pod");
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
		set_metadata(w, pod, name);
		rc = set_spec(w, pj_object(pod, "spec"), err);
	}
	if (rc < 0) {
		cJSON_Delete(pod);
		return rc;
	}
	*ret = pod;
	return 0;
}
