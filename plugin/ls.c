#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "plugin/cli.h"
#include "plugin/showopts.h"
#include "plugin/sortby.h"
#include "plugin/tail.h"
#include "plugin/vials.h"

struct ls {
	bool all, watch;
	const char *selector, *sort, *via;
	struct showopts show;
};

#define AT(member) offsetof(struct ls, member)

static const struct opt opts[] = {
	{ "all-namespaces", 'A', OPT_BOOL, NULL, "those of every namespace", AT(all) },
	{ "selector", 'l', OPT_TEXT, "LABELS",
		"any Pods with these labels, also such as are no\n"
		"sandboxes of ours: app=web,tier!=db",
		AT(selector) },
	{ "watch", 'w', OPT_BOOL, NULL, "go on and print each change, until Ctrl-C", AT(watch) },
	{ "sort-by", 0, OPT_TEXT, "PATH",
		"in the order of this field, as\n.metadata.creationTimestamp", AT(sort) },
	SHOW_OPTS(AT(show)),
	{ "via", 0, OPT_TEXT, VIA_NAME,
		"its Sandboxes, claims, templates and warm pools, as\n"
		"what they are",
		AT(via) },
	{ NULL },
};

static const struct example examples[] = {
	{ "the sandboxes of the namespace", "ls" },
	{ "of every namespace, with node, address and expiry", "ls -A -o wide" },
	{ "their names, to go on with", "ls -o name" },
	{ "plain Pods by label", "ls -l app=web" },
	{ "the oldest first, with what they were labelled",
		"ls --sort-by .metadata.creationTimestamp --show-labels" },
	{ "their addresses, for a script",
		"ls -o jsonpath='{range .items[*]}{.status.podIP}{\"\\n\"}{end}'" },
	{ "what agent-sandbox has, templates too", "ls --via agent-sandbox" },
	{ NULL },
};

static int nothing(const char *ns, const char *what)
{
	say("no %s%s%s", what, ns ? " in namespace " : "", ns ? ns : "");
	return EXIT_DONE;
}

static int sorted(const char *path, cJSON *items, struct err *err)
{
	size_t found;
	int rc = sort_by(path, items, &found, err);

	if (!rc && !found && cJSON_GetArraySize(items))
		say("warning: none has \"%.100s\" to sort by", path);
	return rc;
}

/* own: those that are sandboxes by their labels, and agent-sandbox's beside them */
static int list(struct kube *k, const struct tail_what *what, bool own, struct show *show)
{
	auto_json pods = NULL;
	struct err err = { 0 };
	struct via via;
	cJSON *items;
	int rc = sandbox_list(k, what->ns, what->labels, &pods, &err);

	if (rc < 0)
		return cli_failed(&err, rc);
	items = (cJSON *)json_at(pods, "items");
	if (!cJSON_IsArray(items) && !json_at(pods, "kind"))
		return cli_failed(&err, err_set(&err, -EBADMSG, "what came is no list of Pods"));
	via_init(&via, k);
	if (own && cJSON_IsArray(items))
		via_add_pods(&via, what->ns, show->format > SHOW_NAME, items);
	if (!cJSON_GetArraySize(items) && show_is_table(show))
		return nothing(what->ns, "sandboxes");
	rc = what->sort ? sorted(what->sort, items, &err) : 0;
	if (!rc)
		rc = show_pods(show, items, stdout, &err);
	return rc < 0 ? cli_failed(&err, rc) : cli_flush();
}

static int list_objects(struct kube *k, const char *ns, const struct show *show)
{
	struct err err = { 0 };
	struct via via;
	int rc;

	via_init(&via, k);
	rc = via_print_objects(&via, ns, show, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	return rc ? cli_flush() : nothing(ns, "objects of " VIA_NAME);
}

static int check_sort(const char *path, struct err *err)
{
	auto_json none = cJSON_CreateArray();

	return path ? sort_by(path, none, NULL, err) : 0;
}

static int run(struct cli *cli, const void *settings)
{
	const struct ls *l = settings;
	auto_show show = { .namespaces = l->all };
	struct tail_what what = { .labels = l->selector ? l->selector : SANDBOX_SELECTOR,
		.sort = l->sort };
	auto_kube k = NULL;
	struct err err = { 0 };
	int rc;

	if (cli->words.count || cli->words.dashes)
		return cli_usage(cli, "ls takes no names; for one sandbox use \"%s get NAME\"",
			cli->program);
	if (showopts_use(&l->show, &show, &err) < 0 || check_sort(l->sort, &err) < 0)
		return cli_usage(cli, "%s", err.text);
	if (l->via && strcmp(l->via, VIA_NAME) != 0)
		return cli_usage(cli, "--via is " VIA_NAME ", not \"%.60s\"", l->via);
	if (l->via && (l->selector || l->watch || l->sort || show.format > SHOW_NAME))
		return cli_usage(cli,
			"with --via ls takes no -l, -w or --sort-by, and prints a table or names");
	rc = cli_open(cli, &k, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	what.ns = l->all ? NULL : kube_target(k)->ns;
	if (l->via)
		return list_objects(k, what.ns, &show);
	return l->watch ? tail_pods(k, &what, &show) : list(k, &what, !l->selector, &show);
}

const struct verb verb_ls = {
	.name = "ls",
	.args = "[FLAGS]",
	.summary = "list the sandboxes of the namespace",
	.about = "Lists sandboxes: Pods with the label " SANDBOX_SELECTOR
		 ", and, where agent-sandbox is installed, its Sandboxes and claims (not with -l "
		 "and -w). -o wide says who made each.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct ls),
	.run = run,
};
