/* check_space: what the namespace holds and allows. */
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "plugin/checks.h"
#include "plugin/cli.h"
#include "plugin/kind.h"
#include "plugin/lifetime.h"
#include "plugin/quantity.h"
#include "plugin/sweep.h"

#define QUOTA_NEAR      0.9
#define LABEL_HASH      "agents.x-k8s.io/sandbox-name-hash"
#define LABEL_CLAIM     "agents.x-k8s.io/claim-uid"
#define ANNOTATION_NAME "agents.x-k8s.io/pod-name"
#define PSA             "pod-security.kubernetes.io/enforce"
#define LABELS_SAID_MAX 10

/* --- labels that others read (PEERS.md c) ------------------------------------------ */

static const char *label(const cJSON *pod, const char *name)
{
	const cJSON *value = json_member(json_at(pod, "metadata.labels"), name);

	return cJSON_IsString(value) ? value->valuestring : NULL;
}

static bool is_runtime(const char *text)
{
	return !strcmp(text, "node") || !strcmp(text, "python");
}

bool check_labels(const cJSON *pod, struct buf *ret_why, struct buf *ret_todo)
{
	const char *name = json_str(pod, "metadata.name", "?"),
		   *ns = json_str(pod, "metadata.namespace", "");
	const char *managed = label(pod, LABEL_MANAGED), *runtime = label(pod, LABEL_RUNTIME);
	const char *id = label(pod, LABEL_SANDBOX_ID);
	const char *wrong = NULL;

	if (!managed || strcmp(managed, "true"))
		return false;
	if (runtime && !is_runtime(runtime)) {
		buf_printf(ret_why,
			"pod %s: %s=%s is neither node nor python, by which ComputeSDK's list() "
			"fails for everybody",
			name, LABEL_RUNTIME, runtime);
		wrong = LABEL_RUNTIME;
	} else if (id && strcmp(id, name)) {
		buf_printf(
			ret_why, "pod %s: %s=%s names another sandbox", name, LABEL_SANDBOX_ID, id);
		wrong = LABEL_SANDBOX_ID;
	} else if (label(pod, LABEL_POOL)) {
		buf_printf(ret_why, "pod %s: a spare of pool %s is labelled as a sandbox", name,
			label(pod, LABEL_POOL));
		wrong = LABEL_MANAGED;
	} else if (label(pod, LABEL_HASH) || label(pod, LABEL_CLAIM)) {
		buf_printf(ret_why,
			"pod %s belongs to agent-sandbox's controller and is labelled as "
			"ComputeSDK's: either may destroy what the other uses",
			name);
		wrong = LABEL_MANAGED;
	}
	if (wrong)
		buf_printf(ret_todo, "kubectl label pod -n %s %s %s-", ns, name, wrong);
	return wrong;
}

static void check_all_labels(struct checks *c)
{
	const cJSON *pod;
	unsigned bad = 0, all = 0;

	cJSON_ArrayForEach (pod, json_at(c->pods, "items")) {
		auto_buf why = BUF_INIT(2048), todo = BUF_INIT(2048);

		all++;
		if (check_labels(pod, &why, &todo) && ++bad <= LABELS_SAID_MAX)
			checks_say(c, CHECK_WARN, "labels", buf_text(&todo), "%s", buf_text(&why));
	}
	if (bad > LABELS_SAID_MAX)
		checks_say(c, CHECK_WARN, "labels", NULL, "and %u more", bad - LABELS_SAID_MAX);
	if (!bad)
		checks_say(
			c, CHECK_OK, "labels", NULL, "of %u sandboxes none disturbs others", all);
}

/* --- quota --------------------------------------------------------------------------- */

double check_quota(const cJSON *quota, const char **ret_name)
{
	const cJSON *hard = json_at(quota, "status.hard"), *one, *used;
	double most = 0, a, b;

	if (!hard)
		hard = json_at(quota, "spec.hard");
	cJSON_ArrayForEach (one, hard) {
		used = json_member(json_at(quota, "status.used"), one->string);
		if (!cJSON_IsString(one) || !cJSON_IsString(used) ||
			quantity_parse(one->valuestring, &a) < 0 ||
			quantity_parse(used->valuestring, &b) < 0 || a <= 0)
			continue; /* nothing of it is allowed, which is no shortage */
		if (b / a > most) {
			most = b / a;
			*ret_name = one->string;
		}
	}
	return most;
}

static void check_quotas(struct checks *c)
{
	auto_json list = NULL;
	struct err err = { 0 };
	const cJSON *quota;
	int rc = kind_list(c->kube, &kind_quota, c->ns, NULL, &list, &err);

	if (rc < 0) {
		checks_say(c, CHECK_SKIP, "quota", NULL, "%s",
			rc == -EACCES ? "these credentials may not see it" : err_text(&err, rc));
		return;
	}
	if (!cJSON_GetArraySize(json_at(list, "items")))
		checks_say(c, CHECK_OK, "quota", NULL, "none");
	cJSON_ArrayForEach (quota, json_at(list, "items")) {
		const char *what = NULL;
		double share = check_quota(quota, &what);

		checks_say(c, share >= QUOTA_NEAR ? CHECK_WARN : CHECK_OK, "quota",
			share >= QUOTA_NEAR ? "rm what is not needed, or have it raised" : NULL,
			"%s: %s%s%.0f%% used", json_str(quota, "metadata.name", "?"),
			what ? what : "", what ? " " : "", share * 100);
	}
}

/* --- Pod Security, left-overs ----------------------------------------------------------- */

static void check_security(struct checks *c)
{
	auto_json ns = NULL;
	struct err err = { 0 };
	int rc = kind_get(c->kube, &kind_namespace, NULL, c->ns, &ns, &err);
	const char *level;

	if (rc < 0) {
		checks_say(c, rc == -EACCES ? CHECK_SKIP : CHECK_FAIL, "pod security", NULL, "%s",
			rc == -EACCES ? "these credentials may not see the namespace"
				      : err_text(&err, rc));
		return;
	}
	level = label(ns, PSA);
	if (!level)
		checks_say(c, CHECK_OK, "pod security", NULL,
			"namespace %s asks for no level; sandboxes meet \"baseline\" by default",
			c->ns);
	else if (!strcmp(level, "restricted"))
		checks_say(c, CHECK_OK, "pod security", NULL,
			"namespace %s enforces \"restricted\": create with --profile restricted",
			c->ns);
	else
		checks_say(c, CHECK_OK, "pod security", NULL, "namespace %s enforces \"%s\"", c->ns,
			level);
}

static void check_left(struct checks *c)
{
	struct sweep s = { .kube = c->kube, .ns = c->ns, .dry_run = true, .quiet = true };
	auto_free char *todo = xprintf("%s gc -n %s", c->program, c->ns);

	sweep_run(&s);
	if (s.count)
		checks_say(
			c, CHECK_WARN, "left-overs", todo, "%zu things of ours are over", s.count);
	else if (s.failed)
		checks_say(c, CHECK_SKIP, "left-overs", NULL, "what there is may not be listed");
	else
		checks_say(c, CHECK_OK, "left-overs", NULL, "nothing of ours is over");
}

void check_space(struct checks *c)
{
	if (c->pods)
		check_all_labels(c);
	check_left(c);
	check_quotas(c);
	check_security(c);
}
