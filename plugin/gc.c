#include "plugin/cli.h"
#include "plugin/gcinstall.h"
#include "plugin/sweep.h"

struct gc {
	bool all, dry_run, install;
	int64_t older_ms;
	const char *image, *schedule;
};

static const struct gc defaults = { .schedule = "*/5 * * * *" };

#define AT(member) offsetof(struct gc, member)

static const struct opt opts[] = {
	{ "all-namespaces", 'A', OPT_BOOL, NULL,
		"in every namespace; tenants whose time is over, too", AT(all) },
	{ "dry-run", 0, OPT_BOOL, NULL, "delete nothing; say what would be", AT(dry_run) },
	{ "older-than", 0, OPT_SPAN, "TIME", "only what has been over for so long", AT(older_ms) },
	{ "install", 0, OPT_BOOL, NULL,
		"print a CronJob that does it, with its account and\n"
		"rights, for \"kubectl apply -f -\"",
		AT(install) },
	{ "image", 0, OPT_TEXT, "IMAGE",
		"with --install: with kubectl-sbx, or sh, date, kubectl\n"
		"(" GC_IMAGE ")",
		AT(image) },
	{ "schedule", 0, OPT_TEXT, "CRON", "with --install: when (*/5 * * * *)", AT(schedule) },
	{ NULL },
};

static const struct example examples[] = {
	{ "what would go?", "gc --dry-run" },
	{ "in every namespace, what has been over for an hour", "gc -A --older-than 1h" },
	{ "from now on by itself, in namespace dev", "gc --install -n dev | kubectl apply -f -" },
	{ NULL },
};

static int sweep(struct cli *cli, const struct gc *g)
{
	struct sweep s = { .dry_run = g->dry_run, .older_ms = g->older_ms };
	auto_kube k = NULL;
	struct err err = { 0 };
	int rc = cli_open(cli, &k, &err);

	if (rc < 0)
		return cli_failed(&err, rc);
	s.kube = k;
	s.ns = g->all ? NULL : kube_target(k)->ns;
	sweep_run(&s);
	if (!s.count && !s.failed)
		say("nothing to delete in %s%s", s.ns ? "namespace " : "any namespace",
			s.ns ? s.ns : "");
	rc = cli_flush();
	return s.failed ? EXIT_FAILED : rc;
}

static int run(struct cli *cli, const void *settings)
{
	const struct gc *g = settings;
	bool given = g->image || strcmp(g->schedule, defaults.schedule);

	if (cli->words.count || cli->words.dashes)
		return cli_usage(cli, "gc wants no NAME; \"rm\" destroys by name");
	if (given && !g->install)
		return cli_usage(cli, "--image and --schedule belong to --install");
	if (g->install && (g->dry_run || g->older_ms))
		return cli_usage(cli, "--install goes with --image, --schedule, -n and -A alone");
	return g->install ? gc_install(cli, g->image, g->schedule, g->all) : sweep(cli, g);
}

const struct verb verb_gc = {
	.name = "gc",
	.args = "[FLAGS]",
	.summary = "delete sandboxes whose time is over",
	.about =
		"Deletes what is over: sandboxes past their --ttl or idle time-out, creations "
		"whose program died before they were done, pools' spares that ended, and Services, "
		"policies and Jobs whose sandbox has gone. Each is printed with the reason.\n"
		"\n"
		"Only what was made by kubectl-sbx is touched: it must carry the annotation "
		"kubectl-sbx/request beside its labels. It is deleted as it was seen (uid and "
		"resourceVersion): what is used, extended or replaced meanwhile stays.\n"
		"\n"
		"Exits with 0, also when there was nothing; with 1 when something could not be "
		"listed or deleted.",
	.examples = examples,
	.opts = opts,
	.defaults = &defaults,
	.settings_bytes = sizeof(struct gc),
	.run = run,
};
