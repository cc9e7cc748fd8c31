#include "common/base/path.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "common/kube/yaml.h"
#include "plugin/cli.h"
#include "plugin/kind.h"
#include "plugin/ref.h"
#include "plugin/service.h"
#include "plugin/via.h"

#include <ctype.h>

#define SERVICE_NAME_MAX 63
#define DOCUMENT_MAX     (1024 * 1024)

enum format { FORMAT_TEXT, FORMAT_NAME, FORMAT_JSON, FORMAT_YAML, FORMATS };

struct expose {
	const char *type, *output;
	bool remove;
};

static const struct opt opts[] = {
	{ "type", 0, OPT_TEXT, "TYPE", "ClusterIP, NodePort or LoadBalancer (ClusterIP)",
		offsetof(struct expose, type) },
	{ "rm", 0, OPT_BOOL, NULL, "delete the Service", offsetof(struct expose, remove) },
	{ "output", 'o', OPT_TEXT, "FORMAT", "name, json or yaml",
		offsetof(struct expose, output) },
	{ NULL },
};

static const struct example examples[] = {
	{ "port 80 of web for all in the cluster, as web-svc", "expose web 80" },
	{ "from outside, by a port of every node", "expose web 80:8080 --type NodePort" },
	{ "no more", "expose web --rm" },
	{ NULL },
};

/* One that is asked for. */
struct exposing {
	struct kube *k;
	const struct expose *e;
	struct ref ref;
	struct port *ports;
	size_t count;
	enum format format;
};

/* --- output ------------------------------------------------------------------------------ */

static int print(const struct exposing *x, const cJSON *service, struct err *err)
{
	auto_buf yaml = BUF_INIT(DOCUMENT_MAX);
	auto_free char *json = NULL;
	const char *name = json_str(service, "metadata.name", "");

	switch (x->format) {
	case FORMAT_JSON:
		json = cJSON_Print(service);
		puts(json);
		return 0;
	case FORMAT_YAML:
		if (yaml_print(service, &yaml) < 0)
			return err_set(err, -EMSGSIZE, "the Service is too large to print");
		fputs(buf_text(&yaml), stdout);
		return 0;
	case FORMAT_NAME:
		printf("service/%s\n", name);
		return 0;
	default:
		printf("service/%s exposed\n", name);
		return 0;
	}
}

/* --- making it ------------------------------------------------------------------------------ */

/* The label by which the Pod is selected; NULL: its sandbox-id. */
static int selecting(struct exposing *x, const cJSON *pod, const char **ret, struct err *err)
{
	const cJSON *labels = json_at(pod, "metadata.labels");
	const char *name = json_str(pod, "metadata.name", "");
	auto_free char *own = service_name(name);
	auto_json patch = NULL;
	const cJSON *id = json_member(labels, LABEL_SANDBOX_ID);

	*ret = NULL;
	if (cJSON_IsString(id) && !strcmp(id->valuestring, name))
		return 0;
	*ret = LABEL_SERVED;
	id = json_member(labels, LABEL_SERVED);
	if (cJSON_IsString(id) && !strcmp(id->valuestring, own))
		return 0;
	patch = cJSON_CreateObject();
	kind_label(patch, LABEL_SERVED, own);
	return kind_patch(x->k, &kind_pod, pod, patch, NULL, err);
}

static int make(struct exposing *x, const cJSON *pod, cJSON **ret, struct err *err)
{
	auto_json service = NULL;
	const char *label;
	int rc = selecting(x, pod, &label, err);

	if (rc < 0)
		return rc;
	service = service_new(pod, label, service_spec(NULL, x->ports, x->count, x->e->type));
	return kind_post(x->k, &kind_service, service, ret, err);
}

/* Of this Pod's own: has what was asked for already, or gets it. */
static int change(struct exposing *x, cJSON **service, struct err *err)
{
	auto_json patch = cJSON_CreateObject();
	cJSON *spec = service_spec(*service, x->ports, x->count, x->e->type), *now = NULL;
	int rc;

	cJSON_AddItemToObject(patch, "spec", spec);
	if (cJSON_Compare(json_at(*service, "spec.ports"), json_at(spec, "ports"), true) &&
		!strcmp(json_str(*service, "spec.type", ""), json_str(spec, "type", "")))
		return 0;
	rc = kind_patch(x->k, &kind_service, *service, patch, &now, err);
	if (rc < 0)
		return rc;
	cJSON_Delete(*service);
	*service = now;
	return 0;
}

/* Does a Pod of this name own it, of whatever day? */
static bool is_of_name(const cJSON *service, const char *name)
{
	const cJSON *ref;

	cJSON_ArrayForEach (ref, json_at(service, "metadata.ownerReferences"))
		if (!strcmp(json_str(ref, "kind", ""), "Pod") &&
			!strcmp(json_str(ref, "name", ""), name))
			return true;
	return false;
}

static int not_ours(const char *own, struct err *err)
{
	return err_set(err, -EEXIST,
		"there is a service %s that expose has not made; it is left as it is", own);
}

static int expose(struct exposing *x, cJSON **ret, struct err *err)
{
	auto_free char *own = NULL;
	auto_json pod = NULL;
	int rc = via_get(x->k, x->ref.ns, x->ref.name, &pod, err);

	if (rc < 0)
		return rc;
	/* it may have been called by what agent-sandbox has it by */
	free(x->ref.name);
	x->ref.name = xstrdup(json_str(pod, "metadata.name", ""));
	own = service_name(x->ref.name);
	if (json_at(pod, "metadata.deletionTimestamp"))
		return err_set(err, -ENOTCONN, "%s/%s is being deleted", x->ref.ns, x->ref.name);
	rc = kind_get(x->k, &kind_service, x->ref.ns, own, ret, err);
	if (rc == -ENOENT)
		return make(x, pod, ret, err);
	if (rc < 0)
		return rc;
	if (service_is_of(*ret, pod))
		return change(x, ret, err);
	if (!is_of_name(*ret, x->ref.name))
		return not_ours(own, err);
	/* An older Pod's, which the cluster has not collected yet. */
	rc = kind_delete(x->k, &kind_service, *ret, false, err);
	cJSON_Delete(take_ptr(*ret));
	return rc < 0 && rc != -ENOENT ? rc : make(x, pod, ret, err);
}

static int unexpose(struct exposing *x, struct err *err)
{
	auto_free char *own = service_name(x->ref.name);
	auto_json service = NULL;
	int rc = kind_get(x->k, &kind_service, x->ref.ns, own, &service, err);

	if (rc == -ENOENT) {
		say("there is no service %s", own);
		return 0;
	}
	if (rc < 0)
		return rc;
	if (!is_of_name(service, x->ref.name))
		return not_ours(own, err);
	rc = kind_delete(x->k, &kind_service, service, false, err);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	printf("service/%s deleted\n", own);
	return 0;
}

/* --- the command line --------------------------------------------------------------------------- */

static bool is_one_of(const char *text, const char *const *words)
{
	while (*words && strcmp(*words, text) != 0)
		words++;
	return *words;
}

static int take_ports(struct cli *cli, struct exposing *x)
{
	struct err err = { 0 };

	x->count = (size_t)cli->words.count - 1;
	x->ports = xcalloc(x->count + 1, sizeof(*x->ports));
	for (size_t i = 0; i < x->count; i++)
		if (port_parse_service(cli->words.at[i + 1], &x->ports[i], &err) < 0)
			return cli_usage(cli, "%s", err.text);
	return EXIT_DONE;
}

static int check(struct cli *cli, struct exposing *x)
{
	static const char *const types[] = { "ClusterIP", "NodePort", "LoadBalancer", NULL };
	static const char *const formats[] = { "text", "name", "json", "yaml" };
	const struct expose *e = x->e;

	if (cli->words.count < 1 || cli->words.dashes || (cli->words.count < 2) != e->remove)
		return cli_usage(cli,
			"expose wants a NAME and ports: expose NAME 80; or to end it: expose NAME "
			"--rm");
	if (e->type && !is_one_of(e->type, types))
		return cli_usage(cli,
			"--type is ClusterIP, NodePort or LoadBalancer, not \"%.60s\"", e->type);
	for (x->format = FORMAT_NAME; e->output && x->format < FORMATS; x->format++)
		if (!strcmp(e->output, formats[x->format]))
			break;
	if (x->format == FORMATS)
		return cli_usage(cli, "-o is name, json or yaml, not \"%.60s\"", e->output);
	if (!e->output)
		x->format = FORMAT_TEXT;
	return take_ports(cli, x);
}

/* A Service's name is stricter than a Pod's. */
static int check_name(const struct exposing *x, struct err *err)
{
	auto_free char *own = service_name(x->ref.name);

	if (path_label_ok(own, SERVICE_NAME_MAX) && isalpha((unsigned char)*own))
		return 0;
	return err_set(err, -EINVAL,
		"no Service can be called %.80s: it must begin with a letter and have at most %d "
		"letters, digits and '-'",
		own, SERVICE_NAME_MAX);
}

static int act(struct cli *cli, struct exposing *x, struct err *err)
{
	auto_json service = NULL;
	int rc = ref_parse(cli->words.at[0], kube_target(x->k)->ns, &x->ref, err);

	if (!rc)
		rc = check_name(x, err);
	if (!rc && x->e->remove)
		return unexpose(x, err);
	if (!rc)
		rc = expose(x, &service, err);
	return rc < 0 ? rc : print(x, service, err);
}

static int run(struct cli *cli, const void *settings)
{
	struct exposing x = { .e = settings };
	auto_kube k = NULL;
	struct err err = { 0 };
	int status = check(cli, &x), rc;

	if (status == EXIT_DONE) {
		rc = cli_open(cli, &k, &err);
		x.k = k;
		if (!rc)
			rc = act(cli, &x, &err);
		status = rc < 0 ? cli_failed(&err, rc) : cli_flush();
	}
	ref_fini(&x.ref);
	free(x.ports);
	return status;
}

const struct verb verb_expose = {
	.name = "expose",
	.args = "NAME PORT[:TARGET][/udp]... [FLAGS]",
	.summary = "make a Service for a sandbox's ports",
	.about =
		"Makes the Service NAME-svc for this sandbox alone, or gives it more ports if it "
		"is "
		"there. PORT is the Service's, TARGET the sandbox's, the same when it is left out. "
		"It belongs to the Pod: deleting that deletes it. Where it is reached: \"url NAME "
		"PORT\".",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct expose),
	.run = run,
};
