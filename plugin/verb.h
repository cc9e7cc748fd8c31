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
	int raw_argc; /* for a raw verb: all behind its name */
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
	bool raw; /* its words are another program's: nothing is parsed but --help in front */
	int (*run)(struct cli *cli, const void *settings); /* the exit status */
};

extern const struct verb verb_create, verb_doctor, verb_get, verb_local, verb_ls, verb_mount,
	verb_mounts, verb_rm, verb_run, verb_unmount, verb_version;

#endif
