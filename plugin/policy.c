/* pod_policy: who may talk to a sandbox, and to whom it may. */
#include "common/kube/json.h"
#include "plugin/pod.h"
#include "plugin/podjson.h"

/*
 * Outwards means the world, not the node's own services: what clouds serve at link-local addresses
 * are credentials. Names are looked up wherever the resolver is, at such an address too.
 */
static const char egress_rules[] =
	"[{\"to\":[{\"ipBlock\":{\"cidr\":\"0.0.0.0/0\",\"except\":[\"169.254.0.0/16\"]}},"
	"{\"ipBlock\":{\"cidr\":\"::/0\",\"except\":[\"fe80::/10\",\"fd00:ec2::/32\"]}}]},"
	"{\"ports\":[{\"protocol\":\"UDP\",\"port\":53},{\"protocol\":\"TCP\",\"port\":53}]}]";

/* So that deleting the Pod deletes it. */
static void set_owner(cJSON *metadata, const cJSON *pod)
{
	cJSON *owner = cJSON_CreateObject();

	pj_put_str(owner, "apiVersion", "v1");
	pj_put_str(owner, "kind", "Pod");
	pj_put_str(owner, "name", json_str(pod, "metadata.name", ""));
	pj_put_str(owner, "uid", json_str(pod, "metadata.uid", ""));
	cJSON_AddItemToArray(pj_array(metadata, "ownerReferences"), owner);
}

/* The uid in the name keeps it apart from one of an older Pod of that name, not yet collected. */
static void set_metadata(cJSON *policy, const cJSON *pod)
{
	const char *request = json_annotation(pod, ANNOTATION_REQUEST, NULL);
	cJSON *metadata = pj_object(policy, "metadata");
	auto_free char *name = xprintf("%s-network-%.8s", json_str(pod, "metadata.name", ""),
		json_str(pod, "metadata.uid", ""));

	pj_put_str(metadata, "name", name);
	pj_put_str(metadata, "namespace", json_str(pod, "metadata.namespace", ""));
	pj_put_str(
		pj_object(metadata, "labels"), LABEL_POLICY_OF, json_str(pod, "metadata.name", ""));
	if (request)
		pj_put_str(pj_object(metadata, "annotations"), ANNOTATION_REQUEST, request);
	set_owner(metadata, pod);
}

cJSON *pod_policy(const cJSON *pod)
{
	const char *mode = json_annotation(pod, ANNOTATION_NETWORK, NULL);
	const char *id = json_label(pod, LABEL_NETWORK, NULL);
	cJSON *policy, *spec, *types;

	if (!mode || !id)
		return NULL;
	policy = cJSON_CreateObject();
	pj_put_str(policy, "apiVersion", "networking.k8s.io/v1");
	pj_put_str(policy, "kind", "NetworkPolicy");
	set_metadata(policy, pod);
	spec = pj_object(policy, "spec");
	pj_put_str(pj_object(pj_object(spec, "podSelector"), "matchLabels"), LABEL_NETWORK, id);
	types = pj_array(spec, "policyTypes");
	cJSON_AddItemToArray(types, cJSON_CreateString("Ingress"));
	cJSON_AddItemToArray(types, cJSON_CreateString("Egress"));
	if (!strcmp(mode, "egress"))
		pj_put(spec, "egress", cJSON_Parse(egress_rules));
	return policy;
}
