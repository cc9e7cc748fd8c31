/*
 * One command in many sandboxes at once.
 */
#ifndef SBX_PLUGIN_MANY_H
#define SBX_PLUGIN_MANY_H

#include "plugin/command.h"

#define MANY_PARALLEL 8

/* The exit status: 0 when the command ended with 0 in all of them, else 1. */
int many_run(const struct cli *cli, const struct command *c);

#endif
