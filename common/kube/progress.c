/*
 * sandbox_progress: from a Pod's status to wait on, it runs, or it never will.
 * The table is KUBERNETES.md 3.3.
 */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"

#include <limits.h>

#define FOR_EVER INT_MAX

/*
 * Of what mostly stays as it is: a person is told within five seconds of the cluster's knowing, and asked once
 * a second. Some registries and Secrets are away for a moment only.
 */
#define GRACE_MS 3000

/*
 * A container's waiting.reason. Rows with the same kind share their clock: ErrImagePull and
 * ImagePullBackOff take turns. events: so many seen mean failure too, whatever the time; 0: only
 * time.
 */
static const struct trouble {
	const char *reason, *kind;
	int grace_ms;
	int events;
	const char *what_to_do;
} troubles[] = {
	{ "InvalidImageName", "image", 0, 0, "correct the image's name" },
	{ "ErrImageNeverPull", "image", 0, 0,
		"the image is not on the node and its pull policy is Never" },
	{ "ImageInspectError", "image", 0, 0, "the node cannot read the image" },
	{ "ErrImagePull", "image", GRACE_MS, 0,
		"check the image's name, its registry and pull secrets" },
	{ "ImagePullBackOff", "image", GRACE_MS, 0,
		"check the image's name, its registry and pull secrets" },
	{ "CreateContainerConfigError", "config", GRACE_MS, 0,
		"a Secret or ConfigMap that it names may be missing" },
	{ "CreateContainerError", "runtime", GRACE_MS, 2,
		"the node's container runtime refuses it" },
	{ "RunContainerError", "runtime", GRACE_MS, 2,
		"check its command; is the program in the image?" },
	{ "PreCreateHookError", "runtime", GRACE_MS, 2, "the node's container runtime refuses it" },
	{ "PreStartHookError", "runtime", GRACE_MS, 2, "the node's container runtime refuses it" },
	{ "PostStartHookError", "runtime", GRACE_MS, 2, "its postStart hook fails" },
	{ "CrashLoopBackOff", "crash", 0, 0, "its command ends again and again; see its log" },
};

static const struct trouble unschedulable = { "Unschedulable", "schedule", GRACE_MS, 0,
	"ask for less, or for other nodes; where an autoscaler brings some, --schedule-timeout 5m "
	"waits for it" };
static const struct trouble gated = { "SchedulingGated", "gate", FOR_EVER, 0, "" };

static const struct trouble *find_trouble(const char *reason)
{
	for (size_t i = 0; i < sizeof(troubles) / sizeof(*troubles); i++) {
		if (strcmp(troubles[i].reason, reason) == 0)
			return &troubles[i];
	}
	return NULL;
}

/* What waiting will not change, by what is said of it. */
static const struct certain {
	const char *kind, *words, *what_to_do;
} certain[] = {
	{ "image", "not found", "check its name and tag" },
	{ "image", "manifest unknown", "check its name and tag" },
	{ "image", "does not exist", "check its name, and --pull-secret if it is private" },
	{ "image", "unauthorized", "its registry wants a --pull-secret" },
	{ "image", "denied", "its registry wants a --pull-secret" },
	{ "image", "no match for platform", "it is not made for this node's processor" },
	{ "config", "runAsNonRoot", "give --user UID, or leave --non-root away" },
};

static const struct certain *find_certain(const char *kind, const char *message)
{
	for (size_t i = 0; i < sizeof(certain) / sizeof(*certain); i++)
		if (!strcmp(certain[i].kind, kind) && strstr(message, certain[i].words))
			return &certain[i];
	return NULL;
}

static int refuse(struct err *err, const char *name, const char *why, const char *message,
	const char *what_to_do)
{
	auto_buf text = BUF_INIT(4096);

	log_escape(&text, why, strnlen(why, 200));
	if (*message)
		buf_str(&text, ": ");
	log_escape(&text, message, strnlen(message, 500));
	return err_set(err, -ENOTCONN, "pod %s cannot run: %.700s%s%s", name, buf_text(&text),
		*what_to_do ? "; " : "", what_to_do);
}

static void forget(struct sandbox_wait *w)
{
	w->trouble[0] = w->reason[0] = w->message[0] = '\0';
	w->events = 0;
}

/* Counts an event once, however often the same object is shown. */
static void note(struct sandbox_wait *w, const struct trouble *t, const char *rv)
{
	if (strcmp(w->trouble, t->kind) != 0) {
		forget(w);
		snprintf(w->trouble, sizeof(w->trouble), "%s", t->kind);
		w->since_ms = clock_now_ms();
		w->rv[0] = '\0';
	}
	if (w->events == 0 || strncmp(w->rv, rv, sizeof(w->rv) - 1) != 0)
		w->events++;
	snprintf(w->rv, sizeof(w->rv), "%s", rv);
}

/* A pull that fails, waits, and fails again has had its second chance. */
static bool failed_again(const struct sandbox_wait *w, const struct trouble *t)
{
	return strcmp(t->reason, "ErrImagePull") == 0 && strcmp(w->reason, "ImagePullBackOff") == 0;
}

static int grace_of(const struct sandbox_wait *w, const struct trouble *t)
{
	return t == &unschedulable && w->schedule_grace_ms ? w->schedule_grace_ms : t->grace_ms;
}

static void keep_message(struct sandbox_wait *w, const char *message)
{
	auto_buf text = BUF_INIT(4096);

	log_escape(&text, message, strnlen(message, 800));
	snprintf(w->message, sizeof(w->message), "%s", buf_text(&text));
}

static int weigh(struct sandbox_wait *w, const struct trouble *t, const cJSON *pod,
	const char *message, struct err *err)
{
	const struct certain *c = find_certain(t->kind, message);
	int grace_ms = grace_of(w, t);
	bool over, again = failed_again(w, t);

	note(w, t, json_str(pod, "metadata.resourceVersion", ""));
	over = c || again || (t->events && w->events >= t->events) ||
	       (grace_ms != FOR_EVER && clock_now_ms() - w->since_ms >= grace_ms);
	snprintf(w->reason, sizeof(w->reason), "%s", t->reason);
	keep_message(w, message);
	if (!over)
		return 0;
	return refuse(err, json_str(pod, "metadata.name", "?"), t->reason, message,
		c ? c->what_to_do : t->what_to_do);
}

static const char *after_end(const char *message)
{
	if (strstr(message, "\"sh\": executable file not found") || strstr(message, "/bin/sh"))
		return "its image has no sh; create --command -- PROGRAM does without";
	return strstr(message, "executable file not found") ? "its image has no such program" : "";
}

static int ended(const cJSON *pod, const char *which, const cJSON *terminated, struct err *err)
{
	const char *message = json_str(terminated, "message", "");
	auto_free char *why = NULL;

	/* of a container that ends well at once the Pod's phase may not tell yet */
	if (!json_int(terminated, "exitCode", -1) && !strcmp(which, "container"))
		return refuse(err, json_str(pod, "metadata.name", "?"), "its command has ended", "",
			"give it one that goes on");
	why = xprintf("its %.80s has ended with exit code %d (%.100s)", which,
		json_int(terminated, "exitCode", -1),
		json_str(terminated, "reason", "no reason given"));

	return refuse(err, json_str(pod, "metadata.name", "?"), why, message, after_end(message));
}

static bool restarts(const cJSON *pod)
{
	return strcmp(json_str(pod, "spec.restartPolicy", "Always"), "Never") != 0;
}

static const char *which_container(const cJSON *status, bool init, char ret[static 80])
{
	snprintf(ret, 80, "init container %.60s", json_str(status, "name", "?"));
	return init ? ret : "container";
}

/* 0 and *found false: nothing is wrong with it. */
static int weigh_container(const cJSON *pod, const cJSON *status, bool init, struct sandbox_wait *w,
	bool *found, struct err *err)
{
	const cJSON *over = json_at(status, "state.terminated");
	const struct trouble *t = find_trouble(json_str(status, "state.waiting.reason", ""));
	char name[80];

	if (t) {
		*found = true;
		return weigh(w, t, pod, json_str(status, "state.waiting.message", ""), err);
	}
	if (!over || (init && json_int(over, "exitCode", 0) == 0))
		return 0;
	if (!restarts(pod) || json_int(status, "restartCount", 0) >= 1)
		return ended(pod, which_container(status, init, name), over, err);
	return 0;
}

static int weigh_containers(const cJSON *pod, const struct sandbox *s, struct sandbox_wait *w,
	bool *found, struct err *err)
{
	const cJSON *status;
	int rc = 0;

	cJSON_ArrayForEach (status, json_at(pod, "status.initContainerStatuses")) {
		rc = weigh_container(pod, status, true, w, found, err);
		if (rc < 0 || *found)
			return rc;
	}
	cJSON_ArrayForEach (status, json_at(pod, "status.containerStatuses")) {
		if (strcmp(json_str(status, "name", ""), s->container) == 0)
			rc = weigh_container(pod, status, false, w, found, err);
	}
	return rc;
}

static int weigh_scheduling(const cJSON *pod, struct sandbox_wait *w, bool *found, struct err *err)
{
	const cJSON *c;

	cJSON_ArrayForEach (c, json_at(pod, "status.conditions")) {
		const char *reason = json_str(c, "reason", "");
		const struct trouble *t = strcmp(reason, unschedulable.reason) == 0 ? &unschedulable
					  : strcmp(reason, gated.reason) == 0       ? &gated
										    : NULL;

		if (!t || strcmp(json_str(c, "type", ""), "PodScheduled") != 0 ||
			strcmp(json_str(c, "status", ""), "False") != 0)
			continue;
		*found = true;
		return weigh(w, t, pod, json_str(c, "message", ""), err);
	}
	return 0;
}

/* An init container that failed, else ours: 0 when neither tells. */
static int failed_container(const cJSON *pod, const struct sandbox *s, struct err *err)
{
	const cJSON *status;
	char name[80];

	cJSON_ArrayForEach (status, json_at(pod, "status.initContainerStatuses")) {
		const cJSON *over = json_at(status, "state.terminated");

		if (over && json_int(over, "exitCode", 0) != 0)
			return ended(pod, which_container(status, true, name), over, err);
	}
	cJSON_ArrayForEach (status, json_at(pod, "status.containerStatuses")) {
		const cJSON *over = json_at(status, "state.terminated");

		if (over && !strcmp(json_str(status, "name", ""), s->container))
			return ended(pod, "container", over, err);
	}
	return 0;
}

static int failed(const cJSON *pod, const struct sandbox *s, struct err *err)
{
	const char *reason = json_str(pod, "status.reason", "");
	int rc;

	if (s->phase == SANDBOX_SUCCEEDED)
		return refuse(
			err, s->name, "its command has ended", "", "give it one that goes on");
	if (*reason)
		return refuse(err, s->name, reason, json_str(pod, "status.message", ""), "");
	rc = failed_container(pod, s, err);
	return rc < 0 ? rc
		      : refuse(err, s->name, s->reason[0] ? s->reason : "it has failed", "", "");
}

static int judge(const cJSON *pod, const struct sandbox *s, struct sandbox_wait *w, struct err *err)
{
	bool found = false;
	int rc;

	if (s->deleting)
		return err_set(err, -ESTALE, "pod %s is being deleted", s->name);
	if (s->running)
		return 1;
	if (s->phase == SANDBOX_SUCCEEDED || s->phase == SANDBOX_FAILED)
		return failed(pod, s, err);
	rc = weigh_containers(pod, s, w, &found, err);
	if (rc == 0 && !found)
		rc = weigh_scheduling(pod, w, &found, err);
	if (!found)
		forget(w);
	return rc;
}

int sandbox_progress(const cJSON *pod, struct sandbox_wait *w, struct err *err)
{
	struct sandbox s;
	int rc = sandbox_parse(pod, NULL, &s, err);

	if (rc < 0)
		return rc;
	rc = judge(pod, &s, w, err);
	sandbox_fini(&s);
	return rc;
}
