#include "plugin/make.h"

#include "common/base/clock.h"
#include "common/kube/json.h"
#include "plugin/cli.h"
#include "plugin/interrupt.h"
#include "plugin/kind.h"
#include "plugin/manifest.h"
#include "plugin/post.h"
#include "plugin/ready.h"
#include "plugin/report.h"
#include "plugin/wish.h"

#define SETTLE_MS     2000
#define LOCAL_CONTEXT "sbx-local"
#define LOCAL_IMAGE   "host"

int make_prepare(const struct cli *cli, const struct pod_wish *w, cJSON **ret_base)
{
	struct err err = { 0 };
	int rc = wish_check(w, &err);

	if (rc < 0)
		return cli_usage(cli, "%s", err.text);
	*ret_base = NULL;
	rc = w->o.file ? manifest_read(w->o.file, ret_base, &err) : 0;
	return rc < 0 ? cli_failed(&err, rc) : EXIT_DONE;
}

void make_aim(const struct kube *k, struct pod_wish *w)
{
	w->ns = kube_target(k)->ns;
	if (!strcmp(kube_target(k)->context, LOCAL_CONTEXT))
		w->otherwise_image = LOCAL_IMAGE;
}

/*
 * The Pod owns it, so it comes second; until the node has pulled and started anything it is long there.
 * How soon a network enforces it is the network's own matter.
 */
static int post_policy(struct kube *k, const cJSON *pod, struct err *err)
{
	auto_json policy = pod_policy(pod);

	return policy ? kind_post(k, &kind_policy, policy, NULL, err) : 0;
}

int make_undo(struct kube *k, const cJSON *pod, struct err *err)
{
	auto_json policy = pod_policy(pod);
	const char *ns = json_str(pod, "metadata.namespace", "");
	int rc = sandbox_delete(k, ns, json_str(pod, "metadata.name", ""),
		json_str(pod, "metadata.uid", NULL), 0, err);

	/* the cluster would collect it by and by; never before its Pod, whose processes wait for that */
	if (!rc && policy)
		kind_remove(k, &kind_policy, ns, json_str(policy, "metadata.name", ""), NULL, NULL);
	return rc;
}

/* Nothing may be left behind, whatever went wrong. */
static void undo(struct kube *k, const struct make_spec *spec, const cJSON *pod, struct err *err)
{
	const char *name = json_str(pod, "metadata.name", "");
	struct err why = { 0 }, before = *err;
	int rc = make_undo(k, pod, &why);

	if (rc < 0)
		err_set(err, rc, "%.600s; and the Pod %s/%s is left: %.200s", before.text,
			json_str(pod, "metadata.namespace", ""), name, err_text(&why, rc));
	else
		phases_say(spec->phases, "deleted %s again", name);
}

static int wait_for(struct kube *k, const struct make_spec *spec, cJSON **pod, struct err *err)
{
	struct ready_spec ready = {
		.pod = *pod,
		.schedule_timeout_ms = spec->wish->o.schedule_timeout_ms,
		.pull_timeout_ms = spec->wish->o.pull_timeout_ms,
		.timeout_ms = spec->timeout_ms,
		.settle_ms = spec->settle ? SETTLE_MS : 0,
		.stop = interrupt_flag(),
		.phases = spec->phases,
	};
	cJSON *now;
	int rc = *interrupt_flag() ? -EINTR : ready_wait(k, &ready, &now, err);

	if (rc < 0)
		return rc == -EINTR ? err_set(err, rc, "interrupted") : rc;
	cJSON_Delete(*pod);
	*pod = now;
	return 0;
}

int make_finish(struct kube *k, const struct make_spec *spec, cJSON **pod, struct err *err)
{
	int rc = post_policy(k, *pod, err);

	if (!rc)
		rc = wait_for(k, spec, pod, err);
	if (rc == -ENOTCONN && spec->log) {
		report_log(k, *pod, spec->log);
		report_wrap(err, rc, spec->log);
	}
	return rc;
}

int make_sandbox(struct kube *k, const struct make_spec *spec, cJSON **ret, struct err *err)
{
	auto_json pod = NULL;
	int rc = post_sandbox(k, spec->wish, spec->base, &pod, err);

	if (rc < 0)
		return rc;
	phases_reach(spec->phases, "created", "created %s", json_str(pod, "metadata.name", ""));
	rc = spec->wait ? make_finish(k, spec, &pod, err) : post_policy(k, pod, err);
	if (rc < 0) {
		err_wrap(err, rc, "cannot create sandbox %s/%s",
			json_str(pod, "metadata.namespace", ""),
			json_str(pod, "metadata.name", ""));
		undo(k, spec, pod, err);
		return rc;
	}
	*ret = take_ptr(pod);
	return 0;
}
