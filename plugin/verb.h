/*
 * A verb of kubectl-sbx: what the help prints, what the parser takes, what runs.
 *
 * One verb a file, each exporting one const struct verb; main.c has the table.
 * The order is always: parse all, check all, then act.
 */
#ifndef SBX_PLUGIN_VERB_H
#define SBX_PLUGIN_VERB_H

#include "plugin/opts.h"

struct verb;

/* One invocation. */
struct cli {
	const char *program; /* "kubectl sbx" or "kubectl-sbx" */
	const struct verb *verb;
	struct kube_flags flags;
	struct words words;
	const struct verb *const *verbs; /* all there are */
	size_t verb_count;
	int raw_argc; /* all behind the verb's name */
	char **raw_argv;
};

struct example {
	const char *what; /* NULL ends the table */
	const char
		*args; /* behind the program's name; a second line after \n is printed as it is */
};

struct verb {
	const char *name;
	const char *args;    /* "NAME -- CMD [ARG]..." */
	const char *summary; /* for the list of verbs */
	const char *about;   /* paragraphs with an empty line between; wrapped when printed */
	const struct example *examples;
	const struct opt *opts; /* or NULL */
	const void *defaults;   /* settings to begin with; NULL: zeroes */
	size_t settings_bytes;
	bool hidden; /* from people: in no list */
	bool raw;    /* its words are another program's: nothing is parsed but --help in front */
	int (*run)(struct cli *cli, const void *settings); /* the exit status */
	/* NULL-ended, or NULL: this is a family, "tenant", of verbs called "tenant create", ... */
	const struct verb *const *family;
};

extern const struct verb verb_attach;
extern const struct verb verb_complete;
extern const struct verb verb_completion;
extern const struct verb verb_cp;
extern const struct verb verb_create;
extern const struct verb verb_doctor;
extern const struct verb verb_expose;
extern const struct verb verb_events;
extern const struct verb verb_forward;
extern const struct verb verb_gc;
extern const struct verb verb_get;
extern const struct verb verb_kill;
extern const struct verb verb_local;
extern const struct verb verb_logs;
extern const struct verb verb_ls;
extern const struct verb verb_mount;
extern const struct verb verb_mounts;
extern const struct verb verb_once;
extern const struct verb verb_pool;
extern const struct verb verb_ps;
extern const struct verb verb_rm;
extern const struct verb verb_run;
extern const struct verb verb_shell;
extern const struct verb verb_sync;
extern const struct verb verb_tenant;
extern const struct verb verb_top;
extern const struct verb verb_ttl;
extern const struct verb verb_unmount;
extern const struct verb verb_url;
extern const struct verb verb_version;
extern const struct verb verb_wait;

#endif
