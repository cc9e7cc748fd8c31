#include "plugin/post.h"

#include "common/kube/json.h"
#include "plugin/cli.h"

#define NAMES_TRIED_MAX 8

static const char *request_of(const cJSON *pod)
{
	const cJSON *a = json_member(json_at(pod, "metadata.annotations"), ANNOTATION_REQUEST);

	return cJSON_IsString(a) ? a->valuestring : "";
}

/* Refusals are certain; after these the Pod may be there all the same. */
static bool unsure(int rc)
{
	return rc == -ETIMEDOUT || rc == -EPIPE || rc == -ECONNRESET || rc == -EIO;
}

static void remove_if_ours(struct kube *k, const char *ns, const cJSON *posted)
{
	const char *name = json_str(posted, "metadata.name", "");
	auto_json there = NULL;

	if (sandbox_get(k, ns, name, &there, NULL) < 0)
		return;
	if (strcmp(request_of(there), request_of(posted)))
		return;
	if (sandbox_delete(k, ns, name, json_str(there, "metadata.uid", NULL), 0, NULL) < 0)
		say("error: the Pod %s/%s came to be all the same and could not be deleted", ns,
			name);
}

/* Of a name that is taken: by one that is going, or by one that stays? */
static int taken(struct kube *k, const char *ns, const cJSON *posted, struct err *err)
{
	const char *name = json_str(posted, "metadata.name", "");
	auto_json there = NULL;

	if (!sandbox_get(k, ns, name, &there, NULL) && json_at(there, "metadata.deletionTimestamp"))
		return err_set(err, -EEXIST,
			"cannot create sandbox %s/%s: the one of this name is still being deleted; "
			"try again in some seconds, or use rm --wait",
			ns, name);
	return -EEXIST;
}

int post_sandbox(
	struct kube *k, const struct pod_wish *w, const cJSON *base, cJSON **ret, struct err *err)
{
	bool made_up = !w->name && !*json_str(base, "metadata.name", "");
	int rc = 0;

	for (int i = 0; i < NAMES_TRIED_MAX; i++) {
		auto_json pod = NULL;

		rc = pod_build(w, base, &pod, err);
		if (rc < 0)
			return rc;
		rc = sandbox_create(k, w->ns, pod, ret, err);
		if (unsure(rc))
			remove_if_ours(k, w->ns, pod);
		if (rc == -EEXIST && !made_up)
			return taken(k, w->ns, pod, err);
		if (rc != -EEXIST)
			return rc;
	}
	return rc;
}
