/*
 * What the verbs for one run share: NAME RUN, -c and --no-mount.
 */
#ifndef SBX_PLUGIN_KEPT_H
#define SBX_PLUGIN_KEPT_H

#include "plugin/place.h"

#define KEPT_CONTAINER(at)                                                                         \
	{                                                                                          \
		"container", 'c', OPT_TEXT, "NAME", "container of a Pod that has several", at      \
	}
#define KEPT_NO_MOUNT(at)                                                                          \
	{                                                                                          \
		"no-mount", 0, OPT_BOOL, NULL,                                                     \
			"by its own connection, even where a mount shows it", at                   \
	}

/* NAME and from min to max RUNs behind it, no command: EXIT_DONE or EXIT_USAGE. */
int kept_check(const struct cli *cli, int min, int max);

/* The number that is the verb's word i; checked before. */
uint32_t kept_id(const struct cli *cli, int i);

#endif
