#include "common/kube/json.h"
#include "plugin/cli.h"
#include "plugin/pick.h"
#include "plugin/ref.h"
#include "plugin/showopts.h"
#include "plugin/tail.h"
#include "plugin/via.h"

struct get {
	bool watch;
	struct showopts show;
};

#define AT(member) offsetof(struct get, member)

static const struct opt opts[] = {
	{ "watch", 'w', OPT_BOOL, NULL, "go on and print each change, until Ctrl-C", AT(watch) },
	SHOW_OPTS(AT(show)),
	{ NULL },
};

static const struct example examples[] = {
	{ "one row", "get web" },
	{ "the whole Pod", "get web -o yaml" },
	{ "one of another namespace", "get dev/web -o wide" },
	{ "its address", "get web -o jsonpath='{.status.podIP}'" },
	{ "how it comes and goes", "get web -w" },
	{ NULL },
};

/* The watch begins with the object itself, whose name may be another than what it was called by. */
static int follow(struct kube *k, const char *ns, const cJSON *pod, struct show *show)
{
	auto_free char *fields = xprintf("metadata.name=%s", json_str(pod, "metadata.name", ""));
	const struct tail_what what = { .ns = ns, .fields = fields };

	return tail_pods(k, &what, show);
}

static int run(struct cli *cli, const void *settings)
{
	const struct get *g = settings;
	auto_show show = { 0 };
	auto_kube k = NULL;
	auto_json pod = NULL;
	auto_ref r = { 0 };
	struct err err = { 0 };
	int rc = showopts_use(&g->show, &show, &err);

	if (rc < 0)
		return cli_usage(cli, "%s", err.text);
	rc = pick_where_missing(cli, PICK_ANY);
	if (rc != EXIT_DONE)
		return rc;
	if (cli->words.count != 1 || cli->words.dashes)
		return cli_usage(cli, "get wants one NAME");
	if (ref_parse(cli->words.at[0], "default", &r, &err) < 0)
		return cli_usage(cli, "%s", err.text);
	ref_fini(&r);
	rc = cli_open(cli, &k, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	ref_parse(cli->words.at[0], kube_target(k)->ns, &r, &err);
	show.namespaces = strcmp(r.ns, kube_target(k)->ns) != 0;
	rc = via_get(k, r.ns, r.name, &pod, &err);
	if (!rc && g->watch)
		return follow(k, r.ns, pod, &show);
	if (!rc)
		rc = show_pod(&show, pod, stdout, &err);
	return rc < 0 ? cli_failed(&err, rc) : cli_flush();
}

const struct verb verb_get = {
	.name = "get",
	.args = "NAME [FLAGS]",
	.summary = "show one sandbox, or any Pod",
	.about = "Shows one sandbox. NAME is a Pod's name, or that of a Sandbox or SandboxClaim of "
		 "agent-sandbox; or NAMESPACE/NAME.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct get),
	.run = run,
};
