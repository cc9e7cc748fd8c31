/*
 * The Service NAME-svc of a sandbox: under the name by which ComputeSDK's provider, too, deletes it with the
 * sandbox, and owned by the Pod.
 */
#ifndef SBX_PLUGIN_SERVICE_H
#define SBX_PLUGIN_SERVICE_H

#include "common/base/buf.h"
#include "common/kube/rest.h"
#include "plugin/ports.h"

#include <stdbool.h>

#define LABEL_SERVED                                                                               \
	"kubectl-sbx/served-by" /* of a Pod that no sandbox-id tells: its Service's name */

/* The caller's. */
char *service_name(const char *pod);

/* Is it owned by this Pod, and not by one of an older day? */
bool service_is_of(const cJSON *service, const cJSON *pod);

/* What expose makes of a Service (NULL: none yet) and more ports, without duplicates; type NULL: as it
 * is, else ClusterIP. The caller's. */
cJSON *service_spec(const cJSON *service, const struct port *ports, size_t count, const char *type);

/* The Service itself; spec is taken. label: the Pod's that selects it, NULL: sandbox-id. */
cJSON *service_new(const cJSON *pod, const char *label, cJSON *spec);

/* Its entry for this port: of its own, else of the sandbox. NULL. */
const cJSON *service_port(const cJSON *service, uint16_t port);

/* Where that is reached: "http://10.0.0.1:30080". False: nowhere yet (a load balancer without address). */
bool service_url(const cJSON *service, const cJSON *entry, const cJSON *pod, const char *protocol,
	struct buf *ret);

#endif
