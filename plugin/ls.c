#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "plugin/cli.h"
#include "plugin/show.h"
#include "plugin/tail.h"

struct ls {
	bool all, watch, no_headers;
	const char *selector, *output;
};

#define AT(member) offsetof(struct ls, member)

static const struct opt opts[] = {
	{ "all-namespaces", 'A', OPT_BOOL, NULL, "those of every namespace", AT(all) },
	{ "selector", 'l', OPT_TEXT, "LABELS",
		"any Pods with these labels, also such as are no\n"
		"sandboxes of ours: app=web,tier!=db",
		AT(selector) },
	{ "watch", 'w', OPT_BOOL, NULL, "go on and print each change, until Ctrl-C", AT(watch) },
	{ "output", 'o', OPT_TEXT, "FORMAT", SHOW_FORMATS, AT(output) },
	{ "no-headers", 0, OPT_BOOL, NULL, "rows alone", AT(no_headers) },
	{ NULL },
};

static const struct example examples[] = {
	{ "the sandboxes of the namespace", "ls" },
	{ "of every namespace, with node, address and expiry", "ls -A -o wide" },
	{ "their names, to go on with", "ls -o name" },
	{ "plain Pods by label", "ls -l app=web" },
	{ NULL },
};

static int list(struct kube *k, const char *ns, const char *selector, struct show *show)
{
	auto_json pods = NULL;
	struct err err = { 0 };
	const cJSON *items;
	int rc = sandbox_list(k, ns, selector, &pods, &err);

	if (rc < 0)
		return cli_failed(&err, rc);
	items = json_at(pods, "items");
	if (!cJSON_GetArraySize(items) && show->format <= SHOW_WIDE) {
		if (ns)
			say("no sandboxes in namespace %s", ns);
		else
			say("no sandboxes");
		return EXIT_DONE;
	}
	rc = show_pods(show, items, stdout, &err);
	return rc < 0 ? cli_failed(&err, rc) : cli_flush();
}

static int run(struct cli *cli, const void *settings)
{
	const struct ls *l = settings;
	struct show show = { .namespaces = l->all, .headers = !l->no_headers };
	const char *selector = l->selector ? l->selector : SANDBOX_SELECTOR;
	const char *ns;
	auto_kube k = NULL;
	struct err err = { 0 };
	int rc;

	if (cli->words.count || cli->words.dashes)
		return cli_usage(cli, "ls takes no names; for one sandbox use \"%s get NAME\"",
			cli->program);
	if (show_format_parse(l->output, &show.format, &err) < 0)
		return cli_usage(cli, "%s", err.text);
	rc = cli_open(cli, &k, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	ns = l->all ? NULL : kube_target(k)->ns;
	return l->watch ? tail_pods(k, ns, selector, &show) : list(k, ns, selector, &show);
}

const struct verb verb_ls = {
	.name = "ls",
	.args = "[FLAGS]",
	.summary = "list the sandboxes of the namespace",
	.about = "Lists sandboxes: Pods with the label " SANDBOX_SELECTOR ".",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct ls),
	.run = run,
};
