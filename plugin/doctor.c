#include "common/kube/sandbox.h"
#include "plugin/checks.h"
#include "plugin/cli.h"
#include "plugin/role.h"

#define LOCAL_CONTEXT "sbx-local"
#define PROBE_LOCAL   "host"
#define PROBE_IMAGE   "busybox:stable"

struct doctor {
	bool role, probe;
	const char *image, *output;
};

#define AT(member) offsetof(struct doctor, member)

static const struct opt opts[] = {
	{ "role", 0, OPT_BOOL, NULL, "print the Role that a user of sbx needs; ask nothing",
		AT(role) },
	{ "probe", 0, OPT_BOOL, NULL,
		"try whether the network enforces NetworkPolicy, with\n"
		"two Pods and a policy, which are removed again",
		AT(probe) },
	{ "image", 0, OPT_TEXT, "IMAGE", "of those Pods (" PROBE_IMAGE ")", AT(image) },
	{ "output", 'o', OPT_TEXT, "FORMAT", "json", AT(output) },
	{ NULL },
};

static const struct example examples[] = {
	{ "is all well here, and may I do all of it?", "doctor" },
	{ "what holds in this sandbox?", "doctor web" },
	{ "give it to ann in namespace dev, as an administrator",
		"doctor --role -n dev | kubectl apply -f -\n"
		"kubectl -n dev create rolebinding ann-sbx --role sbx --user ann" },
	{ "does --network none close anything here?", "doctor --probe" },
	{ NULL },
};

static int print_role(const struct cli *cli)
{
	struct kube_target *t;
	struct err err = { 0 };
	int rc;

	if (cli->flags.ns) {
		role_print(stdout, cli->flags.ns);
		return cli_flush();
	}
	rc = cli_target_read(cli, &t, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	role_print(stdout, t->ns);
	kube_target_free(t);
	return cli_flush();
}

static const char *probe_image(const struct checks *c, const struct doctor *d)
{
	if (!d->probe)
		return NULL;
	if (d->image)
		return d->image;
	return strcmp(kube_target(c->kube)->context, LOCAL_CONTEXT) ? PROBE_IMAGE : PROBE_LOCAL;
}

static void ask_cluster(struct checks *c, const struct cli *cli, const struct doctor *d)
{
	auto_json pods = NULL;
	struct err err = { 0 };
	int rc;

	if (!check_line(c))
		return;
	check_rights(c);
	rc = sandbox_list(c->kube, c->ns, SANDBOX_SELECTOR, &pods, &err);
	if (rc < 0 && rc != -EACCES) /* that has been said */
		checks_say(c, CHECK_FAIL, "sandboxes", NULL, "%s", err_text(&err, rc));
	c->pods = pods;
	check_space(c);
	check_policy(c, probe_image(c, d));
	if (!cli->words.count)
		check_exec(c, NULL);
	for (int i = 0; i < cli->words.count; i++)
		check_exec(c, cli->words.at[i]);
	c->pods = NULL;
}

static void ask_all(struct checks *c, struct cli *cli, const struct doctor *d)
{
	auto_kube k = NULL;
	struct err err = { 0 };
	int rc;

	check_here(c); /* forks, so before there is any thread */
	rc = cli_open(cli, &k, &err);
	if (rc < 0) {
		checks_say(c, CHECK_FAIL, "kubeconfig", NULL, "%s", err_text(&err, rc));
		return;
	}
	c->kube = k;
	c->ns = kube_target(k)->ns;
	ask_cluster(c, cli, d);
}

static int run(struct cli *cli, const void *settings)
{
	const struct doctor *d = settings;
	struct checks c;
	int rc;

	if (cli->words.dashes)
		return cli_usage(cli, "doctor takes names of sandboxes alone");
	if (d->output && strcmp(d->output, "json"))
		return cli_usage(cli, "-o is json, not \"%.60s\"", d->output);
	if (d->image && !d->probe)
		return cli_usage(cli, "--image belongs to --probe");
	if (d->role && (cli->words.count || d->probe || d->output))
		return cli_usage(cli, "--role goes with -n alone");
	if (d->role)
		return print_role(cli);
	checks_init(&c, d->output ? NULL : stdout);
	c.program = cli->program;
	ask_all(&c, cli, d);
	if (d->output)
		checks_print_json(&c, stdout);
	rc = c.count[CHECK_FAIL] ? EXIT_FAILED : EXIT_DONE;
	checks_fini(&c);
	return cli_flush() == EXIT_DONE ? rc : EXIT_FAILED;
}

const struct verb verb_doctor = {
	.name = "doctor",
	.args = "[NAME]... [FLAGS]",
	.summary = "whether sbx can work here, and what to do if not",
	.about = "Looks at this machine (can it mount?), the line to the cluster, what these "
		 "credentials may do, the namespace, and one running sandbox, the first or those "
		 "named. One line for each: ok, skip (not known, or not meant for you), warn or "
		 "fail, and what to do. Exits with 1 when one fails.\n"
		 "\n"
		 "Changes nothing; only --probe makes objects in the cluster. With --role prints "
		 "the "
		 "least Role that holds what users need.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct doctor),
	.run = run,
};
