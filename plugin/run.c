#include "common/kube/sandbox.h"
#include "plugin/command.h"
#include "plugin/many.h"
#include "plugin/pick.h"
#include "plugin/place.h"
#include "plugin/terminal.h"

#include <string.h>

#define AT(member) offsetof(struct command, member)

static const struct opt opts[] = {
	{ "stdin", 'i', OPT_BOOL, NULL, "pass standard input on; else it is empty", AT(input) },
	{ "tty", 't', OPT_BOOL, NULL,
		"on this terminal: all keys go to the command\n"
		"(-i is meant with it)",
		AT(terminal) },
	{ "detach-keys", 0, OPT_TEXT, "KEYS",
		"with -t: leave the command by these; \"\" for none\n"
		"(" TERMINAL_DETACH_KEYS ")",
		AT(detach_keys) },
	{ "detach", 'd', OPT_BOOL, NULL,
		"start it, print its number and leave: it goes on, its\n"
		"output is kept (ps, logs, wait, attach, kill)",
		AT(detach) },
	{ "cwd", 0, OPT_TEXT, "DIR", "where it runs; without it the container's own place",
		AT(cwd) },
	{ "env", 'e', OPT_LIST, "NAME=VALUE", "environment of this run; repeatable", AT(env) },
	{ "user", 0, OPT_TEXT, "USER", "as this user of the container, a name or a number",
		AT(user) },
	{ "timeout", 0, OPT_SPAN, "TIME", "killed after this long; the exit status is 124",
		AT(timeout_ms) },
	{ "pod", 0, OPT_TEXT, "POD", "instead of NAME: any Pod", AT(pod) },
	{ "container", 'c', OPT_TEXT, "NAME", "container of a Pod that has several",
		AT(container) },
	{ "no-mount", 0, OPT_BOOL, NULL, "by its own connection, even where a mount shows it",
		AT(no_mount) },
	{ "selector", 'l', OPT_TEXT, "LABELS",
		"in every running Pod with these labels, also such as\n"
		"are no sandboxes of ours",
		AT(selector) },
	{ "all", 0, OPT_BOOL, NULL, "in every running sandbox of the namespace", AT(all) },
	{ "all-namespaces", 'A', OPT_BOOL, NULL, "with -l or --all: of every namespace",
		AT(all_namespaces) },
	{ "parallel", 0, OPT_NUMBER, "N", "in at most so many at once (8)", AT(parallel) },
	{ "output-dir", 0, OPT_TEXT, "DIR",
		"keep the results of each in DIR/NAME/stdout, stderr\n"
		"and exit, byte for byte (-A: DIR/NAMESPACE/NAME/...)",
		AT(output_dir) },
	{ NULL },
};

static const struct example examples[] = {
	{ "a command; its exit status is that of this one", "run web -- npm test" },
	{ "with a shell's pipes and variables", "run web -- sh -c 'ls /app | wc -l'" },
	{ "standard input passed on", "run -i web -- tar xf - -C /app <app.tar" },
	{ "in a folder, with an environment and a limit",
		"run web --cwd /app -e CI=1 --timeout 10m -- make check" },
	{ "one that outlives this program; then its output, and its end",
		"run -d web -- make world\n  kubectl sbx logs -f web 1; kubectl sbx wait web 1" },
	{ "in all sandboxes of a team, the results kept",
		"run -l team=red --output-dir results -- git -C /app status -s" },
	{ "on this terminal; Ctrl-P Ctrl-Q leaves it running", "run -it web -- vim /app/index.js" },
	{ "in a container of a Pod that is no sandbox of ours", "run --pod api-0 -c server -- ps" },
	{ NULL },
};

struct job {
	const struct cli *cli;
	const struct command *command;
};

static int run_in(struct place *p, const void *arg)
{
	const struct job *j = arg;
	const struct command *c = j->command;
	struct pump_spec pump = { .in = STDIN_FILENO, .detach = c->detach };
	struct command_run r;
	struct plain plain;
	struct pump_end end;
	struct err err = { 0 };
	int rc = command_run_init(&r, j->cli, c, &err);

	pump.run = r.spec;
	pump.out[0] = (struct sink){ .fd = STDOUT_FILENO };
	pump.out[1] = sink_for(STDERR_FILENO, &plain);
	if (!rc)
		rc = place_run(p, &pump, 0, &end, &err);
	else
		end = (struct pump_end){ 0 };
	command_run_fini(&r);
	if (!rc && c->detach && end.kept_id) {
		printf("%u\n", end.kept_id);
		return cli_flush();
	}
	return place_status(p, rc, &end, &err);
}

static struct terminal_spec terminal_of(
	const struct cli *cli, const struct command *c, const char *const *env)
{
	return (struct terminal_spec){ .argc = cli->words.command_count,
		.argv = cli->words.command,
		.cwd = c->cwd,
		.user = c->user,
		.env = env,
		.timeout_ms = c->timeout_ms,
		.detach_keys = c->detach_keys };
}

static int run_on_terminal(struct cli *cli, const struct command *c)
{
	auto_free const char **env = xcalloc(c->env.count + 1, sizeof(*env));
	const struct terminal_spec spec = terminal_of(cli, c, env);
	const struct place_want want = { c->container, true };
	auto_place p = { .signals = -1 };
	struct err err = { 0 };
	int rc;

	if (c->env.count)
		memcpy(env, c->env.items, c->env.count * sizeof(*env));
	rc = place_init(&p, cli, c->pod ? c->pod : cli->words.at[0], &want, &err);
	if (!rc)
		rc = place_running(&p, &err);
	return rc < 0 ? cli_failed(&err, rc) : terminal_run(p.kube, &p.s, &spec);
}

/* As kubectl: what asks for a terminal where there is none is told, and goes on without. */
static bool wants_terminal(const struct command *c)
{
	if (!c->terminal || terminal_here())
		return c->terminal;
	say("warning: %s", terminal_none_text);
	return false;
}

static int run(struct cli *cli, const void *settings)
{
	const struct command *c = settings;
	const struct job job = { cli, c };
	const struct place_want want = { c->container, c->no_mount };
	auto_place p = { .signals = -1 };
	struct err err = { 0 };
	bool named = command_is_for_many(c) || c->pod || !cli->words.command_count;
	int rc = named ? EXIT_DONE : pick_where_missing(cli, PICK_RUNNING);

	if (rc == EXIT_DONE)
		rc = command_check(cli, c);

	if (rc != EXIT_DONE)
		return rc;
	if (command_is_for_many(c))
		return many_run(cli, c);
	if (wants_terminal(c))
		return run_on_terminal(cli, c);
	rc = place_init(&p, cli, c->pod ? c->pod : cli->words.at[0], &want, &err);
	return rc < 0 ? cli_failed(&err, rc) : place_work(&p, run_in, &job);
}

const struct verb verb_run = {
	.name = "run",
	.args = "[FLAGS] NAME | -l LABELS | --all  -- CMD [ARG]...",
	.summary = "run a command in a sandbox, or in many",
	.about =
		"Runs a command. Its output comes live, byte by byte as it is written, the two "
		"streams\n"
		"apart. The words arrive as they are: nothing is split or expanded; for pipes and\n"
		"variables run sh -c. The exit status is the command's own, 128+n for a signal, "
		"124\n"
		"for a timeout, and 1 with a sentence when it could not run or was lost.\n"
		"\n"
		"Ctrl-C interrupts the command, a second one kills it. On a terminal the "
		"command's\n"
		"standard error is shown with its control characters as \\xHH; -t passes all on.\n"
		"\n"
		"Where a mount of yours shows the sandbox, the mount's connection is used.\n"
		"\n"
		"With -l or --all it runs in every running Pod that matches, and each line of\n"
		"output has its name in front. At the end it is said where it did not "
		"exit\n"
		"with 0; the exit status is 0 when it did everywhere, else 1, also when nothing "
		"matched.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct command),
	.run = run,
};
