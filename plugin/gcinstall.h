/*
 * gc --install: the CronJob that does gc's work inside the cluster, as text for "kubectl apply -f -".
 */
#ifndef SBX_PLUGIN_GCINSTALL_H
#define SBX_PLUGIN_GCINSTALL_H

#include "plugin/cli.h"

#define GC_IMAGE "alpine/k8s:1.34.1"

/*
 * Prints it to standard output. image: NULL for GC_IMAGE. all: for every namespace. Asks the cluster,
 * where it can be reached, which version of CronJob it has; changes nothing. The exit status.
 */
int gc_install(struct cli *cli, const char *image, const char *schedule, bool all);

#endif
