/*
 * ls --watch: the list, then every change, until the process is interrupted.
 */
#ifndef SBX_PLUGIN_TAIL_H
#define SBX_PLUGIN_TAIL_H

#include "common/kube/rest.h"
#include "plugin/show.h"

/* Ends only when it cannot go on at all: EXIT_FAILED. ns NULL: every namespace. */
int tail_pods(struct kube *k, const char *ns, const char *selector, struct show *show);

#endif
