#include "common/base/clock.h"
#include "common/remote/proto.h"
#include "common/kube/sandbox.h"
#include "plugin/cli.h"
#include "plugin/interrupt.h"
#include "plugin/pump.h"
#include "plugin/quote.h"
#include "plugin/ref.h"

#include <limits.h>
#include <signal.h>

#define START_TIMEOUT_MS 30000

struct run {
	const char *cwd, *container, *pod;
	struct opt_list env;
	int64_t timeout_ms;
	bool input;
};

#define AT(member) offsetof(struct run, member)

static const struct opt opts[] = {
	{ "stdin", 'i', OPT_BOOL, NULL, "pass standard input on; else it is empty", AT(input) },
	{ "cwd", 0, OPT_TEXT, "DIR", "where it runs; without it the container's own place",
		AT(cwd) },
	{ "env", 'e', OPT_LIST, "NAME=VALUE", "environment of this run; repeatable", AT(env) },
	{ "timeout", 0, OPT_SPAN, "TIME", "killed after this long; the exit status is 124",
		AT(timeout_ms) },
	{ "pod", 0, OPT_TEXT, "POD", "instead of NAME: any Pod", AT(pod) },
	{ "container", 'c', OPT_TEXT, "NAME", "container of a Pod that has several",
		AT(container) },
	{ NULL },
};

static const struct example examples[] = {
	{ "a command; its exit status is that of this one", "run web -- npm test" },
	{ "with a shell's pipes and variables", "run web -- sh -c 'ls /app | wc -l'" },
	{ "standard input passed on", "run -i web -- tar xf - -C /app <app.tar" },
	{ "in a folder, with an environment and a limit",
		"run web --cwd /app -e CI=1 --timeout 10m -- make check" },
	{ "in a container of a Pod that is no sandbox of ours", "run --pod api-0 -c server -- ps" },
	{ NULL },
};

static const char *target_word(const struct cli *cli, const struct run *r)
{
	return r->pod ? r->pod : cli->words.at[0];
}

static int check(struct cli *cli, const struct run *r)
{
	auto_ref ref = { 0 };
	struct err err = { 0 };

	if (!cli->words.command_count)
		return cli_usage(
			cli, "run wants a command behind \"--\": run NAME -- CMD [ARG]...");
	if (cli->words.count != (r->pod ? 0 : 1))
		return cli_usage(cli, r->pod ? "run wants either NAME or --pod, not both"
					     : "run wants one NAME before the \"--\"");
	if (ref_parse(target_word(cli, r), "default", &ref, &err) < 0)
		return cli_usage(cli, "%s", err.text);
	if (r->cwd && r->cwd[0] != '/')
		return cli_usage(cli, "--cwd wants a path from the root, not \"%s\"", r->cwd);
	if (r->timeout_ms > INT_MAX)
		return cli_usage(cli, "--timeout is at most 24 days");
	for (size_t i = 0; i < r->env.count; i++)
		if (!strchr(r->env.items[i], '=') || r->env.items[i][0] == '=' ||
			strchr(r->env.items[i], '\n'))
			return cli_usage(cli, "-e wants NAME=VALUE in one line, not \"%.60s\"",
				r->env.items[i]);
	return EXIT_DONE;
}

/* Only what runs can run something; what will never run says why. */
static int check_running(const struct sandbox *s, struct err *err)
{
	if (s->deleting)
		return err_set(
			err, -ENOTCONN, "cannot run in %s/%s: it is being deleted", s->ns, s->name);
	if (s->running)
		return 0;
	if (s->phase == SANDBOX_SUCCEEDED || s->phase == SANDBOX_FAILED)
		return err_set(err, -ENOTCONN,
			"cannot run in %s/%s: it has ended (%s%s%s); make a new one", s->ns,
			s->name, sandbox_phase_name(s->phase), *s->reason ? ", " : "", s->reason);
	return err_set(err, -ENOTCONN, "cannot run in %s/%s: container %s is not running (%s)",
		s->ns, s->name, s->container,
		*s->reason ? s->reason : sandbox_phase_name(s->phase));
}

static int find(struct kube *k, const char *word, const char *container, struct sandbox *ret,
	struct err *err)
{
	auto_ref r = { 0 };
	auto_json pod = NULL;
	int rc = ref_parse(word, kube_target(k)->ns, &r, err);

	if (!rc)
		rc = sandbox_get(k, r.ns, r.name, &pod, err);
	if (rc < 0)
		return rc;
	rc = sandbox_parse(pod, container, ret, err);
	if (rc < 0)
		return rc;
	rc = check_running(ret, err);
	if (rc < 0)
		sandbox_fini(ret);
	return rc;
}

/* The exit status; a run that was lost is never a success. */
static int ended(const struct sandbox *s, const struct pump_end *end)
{
	int status = run_end_status(&end->run);
	int rc = end->run.rc;
	struct err err = end->run.err;

	if (status >= 0)
		return status;
	if (rc == -ENOEXEC)
		err_wrap(&err, rc, "cannot run in %s/%s: its image has no shell (sh)", s->ns,
			s->name);
	else if (end->started)
		err_wrap(&err, rc, "the command in %s/%s was lost, it may still run there", s->ns,
			s->name);
	else
		err_wrap(&err, rc, "cannot run in %s/%s", s->ns, s->name);
	return cli_failed(&err, rc);
}

static int failed(const struct sandbox *s, int rc, int sig, struct err *err)
{
	if (rc == -EINTR)
		return 128 + sig;
	err_wrap(err, rc, "cannot run in %s/%s", s->ns, s->name);
	return cli_failed(err, rc);
}

static int run_in(struct kube *k, struct net *net, const struct sandbox *s, const struct cli *cli,
	const struct run *r, int signals)
{
	auto_buf script = BUF_INIT(PROTO_SCRIPT_MAX);
	auto_free const char **env = xcalloc(r->env.count + 1, sizeof(*env));
	struct session_spec where = {
		.net = net,
		.target = kube_target(k),
		.ns = s->ns,
		.pod = s->name,
		.container = s->container,
	};
	struct pump_spec pump = { .in = 0, .out = 1, .err = 2, .signals = signals };
	struct err err = { 0 };
	struct pump_end end;
	int rc;

	quote_exec(&script, cli->words.command_count, cli->words.command);
	if (buf_check(&script) < 0)
		return failed(
			s, err_set(&err, -E2BIG, "the command is longer than 1 MiB"), 0, &err);
	if (r->env.count)
		memcpy(env, r->env.items, r->env.count * sizeof(*env));
	pump.run = (struct run_spec){
		.script = script.data,
		.n = script.len,
		.cwd = r->cwd,
		.env = env,
		.timeout_ms = (int)r->timeout_ms,
		.wants_stdin = r->input,
	};
	pump.start_deadline_ms = deadline_after(START_TIMEOUT_MS);
	rc = session_open(&where, &pump.session);
	if (rc < 0)
		return failed(s, rc, 0, &err);
	rc = pump_run(&pump, &end, &err);
	return rc < 0 ? failed(s, rc, end.signal, &err) : ended(s, &end);
}

static int run(struct cli *cli, const void *settings)
{
	const struct run *r = settings;
	auto_kube k = NULL;
	auto_close int signals = -1;
	struct net *net;
	struct sandbox s;
	struct err err = { 0 };
	int rc = check(cli, r);

	if (rc != EXIT_DONE)
		return rc;
	signal(SIGPIPE, SIG_IGN);
	rc = cli_open(cli, &k, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	rc = find(k, target_word(cli, r), r->container, &s, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	/* before the first thread, which would take the signals otherwise */
	signals = interrupt_fd();
	rc = net_open(&net);
	if (rc < 0)
		return cli_failed(NULL, rc);
	rc = run_in(k, net, &s, cli, r, signals);
	net_close(net);
	sandbox_fini(&s);
	return rc;
}

const struct verb verb_run = {
	.name = "run",
	.args = "[FLAGS] NAME -- CMD [ARG]...",
	.summary = "run a command in a sandbox",
	.about =
		"Runs a command. Its output comes live, byte by byte as it is written, the two "
		"streams\n"
		"apart. The words arrive as they are: nothing is split or expanded; for pipes and\n"
		"variables run sh -c. The exit status is the command's own, 128+n for a signal, "
		"124\n"
		"for a timeout, and 1 with a sentence when it could not run or was lost.\n"
		"\n"
		"Ctrl-C interrupts the command, a second one kills it.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct run),
	.run = run,
};
