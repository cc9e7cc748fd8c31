#include "common/base/clock.h"
#include "common/kube/json.h"
#include "plugin/await.h"
#include "plugin/interrupt.h"
#include "plugin/lifetime.h"
#include "plugin/removal.h"
#include "plugin/tenant.h"
#include "plugin/tenantmake.h"

#include <errno.h>

#define GONE_MS 180000

static const struct opt opts[] = {
	REMOVAL_WAIT("wait until all is gone (--wait=false: do not)"),
	{ NULL },
};

static const struct example examples[] = {
	{ "alice, with all her sandboxes", "tenant rm alice" },
	{ NULL },
};

/* What was there before stays, and so do its Pods. */
static int give_back(struct kube *k, const cJSON *ns, struct err *err)
{
	const char *name = json_str(ns, "metadata.name", "");
	const struct tenant_wish w = { .name = name, .pod_security = "" };
	int rc = 0;

	for (size_t i = TENANT_PARTS; i-- > 0 && !rc;) {
		const struct kind *kind;
		auto_json part = tenant_part(&w, i, &kind);
		auto_json there = NULL;

		rc = kind_get(k, kind, name, TENANT_OBJECT, &there, err);
		if (!rc && life_is_ours(there, false))
			rc = kind_delete(k, kind, there, false, err);
		if (rc == -ENOENT)
			rc = 0;
	}
	return rc ? rc : tenant_release(k, ns, err);
}

static bool is_adopted(const cJSON *ns)
{
	return json_annotation(ns, ANNOTATION_ADOPTED, NULL);
}

static int remove_one(struct kube *k, const char *name, bool wait, struct err *err)
{
	auto_json ns = NULL;
	int rc = kind_get(k, &kind_namespace, NULL, name, &ns, err);

	if (rc < 0)
		return rc;
	if (!tenant_is(ns))
		return err_set(err, -EPERM,
			"the namespace %s is no tenant: it lacks the label " LABEL_TENANT
			" or was not made by kubectl-sbx",
			name);
	if (is_adopted(ns)) {
		rc = give_back(k, ns, err);
		if (!rc)
			printf("tenant/%s removed; the namespace, which was there before, stays\n",
				name);
		return rc;
	}
	rc = kind_delete(k, &kind_namespace, ns, false, err);
	if (!rc && wait)
		rc = await_gone(
			k, &kind_namespace, ns, deadline_after(GONE_MS), interrupt_flag(), err);
	if (!rc)
		printf("tenant/%s deleted\n", name);
	return rc;
}

static int run(struct cli *cli, const void *settings)
{
	static const struct removal r = { "tenant", 63, remove_one };

	return removal_run(cli, &r, settings);
}

const struct verb verb_tenant_rm = {
	.name = "tenant rm",
	.args = "NAME... [FLAGS]",
	.summary = "delete tenants",
	.about = "Deletes the namespace of each tenant, with all that is in it. A namespace that "
		 "was there before (tenant create --adopt) stays with its Pods; what was added to "
		 "it goes. Any other namespace is refused.",
	.examples = examples,
	.opts = opts,
	.defaults = &removal_defaults,
	.settings_bytes = sizeof(struct removal_settings),
	.run = run,
};
