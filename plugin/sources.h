/*
 * What there is to choose from, for completion: read off the cluster, the kubeconfig, the mounts. Whatever
 * cannot be had is just not offered. They may block; who calls them has a deadline.
 */
#ifndef SBX_PLUGIN_SOURCES_H
#define SBX_PLUGIN_SOURCES_H

#include "plugin/candidates.h"
#include "plugin/typing.h"

/* The next value of opt or of kubectl's flag; the next word of the verb. */
void source_value(struct cli *cli, const struct typing *t, struct candidates *c);
void source_word(struct cli *cli, const struct typing *t, struct candidates *c);

/* "web:/etc/ho" -> what is there; by a mount that shows it, else by an exec of ls. */
void source_far_paths(struct cli *cli, const struct typing *t, struct candidates *c);

#endif
