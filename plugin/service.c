#include "plugin/service.h"

#include "common/base/buf.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "plugin/kind.h"
#include "plugin/pod.h"

char *service_name(const char *pod)
{
	return xprintf("%s-svc", pod);
}

bool service_is_of(const cJSON *service, const cJSON *pod)
{
	const char *uid = json_str(pod, "metadata.uid", "-");
	const cJSON *ref;

	cJSON_ArrayForEach (ref, json_at(service, "metadata.ownerReferences"))
		if (!strcmp(json_str(ref, "uid", ""), uid))
			return true;
	return false;
}

/* --- ports -------------------------------------------------------------------------------- */

static const char *protocol_of(const struct port *p)
{
	return p->udp ? "UDP" : "TCP";
}

static bool is_entry(const cJSON *entry, const struct port *p)
{
	return json_int(entry, "port", 0) == p->here &&
	       !strcmp(json_str(entry, "protocol", "TCP"), protocol_of(p));
}

static cJSON *entry_for(cJSON *entries, const struct port *p)
{
	auto_free char *name = xprintf("%s-%u", p->udp ? "udp" : "tcp", p->here);
	cJSON *entry;

	cJSON_ArrayForEach (entry, entries)
		if (is_entry(entry, p))
			return entry;
	entry = cJSON_CreateObject();
	json_set_str(entry, "name", name);
	json_set_str(entry, "protocol", protocol_of(p));
	json_set(entry, "port", cJSON_CreateNumber(p->here));
	cJSON_AddItemToArray(entries, entry);
	return entry;
}

cJSON *service_spec(const cJSON *service, const struct port *ports, size_t count, const char *type)
{
	const cJSON *there = json_at(service, "spec.ports");
	cJSON *entries = cJSON_IsArray(there) ? cJSON_Duplicate(there, true) : cJSON_CreateArray();
	cJSON *spec = cJSON_CreateObject(), *entry;

	type = type ? type : json_str(service, "spec.type", "ClusterIP");
	for (size_t i = 0; i < count; i++) {
		entry = entry_for(entries, &ports[i]);
		json_set(entry, "targetPort", cJSON_CreateNumber(ports[i].there));
	}
	cJSON_ArrayForEach (entry, entries)
		if (!strcmp(type, "ClusterIP"))
			json_set(entry, "nodePort", NULL);
	json_set_str(spec, "type", type);
	json_set(spec, "ports", entries);
	return spec;
}

cJSON *service_new(const cJSON *pod, const char *label, cJSON *spec)
{
	const char *name = json_str(pod, "metadata.name", "");
	auto_free char *own = service_name(name);
	cJSON *service = kind_new(&kind_service, json_str(pod, "metadata.namespace", ""), own);
	const char *request = json_annotation(pod, ANNOTATION_REQUEST, NULL);
	cJSON *selector = cJSON_CreateObject();

	cJSON_AddStringToObject(selector, label ? label : LABEL_SANDBOX_ID, label ? own : name);
	kind_label(service, LABEL_MANAGED, "true");
	kind_label(service, LABEL_SANDBOX_ID, name);
	if (request) /* by which gc knows it for ours */
		kind_annotate(service, ANNOTATION_REQUEST, request);
	kind_set_owner(service, &kind_pod, pod);
	json_set(spec, "selector", selector);
	json_set(service, "spec", spec);
	return service;
}

/* --- where it is reached ------------------------------------------------------------------- */

const cJSON *service_port(const cJSON *service, uint16_t port)
{
	static const char *const members[] = { "port", "targetPort" };
	const cJSON *entry;

	for (int i = 0; i < 2; i++) {
		cJSON_ArrayForEach (entry, json_at(service, "spec.ports"))
			if (json_int(entry, members[i], 0) == port)
				return entry;
	}
	return NULL;
}

static void put_url(struct buf *ret, const char *protocol, const char *host, int port)
{
	bool v6 = strchr(host, ':');
	bool usual = (port == 80 && !strcmp(protocol, "http")) ||
		     (port == 443 && !strcmp(protocol, "https"));

	buf_printf(ret, "%s://%s%s%s", protocol, v6 ? "[" : "", host, v6 ? "]" : "");
	if (!usual)
		buf_printf(ret, ":%d", port);
}

bool service_url(const cJSON *service, const cJSON *entry, const cJSON *pod, const char *protocol,
	struct buf *ret)
{
	const char *type = json_str(service, "spec.type", "ClusterIP");
	const char *ip = json_str(service, "status.loadBalancer.ingress[0].ip", NULL);
	const char *host = json_str(service, "status.loadBalancer.ingress[0].hostname", ip);
	int port = json_int(entry, "port", 0), node_port = json_int(entry, "nodePort", 0);
	auto_free char *inside = NULL;

	if (!strcmp(type, "LoadBalancer")) {
		if (!host)
			return false;
		put_url(ret, protocol, host, port);
		return true;
	}
	if (!strcmp(type, "NodePort") && node_port) {
		put_url(ret, protocol, json_str(pod, "status.hostIP", "NODE"), node_port);
		return true;
	}
	inside = xprintf("%s.%s.svc", json_str(service, "metadata.name", ""),
		json_str(service, "metadata.namespace", ""));
	put_url(ret, protocol, inside, port);
	return true;
}
