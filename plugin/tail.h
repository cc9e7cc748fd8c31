/*
 * --watch: the list, then every change, until the process is interrupted.
 */
#ifndef SBX_PLUGIN_TAIL_H
#define SBX_PLUGIN_TAIL_H

#include "common/kube/rest.h"
#include "plugin/show.h"

/*
 * Ends only when it cannot go on at all: EXIT_FAILED. ns NULL: every namespace. selectors: of labels, of
 * fields; or NULL. sort: --sort-by of the list at the beginning, or NULL.
 */
struct tail_what {
	const char *ns, *labels, *fields, *sort;
};
int tail_pods(struct kube *k, const struct tail_what *what, struct show *show);

#endif
