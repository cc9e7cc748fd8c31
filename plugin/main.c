/*
 * kubectl-sbx: finds the verb, parses for it, runs it.
 */
#include "common/base/log.h"
#include "common/base/path.h"
#include "plugin/cli.h"
#include "plugin/help.h"
#include "plugin/suggest.h"

#include <signal.h>

static const struct verb *const verbs[] = {
	&verb_create,
	&verb_ls,
	&verb_get,
	&verb_rm,
	&verb_run,
	&verb_mount,
	&verb_unmount,
	&verb_mounts,
	&verb_doctor,
	&verb_local,
	&verb_version,
};

#define VERBS (sizeof(verbs) / sizeof(*verbs))

static const struct verb *find(const char *name)
{
	for (size_t i = 0; i < VERBS; i++)
		if (!strcmp(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}

/* kubectl starts a plugin by its whole path; a person mostly by its name. */
static const char *program_name(const char *argv0)
{
	bool plugin = argv0 && argv0[0] == '/' && !strcmp(path_base(argv0), "kubectl-sbx");

	return plugin ? "kubectl sbx" : "kubectl-sbx";
}

static int unknown_verb(const struct cli *cli, const char *word)
{
	struct suggest s = suggest_for(word);

	for (size_t i = 0; i < VERBS; i++)
		suggest_try(&s, verbs[i]->name, strlen(verbs[i]->name));
	suggest_try(&s, "help", 4);
	if (*suggest_text(&s))
		return cli_usage(cli, "unknown verb \"%.60s\"; did you mean \"%s\"?", word,
			suggest_text(&s));
	return cli_usage(cli, "unknown verb \"%.60s\"", word);
}

static int help(const struct cli *cli, const char *topic)
{
	const struct verb *v = topic ? find(topic) : NULL;

	if (topic && !v)
		return unknown_verb(cli, topic);
	if (v)
		help_verb(stdout, cli->program, v);
	else
		help_all(stdout, cli->program, verbs, VERBS);
	return cli_flush();
}

static int run_verb(struct cli *cli, int argc, char **argv)
{
	const struct verb *v = cli->verb;
	auto_free void *settings = xcalloc(1, v->settings_bytes + 1);
	struct err err = { 0 };
	int rc;

	if (v->raw) {
		cli->raw_argc = argc;
		cli->raw_argv = argv;
		if (argc && (!strcmp(argv[0], "-h") || !strcmp(argv[0], "--help")))
			return help(cli, v->name);
		return v->run(cli, settings);
	}
	if (v->defaults)
		memcpy(settings, v->defaults, v->settings_bytes);
	rc = opts_parse(v->opts, settings, &cli->flags, argc, argv, &cli->words, &err);
	if (rc == 1)
		rc = help(cli, v->name);
	else if (rc < 0)
		rc = cli_usage(cli, "%s", err.text);
	else
		rc = v->run(cli, settings);
	opts_fini(v->opts, settings);
	words_fini(&cli->words);
	return rc;
}

static int dispatch(struct cli *cli, int argc, char **argv)
{
	struct err err = { 0 };
	int i, rc;

	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help"))
			return help(cli, NULL);
		if (!strcmp(argv[i], "--version")) {
			printf("kubectl-sbx %s\n", SBX_VERSION);
			return cli_flush();
		}
		rc = kube_flags_take(&cli->flags, argc, argv, &i, &err);
		if (rc < 0)
			return cli_usage(cli, "%s", err.text);
		if (rc == 0)
			return cli_usage(cli, "unknown flag \"%.80s\" before the verb", argv[i]);
	}
	if (i == argc) {
		help_all(stderr, cli->program, verbs, VERBS);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[i], "help"))
		return help(cli, argv[i + 1]);
	cli->verb = find(argv[i]);
	if (!cli->verb)
		return unknown_verb(cli, argv[i]);
	return run_verb(cli, argc - i - 1, argv + i + 1);
}

int main(int argc, char **argv)
{
	struct cli cli = { .program = program_name(argc ? argv[0] : NULL) };

	log_open("kubectl-sbx", LOG_LEVEL_WARN);
	if (log_trace_from_env() < 0)
		return cli_usage(&cli, "SBX_TRACE names no such topic");
	signal(SIGPIPE, SIG_IGN);
	cli.flags.interactive = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
	return dispatch(&cli, argc, argv);
}
