#include "plugin/command.h"

#include "common/remote/proto.h"
#include "plugin/cli.h"
#include "plugin/quote.h"
#include "plugin/ref.h"
#include "plugin/terminal.h"

#include <limits.h>

bool command_is_for_many(const struct command *c)
{
	return c->all || c->selector;
}

static int check_one(const struct cli *cli, const struct command *c)
{
	auto_ref ref = { 0 };
	struct err err = { 0 };

	if (c->output_dir || c->all_namespaces || c->parallel)
		return cli_usage(cli,
			"--output-dir, --parallel and -A belong to runs in many sandboxes: "
			"give -l LABELS or --all");
	if (cli->words.count != (c->pod ? 0 : 1))
		return cli_usage(cli, c->pod ? "run wants either NAME or --pod, not both"
					     : "run wants one NAME before the \"--\"");
	if (ref_parse(c->pod ? c->pod : cli->words.at[0], "default", &ref, &err) < 0)
		return cli_usage(cli, "%s", err.text);
	return EXIT_DONE;
}

static int check_many(const struct cli *cli, const struct command *c)
{
	if (cli->words.count || c->pod || (c->all && c->selector))
		return cli_usage(cli, "run wants either NAME, or --pod, or -l LABELS, or --all");
	if (c->selector && !*c->selector)
		return cli_usage(cli, "-l is empty; for all of the namespace use --all");
	if (c->input || c->terminal)
		return cli_usage(cli, "-i and -t are for one sandbox: there is one standard input");
	if (c->detach)
		return cli_usage(cli, "-d is for one sandbox");
	return EXIT_DONE;
}

static int check_text(const struct cli *cli, const char *flag, const char *text)
{
	if (text && (!*text || strchr(text, '\n')))
		return cli_usage(cli, "%s wants one line, not an empty one", flag);
	return EXIT_DONE;
}

static int check_terminal(const struct cli *cli, const struct command *c)
{
	const struct terminal_spec spec = { .detach_keys = c->detach_keys };
	struct err err = { 0 };

	if (c->terminal && c->detach)
		return cli_usage(cli, "run wants either -t or -d: a run without anybody at it has "
				      "no terminal");
	if (terminal_check(&spec, &err) < 0)
		return cli_usage(cli, "--detach-keys: %s", err.text);
	return EXIT_DONE;
}

int command_check(const struct cli *cli, const struct command *c)
{
	int rc = command_is_for_many(c) ? check_many(cli, c) : check_one(cli, c);

	if (!cli->words.command_count)
		return cli_usage(
			cli, "run wants a command behind \"--\": run NAME -- CMD [ARG]...");
	if (rc == EXIT_DONE)
		rc = check_text(cli, "--cwd", c->cwd);
	if (rc == EXIT_DONE)
		rc = check_text(cli, "--user", c->user);
	if (rc == EXIT_DONE)
		rc = check_terminal(cli, c);
	if (rc != EXIT_DONE)
		return rc;
	if (c->cwd && c->cwd[0] != '/')
		return cli_usage(cli, "--cwd wants a path from the root, not \"%s\"", c->cwd);
	if (c->timeout_ms > INT_MAX)
		return cli_usage(cli, "--timeout is at most 24 days");
	for (size_t i = 0; i < c->env.count; i++)
		if (!strchr(c->env.items[i], '=') || c->env.items[i][0] == '=' ||
			strchr(c->env.items[i], '\n'))
			return cli_usage(cli, "-e wants NAME=VALUE in one line, not \"%.60s\"",
				c->env.items[i]);
	return EXIT_DONE;
}

int command_run_init(
	struct command_run *r, const struct cli *cli, const struct command *c, struct err *err)
{
	*r = (struct command_run){ .script = BUF_INIT(PROTO_SCRIPT_MAX) };
	r->env = xcalloc(c->env.count + 1, sizeof(*r->env));
	if (c->env.count)
		memcpy(r->env, c->env.items, c->env.count * sizeof(*r->env));
	quote_exec(&r->script, cli->words.command_count, cli->words.command);
	if (buf_check(&r->script) < 0)
		return err_set(err, -E2BIG, "the command is longer than 1 MiB");
	r->spec = (struct run_spec){
		.script = r->script.data,
		.n = r->script.len,
		.cwd = c->cwd,
		.user = c->user,
		.env = r->env,
		.timeout_ms = (int)c->timeout_ms,
		.wants_stdin = c->input,
		.keep = c->detach,
	};
	return 0;
}

void command_run_fini(struct command_run *r)
{
	buf_fini(&r->script);
	free(r->env);
	r->env = NULL;
}
