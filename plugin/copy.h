/*
 * A copy between this machine and a sandbox, or two sandboxes: what cp and sync share.
 */
#ifndef SBX_PLUGIN_COPY_H
#define SBX_PLUGIN_COPY_H

#include "plugin/cli.h"

struct copy_plan {
	const struct cli *cli;
	char **words; /* SRC... DST */
	int count;
	uint32_t flags; /* PACK_JOB_* but SOURCE and TOTALS */
	struct opt_list excludes;
	const char *container;
	bool agent_sh, quiet;
};

/* The exit status. */
int copy_run(const struct copy_plan *plan);

#endif
