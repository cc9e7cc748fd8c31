#include "common/kube/sandbox.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/path.h"
#include "common/kube/json.h"

#define TEXT_BYTES 1024 /* of any free text; more tells a person nothing */
#define NAME_BYTES 253  /* DNS subdomain: Pod names may hold dots */
#define UID_BYTES  128

const char *sandbox_phase_name(enum sandbox_phase phase)
{
	static const char *const names[] = { "Pending", "Running", "Succeeded", "Failed",
		"Unknown" };

	return names[phase];
}

static enum sandbox_phase phase_of(const char *name)
{
	for (int i = 0; i < SANDBOX_UNKNOWN; i++) {
		if (strcmp(sandbox_phase_name((enum sandbox_phase)i), name) == 0)
			return (enum sandbox_phase)i;
	}
	return SANDBOX_UNKNOWN;
}

static char *clean_text(const char *s)
{
	auto_buf text = BUF_INIT(4 * TEXT_BYTES);

	log_escape(&text, s, strnlen(s, TEXT_BYTES));
	return buf_steal(&text);
}

static bool only_of(const char *s, const char *set, size_t max)
{
	size_t n = strlen(s);

	return n > 0 && n <= max && strspn(s, set) == n;
}

static bool pod_name_ok(const char *s)
{
	return only_of(s, "abcdefghijklmnopqrstuvwxyz0123456789-.", NAME_BYTES) && *s != '-' &&
	       *s != '.';
}

static bool uid_ok(const char *s)
{
	return only_of(
		s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:", UID_BYTES);
}

/* The member of that name in an array of objects; NULL. */
static const cJSON *named(const cJSON *array, const char *name)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, array) {
		if (strcmp(json_str(item, "name", ""), name) == 0)
			return item;
	}
	return NULL;
}

/* An init container counts too: sidecars are those. */
static const cJSON *find_container(const cJSON *pod, const char *name)
{
	const cJSON *found = named(json_at(pod, "spec.containers"), name);

	return found ? found : named(json_at(pod, "spec.initContainers"), name);
}

static const cJSON *find_status(const cJSON *pod, const char *name)
{
	const cJSON *found = named(json_at(pod, "status.containerStatuses"), name);

	return found ? found : named(json_at(pod, "status.initContainerStatuses"), name);
}

static const char *default_container(const cJSON *pod)
{
	const char *note = json_annotation(pod, "kubectl.kubernetes.io/default-container", NULL);

	if (note && named(json_at(pod, "spec.containers"), note))
		return note;
	if (named(json_at(pod, "spec.containers"), SANDBOX_CONTAINER))
		return SANDBOX_CONTAINER;
	return json_str(pod, "spec.containers[0].name", "");
}

static bool condition(const cJSON *pod, const char *type, const char *status, const cJSON **ret)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, json_at(pod, "status.conditions")) {
		if (strcmp(json_str(item, "type", ""), type) == 0 &&
			strcmp(json_str(item, "status", ""), status) == 0) {
			*ret = item;
			return true;
		}
	}
	return false;
}

/* "Reason: message", either part alone, or "". */
static char *reason_text(const char *reason, const char *message)
{
	auto_free char *whole =
		xprintf("%.200s%s%.800s", reason, *reason && *message ? ": " : "", message);

	return clean_text(whole);
}

static char *ended_text(const cJSON *terminated)
{
	const char *message = json_str(terminated, "message", "");
	auto_free char *whole =
		xprintf("%.200s (exit code %d)%s%.700s", json_str(terminated, "reason", "ended"),
			json_int(terminated, "exitCode", -1), *message ? ": " : "", message);

	return clean_text(whole);
}

/* The nearest cause first: the container, then the Pod, then the scheduler. */
static char *reason_of(const cJSON *pod, const cJSON *status)
{
	const cJSON *waiting = json_at(status, "state.waiting");
	const cJSON *ended = json_at(status, "state.terminated");
	const char *pod_reason = json_str(pod, "status.reason", "");
	const cJSON *unscheduled;

	if (ended && !*pod_reason)
		return ended_text(ended);
	if (waiting)
		return reason_text(
			json_str(waiting, "reason", ""), json_str(waiting, "message", ""));
	if (*pod_reason)
		return reason_text(pod_reason, json_str(pod, "status.message", ""));
	if (condition(pod, "PodScheduled", "False", &unscheduled))
		return reason_text(
			json_str(unscheduled, "reason", ""), json_str(unscheduled, "message", ""));
	return xstrdup("");
}

static void fill_state(const cJSON *pod, struct sandbox *s)
{
	const cJSON *status = find_status(pod, s->container);
	const cJSON *ready;

	s->phase = phase_of(json_str(pod, "status.phase", ""));
	s->running = s->phase != SANDBOX_SUCCEEDED && s->phase != SANDBOX_FAILED &&
		     json_at(status, "state.running");
	s->ready = condition(pod, "Ready", "True", &ready);
	s->deleting = json_at(pod, "metadata.deletionTimestamp") != NULL;
	s->restarts = json_int(status, "restartCount", 0);
	if (s->restarts < 0)
		s->restarts = 0;
	s->container_id = clean_text(s->running ? json_str(status, "containerID", "") : "");
	s->reason = s->running ? xstrdup("") : reason_of(pod, status);
}

static void fill_idle(const cJSON *pod, struct sandbox *s)
{
	const char *idle = json_annotation(pod, ANNOTATION_IDLE, NULL);
	const char *until = json_annotation(pod, ANNOTATION_IDLE_UNTIL, NULL);

	if (!idle || duration_parse(idle, &s->idle_ms) < 0)
		s->idle_ms = 0;
	if (!until || rfc3339_parse(until, &s->idle_until_ms) < 0)
		s->idle_until_ms = 0;
}

static void fill_rest(const cJSON *pod, struct sandbox *s)
{
	s->image = clean_text(json_str(find_container(pod, s->container), "image", ""));
	s->node = clean_text(json_str(pod, "spec.nodeName", ""));
	s->ip = clean_text(json_str(pod, "status.podIP", ""));
	s->runtime = clean_text(json_label(pod, LABEL_RUNTIME, ""));
	s->resource_version = clean_text(json_str(pod, "metadata.resourceVersion", ""));
	if (rfc3339_parse(json_str(pod, "metadata.creationTimestamp", ""), &s->created_ms) < 0)
		s->created_ms = 0;
	fill_idle(pod, s);
}

static int check(const cJSON *pod, struct err *err)
{
	const char *first = json_str(pod, "spec.containers[0].name", "");

	if (strcmp(json_str(pod, "kind", "Pod"), "Pod") != 0)
		return err_set(err, -EBADMSG, "what the API server sent is not a Pod");
	if (!pod_name_ok(json_str(pod, "metadata.name", "")) ||
		!path_label_ok(json_str(pod, "metadata.namespace", ""), 63) ||
		!uid_ok(json_str(pod, "metadata.uid", "")) || !path_label_ok(first, 63))
		return err_set(err, -EBADMSG,
			"the API server sent a Pod without a proper name, namespace, uid and "
			"container");
	return 0;
}

static int no_container(const cJSON *pod, const char *container, struct err *err)
{
	auto_buf have = BUF_INIT(512);
	auto_free char *wanted = clean_text(container);
	const cJSON *item;

	cJSON_ArrayForEach (item, json_at(pod, "spec.containers")) {
		auto_free char *name = clean_text(json_str(item, "name", ""));

		buf_printf(&have, "%s%s", have.len ? ", " : "", name);
	}
	return err_set(err, -ENOENT, "pod %s has no container '%.63s'; it has: %s",
		json_str(pod, "metadata.name", ""), wanted, buf_text(&have));
}

int sandbox_parse(const cJSON *pod, const char *container, struct sandbox *ret, struct err *err)
{
	const char *chosen = container ? container : default_container(pod);
	int rc = check(pod, err);

	if (rc < 0)
		return rc;
	if (!path_label_ok(chosen, 63) || !find_container(pod, chosen))
		return no_container(pod, chosen, err);
	*ret = (struct sandbox){
		.ns = xstrdup(json_str(pod, "metadata.namespace", "")),
		.name = xstrdup(json_str(pod, "metadata.name", "")),
		.uid = xstrdup(json_str(pod, "metadata.uid", "")),
		.container = xstrdup(chosen),
	};
	fill_state(pod, ret);
	fill_rest(pod, ret);
	return 0;
}

void sandbox_fini(struct sandbox *s)
{
	if (!s)
		return;
	free(s->ns);
	free(s->name);
	free(s->uid);
	free(s->container);
	free(s->container_id);
	free(s->image);
	free(s->node);
	free(s->ip);
	free(s->runtime);
	free(s->reason);
	free(s->resource_version);
	memset(s, 0, sizeof(*s));
}
