/*
 * kubectl-sbx: finds the verb, parses for it, runs it.
 */
#include "common/base/log.h"
#include "common/base/path.h"
#include "plugin/cli.h"
#include "plugin/help.h"
#include "plugin/suggest.h"

#include <fcntl.h>
#include <signal.h>

static const struct verb *const verbs[] = {
	&verb_create,
	&verb_ls,
	&verb_get,
	&verb_rm,
	&verb_run,
	&verb_once,
	&verb_shell,
	&verb_ps,
	&verb_logs,
	&verb_wait,
	&verb_kill,
	&verb_attach,
	&verb_cp,
	&verb_sync,
	&verb_mount,
	&verb_unmount,
	&verb_mounts,
	&verb_forward,
	&verb_url,
	&verb_expose,
	&verb_ttl,
	&verb_gc,
	&verb_pool,
	&verb_tenant,
	&verb_events,
	&verb_doctor,
	&verb_top,
	&verb_completion,
	&verb_local,
	&verb_version,
	&verb_complete,
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

/* What kubectl, docker, ssh and others call it. */
static const struct {
	const char *word, *verb;
} elsewhere[] = {
	{ "exec", "run" },
	{ "delete", "rm" },
	{ "destroy", "rm" },
	{ "remove", "rm" },
	{ "stop", "rm" },
	{ "list", "ls" },
	{ "describe", "get" },
	{ "inspect", "get" },
	{ "new", "create" },
	{ "start", "create" },
	{ "ssh", "shell" },
	{ "port-forward", "forward" },
	{ "rsync", "sync" },
};

static int unknown_verb(const struct cli *cli, const char *word)
{
	struct suggest s;

	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(*elsewhere); i++)
		if (!strcmp(word, elsewhere[i].word))
			return cli_usage(cli, "unknown verb \"%s\"; here it is \"%s\"", word,
				elsewhere[i].verb);
	s = suggest_for(word);
	for (size_t i = 0; i < VERBS; i++)
		if (!verbs[i]->hidden)
			suggest_try(&s, verbs[i]->name, strlen(verbs[i]->name));
	suggest_try(&s, "help", 4);
	if (*suggest_text(&s))
		return cli_usage(cli, "unknown verb \"%.60s\"; did you mean \"%s\"?", word,
			suggest_text(&s));
	return cli_usage(cli, "unknown verb \"%.60s\"", word);
}

static int help_of(const struct cli *cli, const struct verb *v)
{
	help_verb(stdout, cli->program, v);
	return cli_flush();
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

static const struct verb *member(const struct verb *family, const char *word)
{
	for (const struct verb *const *v = family->family; *v; v++)
		if (!strcmp((*v)->name + strlen(family->name) + 1, word))
			return *v;
	return NULL;
}

static int run_verb(struct cli *cli, int argc, char **argv);

/* The member's name stands first behind the family's. */
static int run_family(struct cli *cli, int argc, char **argv)
{
	const struct verb *family = cli->verb, *v;
	struct suggest s;

	if (argc && (!strcmp(argv[0], "-h") || !strcmp(argv[0], "--help")))
		return help(cli, family->name);
	if (!argc)
		return cli_usage(cli, "%s wants to be told what to do", family->name);
	if (argv[0][0] == '-')
		return cli_usage(cli, "unknown flag \"%.80s\"; flags stand behind \"%s\"", argv[0],
			family->family[0]->name);
	v = member(family, argv[0]);
	if (v) {
		cli->verb = v;
		return run_verb(cli, argc - 1, argv + 1);
	}
	s = suggest_for(argv[0]);
	for (const struct verb *const *m = family->family; *m; m++) {
		const char *name = (*m)->name + strlen(family->name) + 1;

		suggest_try(&s, name, strlen(name));
	}
	return cli_usage(cli, "%s cannot \"%.60s\"%s%s%s", family->name, argv[0],
		*suggest_text(&s) ? "; did you mean \"" : "", suggest_text(&s),
		*suggest_text(&s) ? "\"?" : "");
}

static int run_verb(struct cli *cli, int argc, char **argv)
{
	const struct verb *v = cli->verb;
	auto_free void *settings = xcalloc(1, v->settings_bytes + 1);
	struct err err = { 0 };
	int rc;

	if (v->family)
		return run_family(cli, argc, argv);
	cli->raw_argc = argc;
	cli->raw_argv = argv;
	if (v->raw) {
		if (argc && !v->hidden && (!strcmp(argv[0], "-h") || !strcmp(argv[0], "--help")))
			return help(cli, v->name);
		return v->run(cli, settings);
	}
	if (v->defaults)
		memcpy(settings, v->defaults, v->settings_bytes);
	rc = opts_parse(v->opts, settings, &cli->flags, argc, argv, &cli->words, &err);
	if (rc == 1)
		rc = help_of(cli, v);
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

/*
 * One that is closed is opened, so that no file of ours gets its number; the wrong way round, so that
 * using it fails all the same.
 */
static void open_standard(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
			return;
}

int main(int argc, char **argv)
{
	struct cli cli = {
		.program = program_name(argc ? argv[0] : NULL), .verbs = verbs, .verb_count = VERBS
	};

	open_standard();
	log_open("kubectl-sbx", LOG_LEVEL_WARN);
	if (log_trace_from_env() < 0)
		return cli_usage(&cli, "SBX_TRACE names no such topic");
	signal(SIGPIPE, SIG_IGN);
	cli.flags.interactive = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
	return dispatch(&cli, argc, argv);
}
