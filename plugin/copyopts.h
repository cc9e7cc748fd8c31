/*
 * The flags that cp and sync share.
 */
#ifndef SBX_PLUGIN_COPYOPTS_H
#define SBX_PLUGIN_COPYOPTS_H

#include "plugin/cli.h"

struct copy_opts {
	bool owner, setid, parents, quiet;
	struct opt_list excludes;
	const char *container, *agent;
};

/* Rows of the verb's table; at: the offset of a member of struct copy_opts in its settings. */
#define COPY_OPTS_KEEP(at)                                                                         \
	{ "owner", 0, OPT_BOOL, NULL, "keep owner and group, by number (as root there)",           \
		at(owner) },                                                                       \
	{                                                                                          \
		"set-id", 0, OPT_BOOL, NULL, "keep set-user-id and set-group-id bits", at(setid)   \
	}

#define COPY_OPTS_PARENTS(at)                                                                      \
	{                                                                                          \
		"parents", 'p', OPT_BOOL, NULL, "make the folders that lead to DST", at(parents)   \
	}

#define COPY_OPTS_WAY(at)                                                                          \
	{ "container", 'c', OPT_TEXT, "NAME", "container of a Pod that has several",               \
		at(container) },                                                                   \
		{ "agent", 0, OPT_TEXT, "sh|auto",                                                 \
			"sh: nothing is placed in the sandbox; much slower", at(agent) },          \
	{                                                                                          \
		"quiet", 'q', OPT_BOOL, NULL, "no progress, errors alone", at(quiet)               \
	}

/* copy_run of cli's words. flags: the verb's own. The exit status. */
int copy_opts_run(const struct cli *cli, const struct copy_opts *o, uint32_t flags);

#endif
