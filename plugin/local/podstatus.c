#include "plugin/local/podstatus.h"

#include <string.h>

static void set_condition(cJSON *status, const char *type, bool yes, const char *reason)
{
	cJSON *list = json_array_at(status, "conditions"), *c, *found = NULL;
	const char *value = yes ? "True" : "False";

	cJSON_ArrayForEach (c, list)
		if (!strcmp(json_text_or(c, "type", ""), type))
			found = c;
	if (!found) {
		found = cJSON_CreateObject();
		json_put_text(found, "type", type);
		cJSON_AddItemToArray(list, found);
	}
	if (strcmp(json_text_or(found, "status", ""), value) != 0) {
		json_put_text(found, "status", value);
		json_put(found, "lastProbeTime", cJSON_CreateNull());
		json_put_now(found, "lastTransitionTime");
	}
	json_put_text(found, "reason", yes ? NULL : reason);
}

static cJSON *container_status(const cJSON *r)
{
	cJSON *s = cJSON_CreateObject();
	const char *id = json_text(r, "id");
	auto_free char *full = xprintf("runc://%s", id ? id : "");
	bool running = json_at(r, "state.running");

	json_put_text(s, "name", json_text(r, "name"));
	json_put(s, "state", cJSON_Duplicate(json_at(r, "state"), true));
	json_put(s, "lastState", cJSON_Duplicate(json_at(r, "lastState"), true));
	json_put_bool(s, "ready",
		json_is_true(r, "init") ? json_int(r, "state.terminated.exitCode", 1) == 0
					: running);
	json_put_int(s, "restartCount", json_int(r, "restartCount", 0));
	json_put_text(s, "image", json_text(r, "image"));
	json_put_text(s, "imageID", json_text_or(r, "imageID", ""));
	if (id)
		json_put_text(s, "containerID", full);
	json_put_bool(s, "started", running);
	return s;
}

struct tally {
	int all, running, waiting, ended, failed;
	bool started; /* some container ran once */
	bool init_done;
	bool init_failed;
};

static void count(const cJSON *r, struct tally *t)
{
	int64_t code = json_int(r, "state.terminated.exitCode", -1);

	if (json_is_true(r, "init")) {
		t->init_done = t->init_done && code == 0;
		t->init_failed = t->init_failed || code > 0;
		return;
	}
	t->all++;
	t->running += json_at(r, "state.running") != NULL;
	t->waiting += json_at(r, "state.waiting") != NULL;
	t->ended += code >= 0;
	t->failed += code > 0;
	t->started = t->started || code >= 0 || json_at(r, "state.running") ||
		     json_int(r, "restartCount", 0) > 0;
}

static const char *phase(const struct tally *t, bool done)
{
	if (done)
		return t->failed || t->init_failed || t->ended < t->all ? "Failed" : "Succeeded";
	return t->started ? "Running" : "Pending";
}

void podstatus_apply(cJSON *pod, const cJSON *report)
{
	cJSON *status = json_object_at(pod, "status");
	cJSON *list = cJSON_CreateArray(), *inits = cJSON_CreateArray();
	struct tally t = { .init_done = true };
	bool done = json_is_true(report, "done"), ready;
	const char *reason = json_text(report, "reason"), *failure = json_text(report, "failure");
	const cJSON *r;

	cJSON_ArrayForEach (r, json_at(report, "containers")) {
		count(r, &t);
		cJSON_AddItemToArray(json_is_true(r, "init") ? inits : list, container_status(r));
	}
	json_put(status, "containerStatuses", list);
	if (cJSON_GetArraySize(inits))
		json_put(status, "initContainerStatuses", inits);
	else
		cJSON_Delete(inits);
	ready = t.running == t.all && !done;
	json_put_text(status, "phase", phase(&t, done));
	json_put_text(status, "hostIP", "127.0.0.1");
	if (!json_at(status, "startTime"))
		json_put_now(status, "startTime");
	set_condition(status, "Initialized", t.init_done, "ContainersNotInitialized");
	set_condition(status, "Ready", ready, done ? "PodCompleted" : "ContainersNotReady");
	set_condition(
		status, "ContainersReady", ready, done ? "PodCompleted" : "ContainersNotReady");
	set_condition(status, "PodScheduled", true, NULL);
	if (done && reason)
		podstatus_failed(pod, reason,
			"Pod was active on the node longer than the specified deadline");
	if (done && failure)
		podstatus_failed(pod, "ShimError", failure);
}

void podstatus_waiting(cJSON *pod, const char *container, const char *reason, const char *message)
{
	cJSON *status = json_object_at(pod, "status"), *list = cJSON_CreateArray();
	const cJSON *c;

	cJSON_ArrayForEach (c, json_at(pod, "spec.containers")) {
		auto_json cJSON *r = cJSON_CreateObject();
		cJSON *waiting = json_object_at(json_object_at(r, "state"), "waiting");
		bool this = !strcmp(json_text_or(c, "name", ""), container);

		json_put_text(r, "name", json_text(c, "name"));
		json_put_text(r, "image", json_text(c, "image"));
		json_object_at(r, "lastState");
		json_put_text(waiting, "reason", this ? reason : "ContainerCreating");
		json_put_text(waiting, "message", this ? message : NULL);
		cJSON_AddItemToArray(list, container_status(r));
	}
	json_put(status, "containerStatuses", list);
	if (!json_at(status, "startTime"))
		json_put_now(status, "startTime");
	json_put_text(status, "hostIP", "127.0.0.1");
	set_condition(status, "Initialized", true, NULL);
	set_condition(status, "Ready", false, "ContainersNotReady");
	set_condition(status, "ContainersReady", false, "ContainersNotReady");
}

void podstatus_failed(cJSON *pod, const char *reason, const char *message)
{
	cJSON *status = json_object_at(pod, "status");

	json_put_text(status, "phase", "Failed");
	json_put_text(status, "reason", reason);
	json_put_text(status, "message", message);
	set_condition(status, "Ready", false, "PodFailed");
	set_condition(status, "ContainersReady", false, "PodFailed");
}

const cJSON *podstatus_of(const cJSON *pod, const char *container)
{
	static const char *const lists[] = { "status.containerStatuses",
		"status.initContainerStatuses" };
	const cJSON *one;

	for (int i = 0; i < 2; i++)
		cJSON_ArrayForEach (one, json_at(pod, lists[i]))
			if (!strcmp(json_text_or(one, "name", ""), container))
				return one;
	return NULL;
}

bool podstatus_is_over(const cJSON *pod)
{
	const char *p = json_text_or(pod, "status.phase", "");

	return !strcmp(p, "Succeeded") || !strcmp(p, "Failed");
}
