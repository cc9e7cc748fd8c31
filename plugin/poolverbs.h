/*
 * The family "pool", and create --from-pool.
 */
#ifndef SBX_PLUGIN_POOLVERBS_H
#define SBX_PLUGIN_POOLVERBS_H

#include "common/kube/rest.h"
#include "plugin/make.h"
#include "plugin/verb.h"

extern const struct verb verb_pool_ls, verb_pool_rm;

/*
 * A sandbox from a pool: a spare, or where there is none a new Pod from the pool's template, as spec
 * says. Afterwards pool_top_up.
 */
int from_pool(struct kube *k, const char *name, const struct make_spec *spec, cJSON **ret,
	struct err *err);

/* Posts what is missing in the pool, without waiting for it; says what went wrong. */
void pool_top_up(struct kube *k, const char *ns, const char *name);

/* The first flag of table that was said and is none of allowed (NULL-ended); NULL: none. */
const char *flag_said(const struct opt *table, const void *settings, const void *defaults,
	const char *const *allowed);

#endif
