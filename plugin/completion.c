#include "plugin/cli.h"

#include "plugin/completion.inc"

static const struct {
	const char *shell, *script;
} scripts[] = {
	{ "bash", completion_bash },
	{ "zsh", completion_zsh },
	{ "fish", completion_fish },
};

static const struct opt opts[] = { { NULL } };

static const struct example examples[] = {
	{ "in this bash", "completion bash >~/.sbx && . ~/.sbx" },
	{ "in every fish", "completion fish \\\n"
			   "    >~/.config/fish/completions/kubectl-sbx.fish" },
	{ NULL },
};

static int run(struct cli *cli, const void *settings)
{
	if (cli->words.count != 1 || cli->words.dashes)
		return cli_usage(cli, "completion wants one of bash, zsh, fish");
	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		if (strcmp(scripts[i].shell, cli->words.at[0]))
			continue;
		fputs(scripts[i].script, stdout);
		return cli_flush();
	}
	return cli_usage(
		cli, "completion knows bash, zsh and fish, not \"%.60s\"", cli->words.at[0]);
}

const struct verb verb_completion = {
	.name = "completion",
	.args = "bash|zsh|fish",
	.summary = "print the completion script of a shell",
	.about =
		"Prints a script that completes kubectl-sbx in that shell: verbs, flags and their "
		"values, sandboxes, runs, namespaces, contexts, paths in a sandbox "
		"(NAME:/pa<TAB>).\n"
		"\n"
		"\"kubectl sbx\" is completed by kubectl's own script (kubectl completion --help), "
		"which asks the program kubectl_complete-sbx for it: that has to be on PATH, as it "
		"is where this was installed by its own means. krew cannot put it there; then "
		"link it from krew's folder.",
	.examples = examples,
	.opts = opts,
	.run = run,
};
