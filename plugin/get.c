#include "common/kube/sandbox.h"
#include "plugin/cli.h"
#include "plugin/ref.h"
#include "plugin/show.h"

struct get {
	const char *output;
	bool no_headers;
};

static const struct opt opts[] = {
	{ "output", 'o', OPT_TEXT, "FORMAT", SHOW_FORMATS, offsetof(struct get, output) },
	{ "no-headers", 0, OPT_BOOL, NULL, "the row alone", offsetof(struct get, no_headers) },
	{ NULL },
};

static const struct example examples[] = {
	{ "one row", "get web" },
	{ "the whole Pod", "get web -o yaml" },
	{ "one of another namespace", "get dev/web -o wide" },
	{ NULL },
};

static int run(struct cli *cli, const void *settings)
{
	const struct get *g = settings;
	struct show show = { .headers = !g->no_headers };
	auto_kube k = NULL;
	auto_json pod = NULL;
	auto_ref r = { 0 };
	struct err err = { 0 };
	int rc;

	if (cli->words.count != 1 || cli->words.dashes)
		return cli_usage(cli, "get wants one NAME");
	if (show_format_parse(g->output, &show.format, &err) < 0 ||
		ref_parse(cli->words.at[0], "default", &r, &err) < 0)
		return cli_usage(cli, "%s", err.text);
	ref_fini(&r);
	rc = cli_open(cli, &k, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	ref_parse(cli->words.at[0], kube_target(k)->ns, &r, &err);
	show.namespaces = strcmp(r.ns, kube_target(k)->ns) != 0;
	rc = sandbox_get(k, r.ns, r.name, &pod, &err);
	if (!rc)
		rc = show_pod(&show, pod, stdout, &err);
	return rc < 0 ? cli_failed(&err, rc) : cli_flush();
}

const struct verb verb_get = {
	.name = "get",
	.args = "NAME [FLAGS]",
	.summary = "show one sandbox, or any Pod",
	.about = "Shows one sandbox. NAME is a Pod's name, or NAMESPACE/POD.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct get),
	.run = run,
};
