/*
 * What `run` has been told: from the command line to what is run, in one
 * sandbox or in many.
 */
#ifndef SBX_PLUGIN_COMMAND_H
#define SBX_PLUGIN_COMMAND_H

#include "common/remote/remote.h"
#include "plugin/verb.h"

struct command {
	const char *cwd, *user, *container, *pod, *detach_keys;
	struct opt_list env;
	int64_t timeout_ms;
	bool input, terminal, detach, no_mount;
	/* for many */
	const char *selector, *output_dir;
	bool all, all_namespaces;
	int64_t parallel;
};

/* A run_spec and what it points to. */
struct command_run {
	struct buf script;
	const char **env;
	struct run_spec spec;
};

/* EXIT_DONE, or EXIT_USAGE after saying what is wrong. */
int command_check(const struct cli *cli, const struct command *c);

bool command_is_for_many(const struct command *c);

/* Borrows from cli and c. -E2BIG: longer than a script may be. command_run_fini also after a failure. */
int command_run_init(
	struct command_run *r, const struct cli *cli, const struct command *c, struct err *err);
void command_run_fini(struct command_run *r);

#endif
