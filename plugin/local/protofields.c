#include "plugin/local/protofields.h"

#include <stddef.h>
#include <string.h>

#define TEXT(n, name)                                                                              \
	{                                                                                          \
		n, PROTO_TEXT, 0, name, NULL                                                       \
	}
#define TEXTS(n, name)                                                                             \
	{                                                                                          \
		n, PROTO_TEXT, PROTO_LIST, name, NULL                                              \
	}
#define TEXT_MAP(n, name)                                                                          \
	{                                                                                          \
		n, PROTO_TEXT, PROTO_MAP, name, NULL                                               \
	}
#define BYTES_MAP(n, name)                                                                         \
	{                                                                                          \
		n, PROTO_BYTES, PROTO_MAP, name, NULL                                              \
	}
#define AMOUNTS(n, name)                                                                           \
	{                                                                                          \
		n, PROTO_QUANTITY, PROTO_MAP, name, NULL                                           \
	}
#define INT(n, name)                                                                               \
	{                                                                                          \
		n, PROTO_INT, 0, name, NULL                                                        \
	}
#define INT_SET(n, name)                                                                           \
	{                                                                                          \
		n, PROTO_INT, PROTO_KEPT, name, NULL                                               \
	}
#define BOOL(n, name)                                                                              \
	{                                                                                          \
		n, PROTO_BOOL, 0, name, NULL                                                       \
	}
#define BOOL_SET(n, name)                                                                          \
	{                                                                                          \
		n, PROTO_BOOL, PROTO_KEPT, name, NULL                                              \
	}
#define MESSAGE(n, name, f)                                                                        \
	{                                                                                          \
		n, PROTO_MESSAGE, 0, name, f                                                       \
	}
#define LIST(n, name, f)                                                                           \
	{                                                                                          \
		n, PROTO_MESSAGE, PROTO_LIST, name, f                                              \
	}
#define END                                                                                        \
	{                                                                                          \
		0, 0, 0, NULL, NULL                                                                \
	}

const struct proto_field proto_type_meta[] = { TEXT(1, "apiVersion"), TEXT(2, "kind"), END };

/* A message that is only ever empty when a client creates the object. */
static const struct proto_field nothing[] = { END };

static const struct proto_field meta[] = { TEXT(1, "name"), TEXT(2, "generateName"),
	TEXT(3, "namespace"), TEXT(5, "uid"), TEXT(6, "resourceVersion"), INT(7, "generation"),
	MESSAGE(8, "creationTimestamp", nothing), TEXT_MAP(11, "labels"),
	TEXT_MAP(12, "annotations"), TEXTS(14, "finalizers"), END };

static const struct proto_field namespace_spec[] = { TEXTS(1, "finalizers"), END };
static const struct proto_field namespace_status[] = { TEXT(1, "phase"), END };
static const struct proto_field namespace_[] = { MESSAGE(1, "metadata", meta),
	MESSAGE(2, "spec", namespace_spec), MESSAGE(3, "status", namespace_status), END };

static const struct proto_field config_map[] = { MESSAGE(1, "metadata", meta), TEXT_MAP(2, "data"),
	BYTES_MAP(3, "binaryData"), BOOL_SET(4, "immutable"), END };

static const struct proto_field secret[] = { MESSAGE(1, "metadata", meta), BYTES_MAP(2, "data"),
	TEXT(3, "type"), TEXT_MAP(4, "stringData"), BOOL_SET(5, "immutable"), END };

static const struct proto_field local_reference[] = { TEXT(1, "name"), END };
static const struct proto_field object_reference[] = { TEXT(1, "kind"), TEXT(2, "namespace"),
	TEXT(3, "name"), TEXT(4, "uid"), TEXT(5, "apiVersion"), TEXT(6, "resourceVersion"),
	TEXT(7, "fieldPath"), END };
static const struct proto_field service_account[] = { MESSAGE(1, "metadata", meta),
	LIST(2, "secrets", object_reference), LIST(3, "imagePullSecrets", local_reference),
	BOOL_SET(4, "automountServiceAccountToken"), END };

static const struct proto_field rule[] = { TEXTS(1, "verbs"), TEXTS(2, "apiGroups"),
	TEXTS(3, "resources"), TEXTS(4, "resourceNames"), TEXTS(5, "nonResourceURLs"), END };
static const struct proto_field role[] = { MESSAGE(1, "metadata", meta), LIST(2, "rules", rule),
	END };

static const struct proto_field subject[] = { TEXT(1, "kind"), TEXT(2, "apiGroup"), TEXT(3, "name"),
	TEXT(4, "namespace"), END };
static const struct proto_field role_reference[] = { TEXT(1, "apiGroup"), TEXT(2, "kind"),
	TEXT(3, "name"), END };
static const struct proto_field role_binding[] = { MESSAGE(1, "metadata", meta),
	LIST(2, "subjects", subject), MESSAGE(3, "roleRef", role_reference), END };

static const struct proto_field quota_spec[] = { AMOUNTS(1, "hard"), TEXTS(2, "scopes"), END };
static const struct proto_field quota[] = { MESSAGE(1, "metadata", meta),
	MESSAGE(2, "spec", quota_spec), MESSAGE(3, "status", nothing), END };

static const struct proto_field port[] = { TEXT(1, "name"), TEXT(2, "protocol"), INT(3, "port"),
	{ 4, PROTO_INT_OR_TEXT, 0, "targetPort", NULL }, INT(5, "nodePort"), TEXT(6, "appProtocol"),
	END };
static const struct proto_field service_spec[] = { LIST(1, "ports", port), TEXT_MAP(2, "selector"),
	TEXT(3, "clusterIP"), TEXT(4, "type"), TEXTS(5, "externalIPs"), TEXT(7, "sessionAffinity"),
	TEXT(8, "loadBalancerIP"), TEXT(10, "externalName"), TEXT(11, "externalTrafficPolicy"),
	INT(12, "healthCheckNodePort"), BOOL(13, "publishNotReadyAddresses"),
	TEXTS(18, "clusterIPs"), TEXTS(19, "ipFamilies"), END };
static const struct proto_field service_status[] = { MESSAGE(1, "loadBalancer", nothing), END };
static const struct proto_field service[] = { MESSAGE(1, "metadata", meta),
	MESSAGE(2, "spec", service_spec), MESSAGE(3, "status", service_status), END };

static const struct proto_field resources[] = { AMOUNTS(1, "limits"), AMOUNTS(2, "requests"), END };
static const struct proto_field container[] = { TEXT(1, "name"), TEXT(2, "image"),
	TEXTS(3, "command"), TEXTS(4, "args"), TEXT(5, "workingDir"),
	MESSAGE(8, "resources", resources), TEXT(13, "terminationMessagePath"),
	TEXT(14, "imagePullPolicy"), BOOL(16, "stdin"), BOOL(17, "stdinOnce"), BOOL(18, "tty"),
	TEXT(20, "terminationMessagePolicy"), END };
static const struct proto_field pod_spec[] = { LIST(2, "containers", container),
	TEXT(3, "restartPolicy"), INT_SET(4, "terminationGracePeriodSeconds"),
	INT_SET(5, "activeDeadlineSeconds"), TEXT(6, "dnsPolicy"), TEXT(8, "serviceAccountName"),
	TEXT(9, "serviceAccount"), TEXT(10, "nodeName"), BOOL(11, "hostNetwork"),
	BOOL(12, "hostPID"), BOOL(13, "hostIPC"), MESSAGE(14, "securityContext", nothing),
	TEXT(16, "hostname"), TEXT(17, "subdomain"), TEXT(19, "schedulerName"),
	TEXT(24, "priorityClassName"), END };
static const struct proto_field template[] = { MESSAGE(1, "metadata", meta),
	MESSAGE(2, "spec", pod_spec), END };
static const struct proto_field job_spec[] = { INT_SET(1, "parallelism"), INT_SET(2, "completions"),
	INT_SET(3, "activeDeadlineSeconds"), MESSAGE(6, "template", template),
	INT_SET(7, "backoffLimit"), INT_SET(8, "ttlSecondsAfterFinished"), END };
static const struct proto_field job_status[] = { INT(4, "active"), INT(5, "succeeded"),
	INT(6, "failed"), TEXT(7, "completedIndexes"), END };
static const struct proto_field job[] = { MESSAGE(1, "metadata", meta),
	MESSAGE(2, "spec", job_spec), MESSAGE(3, "status", job_status), END };

static const struct {
	const char *api_version;
	const char *kind;
	const struct proto_field *fields;
} kinds[] = {
	{ "v1", "Namespace", namespace_ },
	{ "v1", "ConfigMap", config_map },
	{ "v1", "Secret", secret },
	{ "v1", "ServiceAccount", service_account },
	{ "v1", "ResourceQuota", quota },
	{ "v1", "Service", service },
	{ "batch/v1", "Job", job },
	{ "rbac.authorization.k8s.io/v1", "Role", role },
	{ "rbac.authorization.k8s.io/v1", "ClusterRole", role },
	{ "rbac.authorization.k8s.io/v1", "RoleBinding", role_binding },
	{ "rbac.authorization.k8s.io/v1", "ClusterRoleBinding", role_binding },
};

const struct proto_field *proto_fields_of(const char *api_version, const char *kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].api_version, api_version) && !strcmp(kinds[i].kind, kind))
			return kinds[i].fields;
	return NULL;
}
