#include "plugin/post.h"

#include "common/kube/json.h"
#include "plugin/cli.h"
#include "plugin/interrupt.h"
#include "plugin/kind.h"

#define NAMES_TRIED_MAX 8

static bool same_request(const cJSON *a, const cJSON *b)
{
	return !strcmp(json_annotation(a, ANNOTATION_REQUEST, ""),
		json_annotation(b, ANNOTATION_REQUEST, ""));
}

/* Returns the errno of the creation, with a word of doubt where one is due. */
static int look_after(
	struct kube *k, const char *ns, const cJSON *posted, int failed, struct err *err)
{
	const char *name = json_str(posted, "metadata.name", "");
	struct err said = *err;
	auto_json there = NULL;
	int rc = sandbox_get(k, ns, name, &there, NULL);

	if (!rc && !same_request(there, posted))
		return failed;
	if (!rc)
		rc = sandbox_delete(k, ns, name, json_str(there, "metadata.uid", NULL), 0, NULL);
	if (!rc)
		return failed;
	/* a server may still come to it, so "not there" is not certain either */
	return err_set(err, failed, "%.800s; it may come to be all the same: look for %s/%s later",
		said.text, ns, name);
}

/* Of a name that is taken: by one that is going, or by one that stays? 0: by this very one, posted twice. */
static int taken(struct kube *k, const char *ns, const cJSON *posted, cJSON **ret, struct err *err)
{
	const char *name = json_str(posted, "metadata.name", "");
	auto_json there = NULL;
	int rc = sandbox_get(k, ns, name, &there, NULL);

	if (!rc && same_request(there, posted)) {
		*ret = take_ptr(there);
		return 0;
	}
	if (!rc && json_at(there, "metadata.deletionTimestamp"))
		return err_set(err, -EEXIST,
			"cannot create sandbox %s/%s: the one of this name is still being deleted; "
			"try again in some seconds, or wait with \"kubectl sbx rm\"",
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
		interrupt_halts(k);
		rc = sandbox_create(k, w->ns, pod, ret, err);
		interrupt_halts(NULL);
		if (!rc && !json_at(*ret, "metadata.uid")) {
			cJSON_Delete(*ret);
			*ret = NULL;
			rc = err_set(err, -EIO, "cannot create sandbox in %s: the answer is no Pod",
				w->ns);
		}
		if (!rc)
			kind_set_right(k, &kind_pod, ret);
		if (rest_unsure(rc))
			return look_after(k, w->ns, pod, rc, err);
		if (rc == -EEXIST)
			rc = taken(k, w->ns, pod, ret, err);
		if (rc != -EEXIST || !made_up)
			return rc;
	}
	return rc;
}
