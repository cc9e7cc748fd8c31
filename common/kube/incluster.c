#include "common/kube/incluster.h"
#include "common/base/io.h"
#include "common/kube/json.h"

static bool present(const char *name)
{
	const char *value = getenv(name);

	return value && *value;
}

bool incluster_possible(const char *dir)
{
	auto_free char *token = xprintf("%s/token", dir);

	return present("KUBERNETES_SERVICE_HOST") && present("KUBERNETES_SERVICE_PORT") &&
	       access(token, R_OK) == 0;
}

static char *namespace_of(const char *dir)
{
	auto_free char *path = xprintf("%s/namespace", dir);
	auto_buf b = BUF_INIT(1024);

	if (present("POD_NAMESPACE"))
		return xstrdup(getenv("POD_NAMESPACE"));
	if (io_read_file(path, &b) < 0)
		return xstrdup("");
	buf_trim(&b, strcspn(buf_text(&b), " \t\r\n"));
	return buf_steal(&b);
}

/* In a list of one: { "name": "in-cluster", kind: body }. */
static void put(cJSON *tree, const char *list, const char *kind, cJSON *body)
{
	cJSON *item = cJSON_CreateObject(), *items = cJSON_CreateArray();

	json_set_str(item, "name", "in-cluster");
	json_set(item, kind, body);
	cJSON_AddItemToArray(items, item);
	json_set(tree, list, items);
}

int incluster_load(const char *dir, struct kubeconfig **ret, struct err *err)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST"),
		   *port = getenv("KUBERNETES_SERVICE_PORT");
	bool v6 = strchr(host, ':') && host[0] != '[';
	auto_free char *server =
		xprintf("https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
	auto_free char *ca = xprintf("%s/ca.crt", dir), *token = xprintf("%s/token", dir);
	auto_free char *ns = namespace_of(dir);
	cJSON *tree = cJSON_CreateObject(), *cluster = cJSON_CreateObject(),
	      *user = cJSON_CreateObject(), *context = cJSON_CreateObject();

	json_set_str(cluster, "server", server);
	if (access(ca, F_OK) == 0)
		json_set_str(cluster, "certificate-authority", ca);
	json_set_str(user, "tokenFile", token);
	json_set_str(context, "cluster", "in-cluster");
	json_set_str(context, "user", "in-cluster");
	json_set_str(context, "namespace", ns);
	put(tree, "clusters", "cluster", cluster);
	put(tree, "users", "user", user);
	put(tree, "contexts", "context", context);
	json_set_str(tree, "current-context", "in-cluster");
	return kubeconfig_from_tree(tree, "the Pod's service account", dir, ret, err);
}
