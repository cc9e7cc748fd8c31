#include "common/base/clock.h"
#include "common/kube/json.h"
#include "plugin/await.h"
#include "plugin/interrupt.h"
#include "plugin/lifetime.h"
#include "plugin/pool.h"
#include "plugin/poolverbs.h"
#include "plugin/removal.h"

#include <errno.h>

#define GONE_MS 60000

static const struct opt opts[] = {
	REMOVAL_WAIT("wait until the spares are gone (--wait=false: do not)"),
	{ NULL },
};

static const struct example examples[] = {
	{ "the pool and its spares; what was taken stays", "pool rm node" },
	{ NULL },
};

/* As it was seen: one that is taken at this moment is a sandbox, and stays. */
static int remove_spares(struct kube *k, const cJSON *pods, struct err *err)
{
	const cJSON *pod;

	cJSON_ArrayForEach (pod, pods) {
		int rc = life_is_spare(pod) ? kind_delete(k, &kind_pod, pod, true, err) : 0;
		auto_json now = NULL;

		if (rc == -EBUSY && !kind_get(k, &kind_pod, json_str(pod, "metadata.namespace", ""),
					    json_str(pod, "metadata.name", ""), &now, NULL))
			rc = life_is_spare(now) ? kind_delete(k, &kind_pod, now, true, err) : 0;
		if (rc < 0 && rc != -ENOENT && rc != -EBUSY)
			return rc;
	}
	return 0;
}

static int wait_all(struct kube *k, const cJSON *pods, struct err *err)
{
	int64_t deadline_ms = deadline_after(GONE_MS);
	const cJSON *pod;

	cJSON_ArrayForEach (pod, pods) {
		auto_json now = NULL;
		int rc = kind_get(k, &kind_pod, json_str(pod, "metadata.namespace", ""),
			json_str(pod, "metadata.name", ""), &now, err);

		if (rc == -ENOENT || (!rc && !json_at(now, "metadata.deletionTimestamp")))
			continue;
		if (!rc)
			rc = await_gone(k, &kind_pod, pod, deadline_ms, interrupt_flag(), err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* The template first: from then on nobody fills it up. */
static int remove_one(struct kube *k, const char *name, bool wait, struct err *err)
{
	const char *ns = kube_target(k)->ns;
	auto_json pool = NULL;
	auto_json pods = NULL;
	int rc = pool_get(k, ns, name, &pool, err);

	if (!rc)
		rc = kind_delete(k, &kind_podtemplate, pool, false, err);
	if (!rc)
		rc = pool_spares(k, ns, name, &pods, err);
	if (!rc)
		rc = remove_spares(k, json_at(pods, "items"), err);
	if (!rc && wait)
		rc = wait_all(k, json_at(pods, "items"), err);
	if (!rc)
		printf("pool/%s deleted\n", name);
	return rc;
}

static int run(struct cli *cli, const void *settings)
{
	static const struct removal r = { "pool", POOL_NAME_MAX, remove_one };

	return removal_run(cli, &r, settings);
}

const struct verb verb_pool_rm = {
	.name = "pool rm",
	.args = "NAME... [FLAGS]",
	.summary = "delete pools",
	.about = "Deletes pools and their spares. Sandboxes that were taken from them stay.",
	.examples = examples,
	.opts = opts,
	.defaults = &removal_defaults,
	.settings_bytes = sizeof(struct removal_settings),
	.run = run,
};
