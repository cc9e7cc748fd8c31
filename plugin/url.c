#include "common/base/log.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "plugin/cli.h"
#include "plugin/kind.h"
#include "plugin/layers.h"
#include "plugin/ref.h"
#include "plugin/service.h"
#include "plugin/urltemplate.h"
#include "plugin/via.h"

#define ANNOTATION_URL "kubectl-sbx/url-template"

struct url {
	const char *template, *protocol;
};

static const struct url defaults = { .protocol = "http" };

static const struct opt opts[] = {
	{ "template", 0, OPT_TEXT, "TEMPLATE",
		"text with {protocol}, {service}, {namespace}, {port}\n"
		"and {name} in it",
		offsetof(struct url, template) },
	{ "protocol", 0, OPT_TEXT, "PROTOCOL", "what {protocol} becomes (http)",
		offsetof(struct url, protocol) },
	{ NULL },
};

static const struct example examples[] = {
	{ "through a gateway of yours",
		"url web 3000 --template 'https://{port}-{name}.example.com'" },
	{ "of the Service that expose made", "url web 80" },
	{ NULL },
};

/* From the flag, the Pod's annotation, the configuration file. *ret: NULL, or the caller's. */
static int find_template(const struct url *u, const cJSON *pod, char **ret, struct err *err)
{
	const cJSON *a = json_member(json_at(pod, "metadata.annotations"), ANNOTATION_URL);
	auto_with(config_fini) struct config config = { 0 };
	int rc;

	*ret = NULL;
	if (u->template || cJSON_IsString(a)) {
		*ret = xstrdup(u->template ? u->template : a->valuestring);
		rc = url_template_check(*ret, err);
		if (rc < 0 && !u->template)
			err_wrap(err, rc, "its annotation " ANNOTATION_URL);
		return rc;
	}
	rc = layers_config(&config, err);
	*ret = take_ptr(config.url_template);
	return rc;
}

static int no_way(const char *name, uint16_t port, struct err *err)
{
	return err_set(err, -ENOENT,
		"%s port %u has no URL: give a --template, or put url-template into the "
		"configuration file, or make a Service by \"expose %s %u\"; from this machine "
		"\"forward %s %u\" reaches it",
		name, port, name, port, name, port);
}

static int of_service(struct kube *k, const struct url *u, const cJSON *pod, uint16_t port,
	struct buf *ret, struct err *err)
{
	const char *name = json_str(pod, "metadata.name", "");
	auto_free char *own = service_name(name);
	auto_json service = NULL;
	const cJSON *entry;
	int rc = kind_get(
		k, &kind_service, json_str(pod, "metadata.namespace", ""), own, &service, err);

	if (rc < 0 && rc != -ENOENT)
		return rc;
	entry = service && service_is_of(service, pod) ? service_port(service, port) : NULL;
	if (!entry)
		return no_way(name, port, err);
	if (!service_url(service, entry, pod, u->protocol, ret))
		return err_set(err, -EAGAIN,
			"the load balancer of service %s has no address yet; try again", own);
	if (!strcmp(json_str(service, "spec.type", "ClusterIP"), "ClusterIP"))
		say("inside the cluster alone; from this machine: \"forward %s %u\"", name, port);
	return 0;
}

static int find(struct kube *k, const struct url *u, const struct ref *r, uint16_t port,
	struct buf *ret, struct err *err)
{
	auto_free char *template = NULL, *service = NULL;
	struct url_words words = { u->protocol, NULL, r->ns, NULL, port };
	auto_json pod = NULL;
	int rc = via_get(k, r->ns, r->name, &pod, err);

	if (!rc)
		rc = find_template(u, pod, &template, err);
	if (rc < 0)
		return rc;
	if (!template)
		return of_service(k, u, pod, port, ret, err);
	words.name = json_str(pod, "metadata.name", r->name);
	words.service = service = service_name(words.name);
	url_fill(template, &words, ret);
	return 0;
}

static int run(struct cli *cli, const void *settings)
{
	const struct url *u = settings;
	auto_buf text = BUF_INIT(URL_MAX);
	auto_ref r = { 0 };
	auto_kube k = NULL;
	struct port port;
	struct err err = { 0 };
	int rc;

	if (cli->words.count != 2 || cli->words.dashes)
		return cli_usage(cli, "url wants a NAME and a PORT: url NAME 3000");
	if (port_parse_service(cli->words.at[1], &port, &err) < 0 || port.here != port.there)
		return cli_usage(
			cli, "url wants one port, a number, not \"%.60s\"", cli->words.at[1]);
	if (u->template && url_template_check(u->template, &err) < 0)
		return cli_usage(cli, "%s", err.text);
	if (strspn(u->protocol, "abcdefghijklmnopqrstuvwxyz0123456789+-.") != strlen(u->protocol))
		return cli_usage(cli, "\"%.60s\" is no URL's protocol", u->protocol);
	rc = cli_open(cli, &k, &err);
	if (!rc)
		rc = ref_parse(cli->words.at[0], kube_target(k)->ns, &r, &err);
	if (!rc)
		rc = find(k, u, &r, port.here, &text, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	puts(buf_text(&text));
	return cli_flush();
}

const struct verb verb_url = {
	.name = "url",
	.args = "NAME PORT [FLAGS]",
	.summary = "the URL of a sandbox's port",
	.about = "Prints a URL made from a template: that of --template, of the sandbox's "
		 "annotation "
		 "kubectl-sbx/url-template, or of the configuration file (url-template). In it "
		 "{protocol}, {service} (NAME-svc), {namespace} and {port} stand for what "
		 "ComputeSDK's Kubernetes provider puts there, and {name} for the sandbox.\n"
		 "\n"
		 "Without a template: where the Service that expose made is reached. Without that "
		 "either it says what to do, and exits with 1.",
	.examples = examples,
	.opts = opts,
	.defaults = &defaults,
	.settings_bytes = sizeof(struct url),
	.run = run,
};
