/* check_policy: does the cluster's network enforce NetworkPolicy? */
#include "common/kube/json.h"
#include "plugin/checkprobe.h"
#include "plugin/cli.h"

#include <errno.h>

#define DAEMONSETS "/apis/apps/v1/daemonsets"

/* By the names that their own manifests give them. */
static const struct {
	const char *daemon, *network;
	bool enforces;
} known[] = {
	{ "calico-node", "Calico", true },
	{ "canal", "Canal", true },
	{ "cilium", "Cilium", true },
	{ "anetd", "GKE Dataplane V2", true },
	{ "antrea-agent", "Antrea", true },
	{ "weave-net", "Weave Net", true },
	{ "kube-router", "kube-router", true },
	{ "ovnkube-node", "OVN-Kubernetes", true },
	{ "kube-ovn-cni", "Kube-OVN", true },
	{ "azure-npm", "Azure Network Policy Manager", true },
	{ "kube-network-policies", "kube-network-policies", true },
	{ "romana-agent", "Romana", true },
	{ "kube-flannel-ds", "Flannel", false },
	{ "kube-flannel", "Flannel", false },
	{ "kindnet", "kindnet (since 0.24 it may)", false },
	{ "aws-node", "the Amazon VPC network (unless its policy agent is on)", false },
};

const char *check_enforcer(const cJSON *daemonsets, const char **ret_other)
{
	const cJSON *one;

	*ret_other = NULL;
	cJSON_ArrayForEach (one, json_at(daemonsets, "items")) {
		const char *name = json_str(one, "metadata.name", "");

		for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
			if (strcmp(name, known[i].daemon))
				continue;
			if (known[i].enforces)
				return known[i].network;
			*ret_other = known[i].network;
		}
	}
	return NULL;
}

static const char advice[] =
	"--network none and tenants do not keep sandboxes apart; use a network "
	"that does (Calico, Cilium, ...)";

static void by_what_is_known(struct checks *c)
{
	struct rest_request rq = {
		.method = "GET", .path = DAEMONSETS, .what = "list daemonsets in all namespaces"
	};
	auto_free char *probe = xprintf("%s doctor --probe tries it", c->program);
	auto_json list = NULL;
	struct err err = { 0 };
	const char *other = NULL, *network;
	int rc = rest_call(c->kube, &rq, &list, NULL, &err);

	if (rc < 0 && rc != -EACCES && rc != -ENOENT) {
		checks_say(c, CHECK_SKIP, "policies", probe, "%s", err_text(&err, rc));
		return;
	}
	network = rc < 0 ? NULL : check_enforcer(list, &other);
	if (network)
		checks_say(c, CHECK_OK, "policies", NULL, "enforced, by %s", network);
	else if (other)
		checks_say(c, CHECK_WARN, "policies", probe, "%s enforces none", other);
	else
		checks_say(c, CHECK_SKIP, "policies", probe,
			"whether the network enforces NetworkPolicy cannot be told by what runs");
}

void check_policy(struct checks *c, const char *probe)
{
	struct err err = { 0 };
	int rc;

	if (!probe) {
		by_what_is_known(c);
		return;
	}
	rc = probe_policy(c->kube, c->ns, probe, &err);
	if (rc == 1)
		checks_say(c, CHECK_OK, "policies", NULL, "enforced: a closed Pod was not reached");
	else if (rc == 0)
		checks_say(c, CHECK_WARN, "policies", advice,
			"not enforced: a Pod that a NetworkPolicy closes was reached");
	else
		checks_say(c, rc == -EOPNOTSUPP ? CHECK_SKIP : CHECK_FAIL, "policies", NULL,
			"the probe: %s", err_text(&err, rc));
}
