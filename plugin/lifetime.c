#include "plugin/lifetime.h"

#include "common/base/clock.h"
#include "common/kube/json.h"
#include "plugin/kind.h"

#include <ctype.h>
#include <errno.h>

static int64_t time_of(const char *text)
{
	int64_t ms;

	return *text && rfc3339_parse(text, &ms) == 0 && ms > 0 ? ms : 0;
}

static bool ends_itself(const cJSON *pod)
{
	const cJSON *c;

	cJSON_ArrayForEach (c, json_at(pod, "spec.containers"))
		if (!strcmp(json_str(c, "name", ""), SANDBOX_CONTAINER))
			return !strcmp(json_str(c, "command[3]", ""), POD_KEEPALIVE);
	return false;
}

static int64_t hard_stop(const cJSON *pod)
{
	double seconds = json_num(pod, "spec.activeDeadlineSeconds", 0);
	int64_t from = time_of(json_str(pod, "status.startTime", ""));

	if (seconds <= 0 || seconds > 1e10)
		return 0;
	if (!from)
		from = time_of(json_str(pod, "metadata.creationTimestamp", ""));
	return from + (int64_t)seconds * 1000;
}

void life_read(const cJSON *object, struct life *ret)
{
	*ret = (struct life){
		.created_ms = time_of(json_str(object, "metadata.creationTimestamp", "")),
		.expires_ms = time_of(json_annotation(object, ANNOTATION_EXPIRES, "")),
		.idle_until_ms = time_of(json_annotation(object, ANNOTATION_IDLE_UNTIL, "")),
		.unfinished_ms = time_of(json_annotation(object, ANNOTATION_UNFINISHED, "")),
		.hard_ms = hard_stop(object),
		.self_ending = ends_itself(object),
	};
}

static bool has_request(const cJSON *object)
{
	const char *text = json_annotation(object, ANNOTATION_REQUEST, "");
	size_t n = 0;

	while (islower((unsigned char)text[n]) || isdigit((unsigned char)text[n]))
		n++;
	return n == LIFE_REQUEST_LETTERS && !text[n];
}

bool life_is_spare(const cJSON *pod)
{
	return *json_label(pod, LABEL_POOL, "") && !*json_label(pod, LABEL_MANAGED, "") &&
	       has_request(pod);
}

bool life_is_ours(const cJSON *object, bool pod)
{
	if (!has_request(object))
		return false;
	if (!pod || life_is_spare(object))
		return true;
	return !strcmp(json_label(object, LABEL_MANAGED, ""), "true") &&
	       !strcmp(json_label(object, LABEL_SANDBOX_ID, ""),
		       json_str(object, "metadata.name", "-"));
}

bool life_is_over(const struct life *l, int64_t now_ms, int64_t older_ms, char ret[static 80])
{
	const struct {
		int64_t at_ms;
		const char *what;
	} ends[] = {
		{ l->expires_ms, "expired" },
		{ l->idle_until_ms, "idle since its time-out" },
		{ l->unfinished_ms ? l->unfinished_ms + LIFE_SLACK_MS : 0,
			"its creation was never finished, given up" },
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		char age[24];

		if (!ends[i].at_ms || now_ms - ends[i].at_ms < older_ms || now_ms < ends[i].at_ms)
			continue;
		age_print(now_ms - ends[i].at_ms, age);
		snprintf(ret, 80, "%s %s ago", ends[i].what, age);
		return true;
	}
	return false;
}

int life_extend(const struct life *l, int64_t now_ms, int64_t ttl_ms, struct err *err)
{
	char hard[32];

	if (!l->hard_ms || (ttl_ms && now_ms + ttl_ms <= l->hard_ms))
		return 0;
	rfc3339_print(l->hard_ms, hard);
	return err_set(err, -EPERM,
		"the kubelet stops it at %s, and lets that be brought forward, never put off "
		"(activeDeadlineSeconds); \"create --max-ttl\" leaves more room",
		hard);
}

cJSON *life_patch(const char *name, const char *value)
{
	cJSON *patch = cJSON_CreateObject();
	cJSON *metadata = cJSON_AddObjectToObject(patch, "metadata");
	cJSON *annotations = cJSON_AddObjectToObject(metadata, "annotations");

	if (value)
		cJSON_AddStringToObject(annotations, name, value);
	else
		cJSON_AddNullToObject(annotations, name);
	return patch;
}

cJSON *life_moved(const cJSON *object, int64_t by_ms)
{
	static const char *const names[] = { ANNOTATION_EXPIRES, ANNOTATION_IDLE_UNTIL,
		ANNOTATION_LAST_USED, ANNOTATION_UNFINISHED };
	cJSON *patch = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		int64_t at_ms = time_of(json_annotation(object, names[i], ""));

		if (!at_ms)
			continue;
		if (!patch)
			patch = cJSON_CreateObject();
		kind_annotate_time(patch, names[i], at_ms + by_ms);
	}
	return patch;
}

void life_request(char ret[static LIFE_REQUEST_LETTERS + 1])
{
	pod_random_letters(ret, LIFE_REQUEST_LETTERS);
}
