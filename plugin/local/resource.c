#include "plugin/local/resource.h"

#include <stdio.h>
#include <string.h>

static const struct resource resources[] = {
	{ "", "v1", "namespaces", "Namespace", "ns", false, false },
	{ "", "v1", "nodes", "Node", "no", false, false },
	{ "", "v1", "pods", "Pod", "po", true, false },
	{ "", "v1", "podtemplates", "PodTemplate", NULL, true, false },
	{ "", "v1", "events", "Event", "ev", true, true },
	{ "", "v1", "services", "Service", "svc", true, false },
	{ "", "v1", "configmaps", "ConfigMap", "cm", true, false },
	{ "", "v1", "secrets", "Secret", NULL, true, false },
	{ "", "v1", "serviceaccounts", "ServiceAccount", "sa", true, false },
	{ "", "v1", "resourcequotas", "ResourceQuota", "quota", true, false },
	{ "", "v1", "limitranges", "LimitRange", "limits", true, false },
	{ "", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", "pvc", true, false },
	{ "batch", "v1", "jobs", "Job", NULL, true, false },
	{ "batch", "v1", "cronjobs", "CronJob", "cj", true, false },
	{ "networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", "netpol", true, false },
	{ "networking.k8s.io", "v1", "ingresses", "Ingress", "ing", true, false },
	{ "rbac.authorization.k8s.io", "v1", "roles", "Role", NULL, true, false },
	{ "rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", NULL, true, false },
	{ "rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", NULL, false, false },
	{ "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", NULL,
		false, false },
	{ "node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", NULL, false, false },
	{ "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition",
		"crd", false, false },
	{ "agents.x-k8s.io", "v1beta1", "sandboxes", "Sandbox", NULL, true, false, true },
	{ "extensions.agents.x-k8s.io", "v1beta1", "sandboxclaims", "SandboxClaim", NULL, true,
		false, true },
	{ "extensions.agents.x-k8s.io", "v1beta1", "sandboxtemplates", "SandboxTemplate", NULL,
		true, false, true },
	{ "extensions.agents.x-k8s.io", "v1beta1", "sandboxwarmpools", "SandboxWarmPool", "swp",
		true, false, true },
};

#define RESOURCES (sizeof(resources) / sizeof(resources[0]))

const struct resource *resource_nth(size_t i)
{
	return i < RESOURCES ? &resources[i] : NULL;
}

const struct resource *resource_find(const char *group, const char *version, const char *plural)
{
	for (size_t i = 0; i < RESOURCES; i++) {
		const struct resource *r = &resources[i];

		if (!strcmp(r->group, group) && !strcmp(r->version, version) &&
			!strcmp(r->plural, plural))
			return r;
	}
	return NULL;
}

const struct resource *resource_named(const char *plural)
{
	for (size_t i = 0; i < RESOURCES; i++)
		if (!strcmp(resources[i].plural, plural))
			return &resources[i];
	return NULL;
}

void resource_api_version(const struct resource *r, char ret[static 96])
{
	snprintf(ret, 96, "%s%s%s", r->group, *r->group ? "/" : "", r->version);
}
