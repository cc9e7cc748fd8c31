/*
 * Options by table: one table a verb, from which the command line is parsed
 * and the help is printed.
 *
 * Every form kubectl takes: --name=value, --name value, -x value, -xvalue,
 * -x=value, bools as --name or --name=false, several bool letters together.
 * "--" ends the options; what stands behind it is the command. kubectl's
 * global flags are taken anywhere before that.
 */
#ifndef SBX_PLUGIN_OPTS_H
#define SBX_PLUGIN_OPTS_H

#include "common/base/err.h"
#include "common/kube/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt_kind {
	OPT_BOOL,   /* bool */
	OPT_TEXT,   /* const char *, borrowed from argv */
	OPT_LIST,   /* struct opt_list; repeatable */
	OPT_SPAN,   /* int64_t, milliseconds, from "90", "90s", "1h" */
	OPT_NUMBER, /* int64_t, 0 to 2^31-1 */
	OPT_MAYBE,  /* enum opt_maybe: a bool that knows whether it was said */
};

enum opt_maybe { OPT_UNSAID = 0, OPT_NO, OPT_YES };

struct opt_list {
	const char **items; /* each borrowed from argv */
	size_t count;
};

struct opt {
	const char *name; /* without dashes; NULL ends the table */
	char letter;      /* or 0 */
	enum opt_kind kind;
	const char *value; /* "IMAGE", for the help; NULL for a bool */
	const char *help;  /* may hold \n: the next line of the same entry */
	size_t offset;     /* of the member in the verb's settings */
};

struct words {
	char **at; /* what stands before "--" and is no option; the array is ours */
	int count;
	char **command; /* behind "--", borrowed from argv */
	int command_count;
	bool dashes;  /* "--" was there */
	char *picked; /* the one at[0] that is no argument (pick.h), or NULL */
};

/*
 * Parses argv[0] to argv[argc-1] (no program name) into settings, flags and ret. table may be NULL.
 * 0; 1: help was asked for; -EINVAL: err says what is wrong and, if near, what was meant.
 * Call opts_fini on the settings and words_fini on ret also after a failure.
 */
int opts_parse(const struct opt *table, void *settings, struct kube_flags *flags, int argc,
	char **argv, struct words *ret, struct err *err);
void opts_fini(const struct opt *table, void *settings);

/*
 * One option by its name, as if it stood on the command line. text is borrowed; for a bool it may be
 * NULL. -ENOENT: none of that name, err says which is near; -EINVAL: no value for it.
 */
int opts_put(const struct opt *table, void *settings, const char *name, const char *text,
	struct err *err);
void words_fini(struct words *w);

#endif
