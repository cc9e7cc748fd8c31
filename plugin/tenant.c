#include "common/base/clock.h"
#include "common/base/io.h"
#include "common/kube/json.h"
#include "common/kube/yaml.h"
#include "plugin/cli.h"
#include "plugin/interrupt.h"
#include "plugin/lifetime.h"
#include "plugin/tenant.h"
#include "plugin/tenantmake.h"

#include <errno.h>
#include <fcntl.h>

#define TOKEN_MIN_MS (600 * 1000LL)
#define TOKEN_MS     (30 * 24 * 3600 * 1000LL)
#define MAKE_MS      60000
#define CONFIG_MAX   (1024 * 1024)
#define WRITE_MS     10000

struct tenant {
	const char *cpu, *memory, *limit_cpu, *limit_memory, *pod_security, *output;
	int64_t pods, ttl_ms, token_ms;
	bool egress, adopt, no_kubeconfig;
};

static const struct tenant defaults = { .pod_security = "baseline" };

#define AT(member) offsetof(struct tenant, member)

static const struct opt opts[] = {
	{ "cpu", 0, OPT_TEXT, "AMOUNT", "CPU that all its sandboxes get together", AT(cpu) },
	{ "memory", 0, OPT_TEXT, "AMOUNT", "memory that they get together", AT(memory) },
	{ "limit-cpu", 0, OPT_TEXT, "AMOUNT", "sum of their limits, where that may be more",
		AT(limit_cpu) },
	{ "limit-memory", 0, OPT_TEXT, "AMOUNT", "likewise", AT(limit_memory) },
	{ "pods", 0, OPT_NUMBER, "N", "how many sandboxes at once", AT(pods) },
	{ "ttl", 0, OPT_SPAN, "TIME", "\"gc -A\" deletes it all then; its token ends then, too",
		AT(ttl_ms) },
	{ "token-ttl", 0, OPT_SPAN, "TIME", "the token's life (30 days, or --ttl)", AT(token_ms) },
	{ "egress", 0, OPT_BOOL, NULL,
		"let its sandboxes reach out; else only those made with\n"
		"a policy of their own do",
		AT(egress) },
	{ "pod-security", 0, OPT_TEXT, "LEVEL", "privileged, baseline or restricted (baseline)",
		AT(pod_security) },
	{ "adopt", 0, OPT_BOOL, NULL, "take a namespace that is there already", AT(adopt) },
	{ "no-kubeconfig", 0, OPT_BOOL, NULL, "make no token", AT(no_kubeconfig) },
	{ "output", 'o', OPT_TEXT, "FILE",
		"where the kubeconfig goes, readable for you alone\n"
		"(standard output)",
		AT(output) },
	{ NULL },
};

static const struct example examples[] = {
	{ "four CPUs and 8 GiB for alice", "tenant create alice --cpu 4 --memory 8Gi --pods 20 \\\n"
					   "    -o alice.kubeconfig" },
	{ "what alice does then", "create web --kubeconfig alice.kubeconfig" },
	{ "a team's sandboxes for a week, which may reach out",
		"tenant create team --ttl 168h --egress -o team.kubeconfig" },
	{ NULL },
};

static int check(struct cli *cli, const struct tenant *t, const struct tenant_wish *w)
{
	struct err err = { 0 };

	if (cli->words.count != 1 || cli->words.dashes)
		return cli_usage(cli, "tenant create wants one NAME");
	if (t->no_kubeconfig && (t->output || t->token_ms))
		return cli_usage(cli, "--no-kubeconfig goes with neither -o nor --token-ttl");
	if (t->token_ms && t->token_ms < TOKEN_MIN_MS)
		return cli_usage(cli, "--token-ttl is at least 10m: no cluster gives less");
	if (t->ttl_ms && t->ttl_ms < 1000)
		return cli_usage(cli, "--ttl is at least a second");
	if (tenant_check(w, &err) < 0)
		return cli_usage(cli, "%s", err.text);
	return EXIT_DONE;
}

static struct tenant_wish wish_of(const struct cli *cli, const struct tenant *t)
{
	int64_t now_ms = clock_wall_ms();

	return (struct tenant_wish){
		.name = cli->words.count ? cli->words.at[0] : "",
		.cpu = t->cpu,
		.memory = t->memory,
		.limit_cpu = t->limit_cpu,
		.limit_memory = t->limit_memory,
		.pods = t->pods,
		.pod_security = t->pod_security,
		.egress = t->egress,
		.expires_ms = t->ttl_ms ? now_ms + t->ttl_ms : 0,
		.unfinished_ms = now_ms + MAKE_MS,
	};
}

static int64_t token_life(const struct tenant *t)
{
	int64_t ms = t->token_ms ? t->token_ms : t->ttl_ms ? t->ttl_ms : TOKEN_MS;

	return ms < TOKEN_MIN_MS ? TOKEN_MIN_MS : ms;
}

/* Before anything is made: that it cannot be written must not be found out at the end. */
static int open_output(const char *path, int *ret, struct err *err)
{
	int fd = !path || !strcmp(path, "-")
			 ? STDOUT_FILENO
			 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_set(err, -errno, "cannot write %s: %m%s", path,
			errno == EEXIST ? "; take another name, or remove it" : "");
	*ret = fd;
	return 0;
}

static int write_config(struct kube *k, const struct tenant *t, const char *ns, int fd,
	const volatile bool *stop, struct err *err)
{
	auto_free char *token = NULL;
	auto_free char *expires = NULL;
	auto_json config = NULL;
	auto_buf text = BUF_INIT(CONFIG_MAX);
	int rc = tenant_token(k, ns, token_life(t), &token, &expires, err);

	if (!rc && *stop)
		rc = err_set(err, -EINTR, "interrupted");
	if (rc < 0)
		return rc;
	config = tenant_kubeconfig(kube_target(k), ns, token);
	rc = yaml_print(config, &text);
	if (!rc)
		rc = io_write_all(fd, text.data, text.len, deadline_after(WRITE_MS));
	if (rc < 0)
		return err_set(err, rc, "cannot write the kubeconfig: %s", strerror(-rc));
	say("the token in it ends at %s", expires);
	return 0;
}

static int make(struct kube *k, const struct tenant *t, const struct tenant_wish *w, int fd,
	struct err *err)
{
	const volatile bool *stop = interrupt_flag();
	struct tenant_made made;
	int rc = tenant_make(k, w, t->adopt, stop, &made, err);

	if (!rc && fd >= 0)
		tenant_settle(k, &made, stop);
	if (!rc && fd >= 0)
		rc = write_config(k, t, w->name, fd, stop, err);
	if (!rc && !made.adopted)
		rc = kind_finish(k, &kind_namespace, made.namespace, err);
	if (rc < 0)
		tenant_undo(k, &made);
	tenant_made_fini(&made);
	return rc;
}

static int run(struct cli *cli, const void *settings)
{
	const struct tenant *t = settings;
	struct tenant_wish w = wish_of(cli, t);
	auto_kube k = NULL;
	struct err err = { 0 };
	int fd = -1;
	int rc = check(cli, t, &w);

	if (rc != EXIT_DONE)
		return rc;
	rc = cli_open(cli, &k, &err);
	if (!rc && !t->no_kubeconfig)
		rc = open_output(t->output, &fd, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	interrupt_watch();
	rc = make(k, t, &w, fd, &err);
	if (fd > STDERR_FILENO)
		close(fd);
	if (rc < 0) {
		if (fd > STDERR_FILENO)
			unlink(t->output);
		err_wrap(&err, rc, "cannot create tenant %s", w.name);
		return cli_failed(&err, rc);
	}
	if (fd != STDOUT_FILENO)
		printf("tenant/%s created\n", w.name);
	return cli_flush();
}

static const struct verb verb_tenant_create = {
	.name = "tenant create",
	.args = "NAME [FLAGS]",
	.summary = "make a namespace for one user",
	.about = "Makes a namespace NAME with a quota, defaults for containers, a policy that "
		 "closes its network, and an account that may do there what sbx needs (\"doctor "
		 "--role\") and nothing anywhere else; then prints a kubeconfig for it. Nothing is "
		 "left when a step fails.\n"
		 "\n"
		 "--cpu and --memory hold both for what sandboxes ask for and for their limits, so "
		 "that no more is ever used; --limit-cpu and --limit-memory allow more of the "
		 "latter. The network is closed where the cluster's network enforces policies. "
		 "Whoever has the kubeconfig has the tenant: the file is made with mode 0600 and "
		 "never written over.",
	.examples = examples,
	.opts = opts,
	.defaults = &defaults,
	.settings_bytes = sizeof(struct tenant),
	.run = run,
};

static const struct verb *const family[] = { &verb_tenant_create, &verb_tenant_ls, &verb_tenant_rm,
	NULL };

static const struct example family_examples[] = {
	{ "a namespace for alice", "tenant create alice --cpu 4 --memory 8Gi --pods 20 \\\n"
				   "    -o alice.kubeconfig" },
	{ "who is there, and what they use", "tenant ls" },
	{ "all of it away", "tenant rm alice" },
	{ NULL },
};

const struct verb verb_tenant = {
	.name = "tenant",
	.summary = "namespaces for users: create, ls, rm",
	.about = "A tenant is a namespace for one user: with a quota, a closed network, and "
		 "credentials that reach nothing else. Each of these has a --help.",
	.examples = family_examples,
	.family = family,
};
