#include "plugin/cli.h"
#include "plugin/pick.h"
#include "plugin/place.h"
#include "plugin/terminal.h"

#include <string.h>

struct shell {
	const char *cwd, *user, *container, *pod, *detach_keys;
	struct opt_list env;
};

#define AT(member) offsetof(struct shell, member)

static const struct opt opts[] = {
	{ "cwd", 0, OPT_TEXT, "DIR", "where it begins; without it the container's own place",
		AT(cwd) },
	{ "env", 'e', OPT_LIST, "NAME=VALUE", "environment of the shell; repeatable", AT(env) },
	{ "user", 0, OPT_TEXT, "USER", "as this user, a name or a number (static agent only)",
		AT(user) },
	{ "detach-keys", 0, OPT_TEXT, "KEYS",
		"leave the shell by these; \"\" for none (" TERMINAL_DETACH_KEYS ")",
		AT(detach_keys) },
	{ "pod", 0, OPT_TEXT, "POD", "instead of NAME: any Pod", AT(pod) },
	{ "container", 'c', OPT_TEXT, "NAME", "container of a Pod that has several",
		AT(container) },
	{ NULL },
};

static const struct example examples[] = {
	{ "a shell in the sandbox", "shell web" },
	{ "another program on a terminal", "shell web -- vim /app/index.js" },
	{ "in a folder, with the keys of screen to leave it",
		"shell web --cwd /app --detach-keys ctrl-a,d" },
	{ "back to a shell that was left", "attach web 3" },
	{ NULL },
};

static const char *target_word(const struct cli *cli, const struct shell *s)
{
	return s->pod ? s->pod : cli->words.at[0];
}

static int check(struct cli *cli, const struct shell *s, const struct terminal_spec *spec)
{
	auto_ref ref = { 0 };
	struct err err = { 0 };

	if (cli->words.count != (s->pod ? 0 : 1))
		return cli_usage(cli, s->pod ? "shell wants either NAME or --pod, not both"
					     : "shell wants one NAME");
	if (cli->words.dashes && !cli->words.command_count)
		return cli_usage(cli, "nothing stands behind the \"--\"");
	if (ref_parse(target_word(cli, s), "default", &ref, &err) < 0)
		return cli_usage(cli, "%s", err.text);
	if (s->cwd && s->cwd[0] != '/')
		return cli_usage(cli, "--cwd wants a path from the root, not \"%s\"", s->cwd);
	for (size_t i = 0; i < s->env.count; i++)
		if (!strchr(s->env.items[i], '=') || s->env.items[i][0] == '=' ||
			strchr(s->env.items[i], '\n'))
			return cli_usage(cli, "-e wants NAME=VALUE in one line, not \"%.60s\"",
				s->env.items[i]);
	if (terminal_check(spec, &err) < 0)
		return cli_usage(cli, "--detach-keys: %s", err.text);
	return EXIT_DONE;
}

static int run(struct cli *cli, const void *settings)
{
	const struct shell *shell = settings;
	auto_free const char **env = xcalloc(shell->env.count + 1, sizeof(*env));
	/* not kept from its start: what is kept never waits for a slow terminal, and has a ceiling */
	struct terminal_spec spec = {
		.argc = cli->words.command_count,
		.argv = cli->words.command,
		.cwd = shell->cwd,
		.user = shell->user,
		.env = env,
		.detach_keys = shell->detach_keys,
	};
	const struct place_want want = { shell->container, true };
	auto_place p = { .signals = -1 };
	struct err err = { 0 };
	int rc = shell->pod ? EXIT_DONE : pick_where_missing(cli, PICK_RUNNING);

	if (rc == EXIT_DONE)
		rc = check(cli, shell, &spec);

	if (rc != EXIT_DONE)
		return rc;
	if (!terminal_here())
		return cli_failed(&(struct err){ "shell wants a terminal on standard input; a "
						 "script goes to \"run -i NAME -- sh\"" },
			-ENOTTY);
	if (shell->env.count)
		memcpy(env, shell->env.items, shell->env.count * sizeof(*env));
	rc = place_init(&p, cli, target_word(cli, shell), &want, &err);
	if (!rc)
		rc = place_running(&p, &err);
	return rc < 0 ? cli_failed(&err, rc) : terminal_run(p.kube, &p.s, &spec);
}

const struct verb verb_shell = {
	.name = "shell",
	.args = "[FLAGS] NAME [-- CMD [ARG]...]",
	.summary = "a shell, or another program, on this terminal",
	.about =
		"Begins a program on a terminal in the sandbox: the one behind \"--\", else bash "
		"where\n"
		"the image has it, else sh; no login shell. All keys go to it, Ctrl-C and Ctrl-Z "
		"too.\n"
		"This terminal's size and TERM are passed on, and it is left as it was, however "
		"this\n"
		"ends. The exit status is the program's, 128+n for a signal, and 1 with a "
		"sentence\n"
		"when the connection was lost.\n"
		"\n"
		"Ctrl-P Ctrl-Q leaves the program running; \"attach\" comes back to it. Where only "
		"the\n"
		"shell agent can run, which cannot do that, the program ends then. It ends with "
		"the\n"
		"connection too, and when this terminal is closed.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct shell),
	.run = run,
};
