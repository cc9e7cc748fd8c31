/*
 * A verb that removes several things of one sort by their names: "pool rm", "tenant rm".
 */
#ifndef SBX_PLUGIN_REMOVAL_H
#define SBX_PLUGIN_REMOVAL_H

#include "plugin/cli.h"

struct removal {
	const char *what; /* "pool" */
	size_t name_max;
	/* wait: until it is gone; ends early with interrupt_flag() */
	int (*remove)(struct kube *k, const char *name, bool wait, struct err *err);
};

/* The verb's settings. */
struct removal_settings {
	bool wait;
};

extern const struct removal_settings removal_defaults;

/* A row of the verb's options. */
#define REMOVAL_WAIT(help)                                                                         \
	{                                                                                          \
		"wait", 0, OPT_BOOL, NULL, help, offsetof(struct removal_settings, wait)           \
	}

/* All names are checked before the first is removed, and all are tried. The exit status. */
int removal_run(struct cli *cli, const struct removal *r, const struct removal_settings *settings);

#endif
