#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "plugin/cli.h"
#include "plugin/interrupt.h"
#include "plugin/manifest.h"
#include "plugin/pod.h"
#include "plugin/post.h"
#include "plugin/ready.h"
#include "plugin/report.h"
#include "plugin/show.h"
#include "plugin/wish.h"

#define LOCAL_CONTEXT "sbx-local"
#define LOCAL_IMAGE   "host"
#define SETTLE_MS     2000

struct create {
	const char *image, *runtime;
	struct opt_list env, meta;
	const char *cpu, *memory, *limit_cpu, *limit_memory;
	int64_t ttl_ms, timeout_ms;
	const char *user, *pull_policy, *service_account, *runtime_class, *file, *output;
	bool command, dry_run, wait;
};

static const struct create defaults = { .timeout_ms = 120000, .wait = true };

#define AT(member) offsetof(struct create, member)

static const struct opt opts[] = {
	{ "image", 0, OPT_TEXT, "IMAGE", "container image; it needs sh, unless --command is used",
		AT(image) },
	{ "runtime", 0, OPT_TEXT, "node|python", "its usual image, and the label for it",
		AT(runtime) },
	{ "env", 'e', OPT_LIST, "NAME=VALUE", "environment of the container; repeatable", AT(env) },
	{ "meta", 0, OPT_LIST, "KEY=VALUE", "kept with it as annotation; repeatable", AT(meta) },
	{ "cpu", 0, OPT_TEXT, "AMOUNT", "CPU it asks for (250m)", AT(cpu) },
	{ "memory", 0, OPT_TEXT, "AMOUNT", "memory it asks for (256Mi)", AT(memory) },
	{ "limit-cpu", 0, OPT_TEXT, "AMOUNT", "CPU it gets at most (1)", AT(limit_cpu) },
	{ "limit-memory", 0, OPT_TEXT, "AMOUNT", "memory it gets at most (1Gi)", AT(limit_memory) },
	{ "ttl", 0, OPT_SPAN, "TIME", "stopped after this long: 30m, 8h", AT(ttl_ms) },
	{ "user", 0, OPT_TEXT, "UID[:GID]", "whom it runs as", AT(user) },
	{ "pull-policy", 0, OPT_TEXT, "POLICY", "Always, IfNotPresent or Never (IfNotPresent)",
		AT(pull_policy) },
	{ "service-account", 0, OPT_TEXT, "NAME", "its service account; no token is mounted",
		AT(service_account) },
	{ "runtime-class", 0, OPT_TEXT, "NAME", "its RuntimeClass (gvisor, kata)",
		AT(runtime_class) },
	{ "filename", 'f', OPT_TEXT, "POD.yaml",
		"Pod to begin with, YAML or JSON; - is stdin.\n"
		"Flags win over it, it wins over defaults",
		AT(file) },
	{ "command", 0, OPT_BOOL, NULL,
		"what stands behind -- is the container's command,\n"
		"for images without sh",
		AT(command) },
	{ "timeout", 0, OPT_SPAN, "TIME", "how long it may take to be running (2m)",
		AT(timeout_ms) },
	{ "wait", 0, OPT_BOOL, NULL, "wait until it runs (--wait=false: do not)", AT(wait) },
	{ "dry-run", 0, OPT_BOOL, NULL, "send nothing; print the Pod with -o json or yaml",
		AT(dry_run) },
	{ "output", 'o', OPT_TEXT, "FORMAT", SHOW_FORMATS, AT(output) },
	{ NULL },
};

static const struct example examples[] = {
	{ "a sandbox called web", "create web --image node:20-alpine" },
	{ "Python, with a name made up, gone after an hour", "create --runtime python --ttl 1h" },
	{ "more memory, an environment, a note for others",
		"create web -e PORT=8080 --memory 1Gi --limit-memory 2Gi --meta owner=ann" },
	{ "volumes and the like from a Pod of your own", "create web -f pod.yaml" },
	{ "the Pod, without creating it", "create web --image debian:12 --dry-run -o yaml" },
	{ NULL },
};

static int check(struct cli *cli, const struct create *c, struct show *show)
{
	struct err err;

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
	if (c->timeout_ms <= 0 || c->timeout_ms > INT32_MAX)
		return cli_usage(cli, "--timeout must be more than nothing and less than 24 days");
	if (show_format_parse(c->output, &show->format, &err) < 0)
		return cli_usage(cli, "%s", err.text);
	return EXIT_DONE;
}

static struct pod_wish wish_of(const struct cli *cli, const struct create *c)
{
	return (struct pod_wish){
		.name = cli->words.count ? cli->words.at[0] : NULL,
		.image = c->image,
		.runtime = c->runtime,
		.env = &c->env,
		.meta = &c->meta,
		.cpu = c->cpu,
		.memory = c->memory,
		.limit_cpu = c->limit_cpu,
		.limit_memory = c->limit_memory,
		.ttl_ms = c->ttl_ms,
		.now_ms = clock_wall_ms(),
		.user = c->user,
		.pull_policy = c->pull_policy,
		.service_account = c->service_account,
		.runtime_class = c->runtime_class,
		.command = c->command ? cli->words.command : NULL,
		.command_count = c->command ? cli->words.command_count : 0,
	};
}

/* Nothing may be left behind, whatever went wrong. */
static void undo(struct kube *k, const cJSON *pod)
{
	const char *ns = json_str(pod, "metadata.namespace", "");
	const char *name = json_str(pod, "metadata.name", "");
	struct err err = { 0 };
	int rc = sandbox_delete(k, ns, name, json_str(pod, "metadata.uid", NULL), 0, &err);

	if (rc < 0)
		say("error: and the Pod %s/%s could not be deleted: %s", ns, name,
			err_text(&err, rc));
	else
		say("the Pod %s/%s was deleted again", ns, name);
}

static int wait_for(struct kube *k, const struct create *c, int64_t started_ms, cJSON **pod)
{
	struct ready_spec spec = {
		.pod = *pod,
		.started_ms = started_ms,
		.deadline_ms = started_ms + c->timeout_ms,
		.settle_ms = c->command || c->file ? SETTLE_MS : 0,
		.stop = interrupt_flag(),
		.talk = isatty(STDERR_FILENO),
	};
	struct err err = { 0 };
	cJSON *ready;
	int rc;

	if (spec.talk)
		ready_say(started_ms, "created %s", json_str(*pod, "metadata.name", ""));
	rc = *interrupt_flag() ? -EINTR : ready_wait(k, &spec, &ready, &err);
	if (rc == -EINTR)
		err_set(&err, rc, "interrupted");
	if (rc < 0) {
		err_wrap(&err, rc, "cannot create sandbox %s/%s",
			json_str(*pod, "metadata.namespace", ""),
			json_str(*pod, "metadata.name", ""));
		cli_failed(&err, rc);
		if (rc != -EINTR && rc != -ESTALE)
			report_failure(k, *pod, err.text);
		undo(k, *pod);
		return EXIT_FAILED;
	}
	if (spec.talk)
		ready_say(started_ms, "running");
	cJSON_Delete(*pod);
	*pod = ready;
	return EXIT_DONE;
}

static int print(struct show *show, const cJSON *pod)
{
	struct err err = { 0 };
	int rc;

	if (show->format == SHOW_TABLE) {
		puts(json_str(pod, "metadata.name", ""));
		return cli_flush();
	}
	rc = show_pod(show, pod, stdout, &err);
	return rc < 0 ? cli_failed(&err, rc) : cli_flush();
}

static int create(struct kube *k, const struct create *c, const struct pod_wish *w,
	const cJSON *base, struct show *show)
{
	int64_t started_ms = clock_now_ms();
	auto_json pod = NULL;
	struct err err = { 0 };
	int rc;

	interrupt_watch();
	rc = post_sandbox(k, w, base, &pod, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	if (c->wait) {
		rc = wait_for(k, c, started_ms, &pod);
		if (rc != EXIT_DONE)
			return rc;
	}
	return print(show, pod);
}

static int run(struct cli *cli, const void *settings)
{
	const struct create *c = settings;
	struct pod_wish wish = wish_of(cli, c);
	struct show show = { .headers = true };
	auto_json base = NULL;
	auto_json pod = NULL;
	auto_kube k = NULL;
	struct err err = { 0 };
	int rc = check(cli, c, &show);

	if (rc != EXIT_DONE)
		return rc;
	wish.ns = "default";
	if (c->file && manifest_read(c->file, &base, &err) < 0)
		return cli_failed(&err, -EINVAL);
	rc = wish_check(&wish, &err);
	if (rc < 0)
		return cli_usage(cli, "%s", err.text);
	rc = cli_open(cli, &k, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	wish.ns = kube_target(k)->ns;
	if (!strcmp(kube_target(k)->context, LOCAL_CONTEXT))
		wish.otherwise_image = LOCAL_IMAGE;
	if (!c->dry_run)
		return create(k, c, &wish, base, &show);
	rc = pod_build(&wish, base, &pod, &err);
	return rc < 0 ? cli_failed(&err, rc) : print(&show, pod);
}

const struct verb verb_create = {
	.name = "create",
	.args = "[NAME] [FLAGS]",
	.summary = "make a sandbox and wait until it runs",
	.about = "Makes a sandbox: a Pod with one container called \"sandbox\" that waits for "
		 "work.\n"
		 "Prints its name when it runs. When it cannot run, says why, deletes the Pod "
		 "again\n"
		 "and exits with 1; the same on Ctrl-C. Without NAME one is made up: sbx-xxxxx.\n"
		 "\n"
		 "Without --image and --runtime the image is debian:12-slim, or that of the file "
		 "of\n"
		 "-f; on the one-machine engine it is \"host\". In a Pod from -f, the container "
		 "called\n"
		 "\"sandbox\", or else the only one, becomes the sandbox.",
	.examples = examples,
	.opts = opts,
	.defaults = &defaults,
	.settings_bytes = sizeof(struct create),
	.run = run,
};
