#include "common/base/clock.h"
#include "common/kube/json.h"
#include "plugin/cli.h"
#include "plugin/interrupt.h"
#include "plugin/kind.h"
#include "plugin/layers.h"
#include "plugin/lifetime.h"
#include "plugin/make.h"
#include "plugin/poolverbs.h"
#include "plugin/report.h"
#include "plugin/show.h"
#include "plugin/via.h"
#include "plugin/viamake.h"
#include "plugin/wish.h"

struct create {
	struct wish_opts wish;
	int64_t timeout_ms;
	const char *output, *pool, *via, *template;
	bool command, dry_run, wait;
};

static const struct create defaults = { .wish = WISH_DEFAULTS, .timeout_ms = 120000, .wait = true };

#define AT(member)      offsetof(struct create, member)
#define AT_WISH(member) offsetof(struct create, wish.member)

static const struct opt opts[] = {
	WISH_OPTS(AT_WISH),
	WISH_SETTINGS(AT_WISH),
	{ "command", 0, OPT_BOOL, NULL,
		"what stands behind -- is the container's command,\n"
		"for images without sh",
		AT(command) },
	{ "timeout", 0, OPT_SPAN, "TIME", "how long the rest may take until it runs (2m)",
		AT(timeout_ms) },
	{ "wait", 0, OPT_BOOL, NULL, "wait until it runs (--wait=false: do not)", AT(wait) },
	{ "dry-run", 0, OPT_BOOL, NULL, "send nothing; print the Pod with -o json or yaml",
		AT(dry_run) },
	{ "from-pool", 0, OPT_TEXT, "POOL",
		"one that is ready already (\"pool create\"); its name\n"
		"is printed, it cannot be chosen",
		AT(pool) },
	{ "via", 0, OPT_TEXT, VIA_NAME,
		"have agent-sandbox make it: a Sandbox of these flags;\n"
		"with --from-pool or --template a claim",
		AT(via) },
	{ "template", 0, OPT_TEXT, "TEMPLATE", "with --via: of this SandboxTemplate",
		AT(template) },
	{ "output", 'o', OPT_TEXT, "FORMAT", SHOW_FORMATS ";\njson and yaml with times",
		AT(output) },
	{ NULL },
};

static const struct example examples[] = {
	{ "a sandbox called web", "create web --image node:20-alpine" },
	{ "Python, with a name made up, gone after an hour", "create --runtime python --ttl 1h" },
	{ "more memory, an environment, a note for others",
		"create web -e PORT=8080 --memory 2Gi --meta owner=ann" },
	{ "no network, no root, nothing to write but /tmp and /work",
		"create web --network none --user 1000 --read-only \\\n"
		"    -v emptyDir:/work:1Gi" },
	{ "where a namespace enforces Pod Security \"restricted\"",
		"create web --profile restricted" },
	{ "as root with what apt-get needs", "create web --cap-add default" },
	{ "sidecars and the like from a Pod of your own", "create web -f pod.yaml" },
	{ "at once, from a pool of spares", "create --from-pool node --ttl 1h" },
	{ "by agent-sandbox, where it is installed", "create web --via agent-sandbox --ttl 1h" },
	{ "by agent-sandbox, of a template of its own",
		"create web --via agent-sandbox --template python" },
	{ "the Pod, without creating it", "create web --image debian:12 --dry-run -o yaml" },
	{ NULL },
};

/* What can still be said of a Pod that runs. */
static const char *const from_pool_flags[] = { "from-pool", "meta", "label", "ttl", "max-ttl",
	"idle", "timeout", "pull-timeout", "schedule-timeout", "output", NULL };

/* Of a claim: the rest is its template's. */
static const char *const claim_flags[] = { "via", "template", "from-pool", "env", "meta", "label",
	"ttl", "timeout", "pull-timeout", "schedule-timeout", "output", "wait", NULL };

static bool is_claim(const struct create *c)
{
	return c->via && (c->template || c->pool);
}

static int check_via(const struct cli *cli, const struct create *c)
{
	const char *flag = is_claim(c) ? flag_said(opts, c, &defaults, claim_flags) : NULL;

	if (c->template && !c->via)
		return cli_usage(cli, "--template wants --via " VIA_NAME);
	if (!c->via)
		return EXIT_DONE;
	if (strcmp(c->via, VIA_NAME) != 0)
		return cli_usage(cli, "--via is " VIA_NAME ", not \"%.60s\"", c->via);
	if (c->template && c->pool)
		return cli_usage(cli, "--via wants either --template or --from-pool");
	if (flag)
		return cli_usage(cli, "--%s belongs to agent-sandbox's template", flag);
	if (c->wish.max_ttl_ms || c->wish.idle_ms || c->wish.network || c->dry_run || c->command)
		return cli_usage(cli,
			"--max-ttl, --idle, --network, --command and --dry-run are not "
			"to be had with --via");
	return EXIT_DONE;
}

static int check_times(const struct cli *cli, const struct create *c)
{
	const struct {
		const char *flag;
		int64_t ms;
	} all[] = { { "timeout", c->timeout_ms }, { "pull-timeout", c->wish.pull_timeout_ms },
		{ "schedule-timeout", c->wish.schedule_timeout_ms } };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i].ms <= 0 || all[i].ms > INT32_MAX / 2)
			return cli_usage(cli,
				"--%s must be more than nothing and less than 12 days",
				all[i].flag);
	return EXIT_DONE;
}

static int check(struct cli *cli, const struct create *c, struct show *show)
{
	bool spare = c->pool && !c->via;
	const char *flag = spare ? flag_said(opts, c, &defaults, from_pool_flags) : NULL;
	struct err err;
	int rc = check_via(cli, c);

	if (rc != EXIT_DONE)
		return rc;
	if (cli->words.count > 1)
		return cli_usage(cli, "create makes one sandbox at a time, not \"%s\" and \"%s\"",
			cli->words.at[0], cli->words.at[1]);
	if (c->command && !cli->words.command_count)
		return cli_usage(cli, "--command wants the command behind \"--\"");
	if (!c->command && cli->words.dashes)
		return cli_usage(cli,
			"a command behind \"--\" needs --command; to run one in a "
			"sandbox, create it and then use \"%s run\"",
			cli->program);
	if (spare && cli->words.count)
		return cli_usage(cli,
			"--from-pool takes no NAME: a spare is a Pod already and keeps its name, "
			"which is printed");
	if (flag)
		return cli_usage(cli,
			"--%s belongs to \"pool create\": the Pods of a pool are made already",
			flag);
	if (show_parse(c->output, show, &err) < 0)
		return cli_usage(cli, "%s", err.text);
	return check_times(cli, c);
}

/* By then this program has given up, whatever happens. */
static int64_t unfinished(const struct create *c)
{
	return clock_wall_ms() + c->timeout_ms + c->wish.pull_timeout_ms +
	       c->wish.schedule_timeout_ms;
}

static struct pod_wish wish_of(const struct cli *cli, const struct create *c)
{
	return (struct pod_wish){
		.o = c->wish,
		.name = cli->words.count ? cli->words.at[0] : NULL,
		.ns = "default",
		.now_ms = clock_wall_ms(),
		.unfinished_ms = c->wait ? unfinished(c) : 0,
		.command = c->command ? cli->words.command : NULL,
		.command_count = c->command ? cli->words.command_count : 0,
	};
}

static int print(struct show *show, const cJSON *pod)
{
	struct err err = { 0 };
	int rc;

	if (show->format == SHOW_TABLE) {
		puts(json_str(pod, "via.name", json_str(pod, "metadata.name", "")));
		return cli_flush();
	}
	rc = show_pod(show, pod, stdout, &err);
	return rc < 0 ? cli_failed(&err, rc) : cli_flush();
}

/* The name is told before: of what is unfinished nobody knows the name, and gc takes it away. */
static void finish(struct kube *k, const cJSON *pod)
{
	struct err err = { 0 };
	int rc = kind_finish(k, &kind_pod, pod, &err);

	if (rc < 0)
		say("warning: %s; gc will take it for one that was never finished",
			err_text(&err, rc));
}

static int make(struct kube *k, const struct create *c, const struct make_spec *spec, cJSON **ret,
	struct err *err)
{
	const struct via_spec via = { .make = spec, .template = c->template, .pool = c->pool };

	if (c->via)
		return via_make(k, &via, ret, err);
	return c->pool ? from_pool(k, c->pool, spec, ret, err) : make_sandbox(k, spec, ret, err);
}

static int create(struct kube *k, const struct create *c, const struct pod_wish *w,
	const cJSON *base, struct show *show)
{
	auto_phases phases = { 0 };
	auto_buf log = BUF_INIT(64 * 1024);
	const struct make_spec spec = {
		.wish = w,
		.base = base,
		.timeout_ms = c->timeout_ms,
		.wait = c->wait,
		.settle = c->command || c->wish.file,
		.phases = &phases,
		.log = &log,
	};
	auto_json pod = NULL;
	struct err err = { 0 };
	int rc;

	interrupt_watch();
	phases_init(&phases, c->wait && isatty(STDERR_FILENO));
	rc = make(k, c, &spec, &pod, &err);
	if (rc < 0) {
		cli_failed(&err, rc);
		report_print(&log);
		return EXIT_FAILED;
	}
	if (show->format == SHOW_JSON || show->format == SHOW_YAML)
		cJSON_AddItemToObject(pod, "phases", take_ptr(phases.list));
	cJSON_DeleteItemFromObjectCaseSensitive(
		(cJSON *)json_at(pod, "metadata.annotations"), ANNOTATION_UNFINISHED);
	rc = print(show, pod);
	if (c->wait && !c->via)
		finish(k, pod);
	if (c->pool && !c->via)
		pool_top_up(k, w->ns, c->pool);
	return rc;
}

static int dry_run(const struct pod_wish *w, const cJSON *base, struct show *show)
{
	auto_json pod = NULL;
	struct err err = { 0 };
	int rc = pod_build(w, base, &pod, &err);

	return rc < 0 ? cli_failed(&err, rc) : print(show, pod);
}

static int go(struct cli *cli, const struct create *c)
{
	struct pod_wish wish = wish_of(cli, c);
	auto_show show = { .headers = true };
	auto_json base = NULL;
	auto_kube k = NULL;
	struct err err = { 0 };
	int rc = check(cli, c, &show);

	if (rc != EXIT_DONE)
		return rc;
	rc = make_prepare(cli, &wish, &base);
	if (rc != EXIT_DONE)
		return rc;
	rc = cli_open(cli, &k, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	make_aim(k, &wish);
	return c->dry_run ? dry_run(&wish, base, &show) : create(k, c, &wish, base, &show);
}

static int run(struct cli *cli, const void *settings)
{
	const struct create *said = settings;
	auto_layers all = { 0 };
	struct err err = { 0 };
	int rc;

	/* a profile is a pool's, not its spares' */
	if (said->pool || said->template)
		return go(cli, said);
	rc = layers_open(cli, settings, AT(wish), &all, &err);
	return rc < 0 ? cli_failed(&err, rc) : go(cli, all.settings);
}

const struct verb verb_create = {
	.name = "create",
	.args = "[NAME] [FLAGS]",
	.summary = "make a sandbox and wait until it runs",
	.about =
		"Makes a sandbox: a Pod with one container called \"sandbox\" that waits for "
		"work. Prints its name when it runs. When it cannot run, says why, deletes it "
		"again "
		"and exits with 1; the same on Ctrl-C. Without NAME one is made up: sbx-xxxxx.\n"
		"\n"
		"Without --image and --runtime the image is debian:12-slim, or that of the file of "
		"-f; on the one-machine engine it is \"host\". In a Pod from -f, the container "
		"called \"sandbox\", or else the only one, becomes the sandbox; what -f does not "
		"say "
		"is as without it.\n"
		"\n"
		"A sandbox has no service account token, no way to more privileges, no "
		"capabilities "
		"and the runtime's seccomp filter. Whose user it is its image says, and that may "
		"be "
		"root: --user and --non-root change it.\n"
		"\n" WISH_ABOUT,
	.examples = examples,
	.opts = opts,
	.defaults = &defaults,
	.settings_bytes = sizeof(struct create),
	.run = run,
};
