/*
 * How much there is to copy, counted beside the copying for whoever looks at a line of progress.
 */
#ifndef SBX_PACK_TOTAL_H
#define SBX_PACK_TOTAL_H

#include "common/remote/pack/job.h"
#include "common/remote/pack/sys.h"

struct total;

/* paths are taken over (and freed); excludes are borrowed. NULL: no thread. */
struct total *total_open(
	struct pack_sys *sys, struct pack_list *paths, const struct pack_list *excludes);
void total_close(struct total *t); /* takes NULL */

/* Once, when it is known: true, and the files and bytes. */
bool total_known(struct total *t, struct pack_count *ret);

#endif
