/*
 * The verbs on stored objects: get, list, watch, create, update, patch, delete.
 */
#ifndef SBX_LOCAL_OBJECTS_H
#define SBX_LOCAL_OBJECTS_H

#include "plugin/local/api.h"

void objects_get(struct engine *e, const struct target *t, struct call *c, struct answer *ret);
void objects_list(struct engine *e, const struct target *t, struct call *c, struct answer *ret);
void objects_create(struct engine *e, const struct target *t, struct call *c, struct answer *ret);
void objects_update(struct engine *e, const struct target *t, struct call *c, struct answer *ret);
void objects_patch(struct engine *e, const struct target *t, struct call *c, struct answer *ret);
void objects_delete(struct engine *e, const struct target *t, struct call *c, struct answer *ret);
void objects_delete_all(
	struct engine *e, const struct target *t, struct call *c, struct answer *ret);

/* default and kube-system, their service account, and the node; safe to repeat. */
void objects_seed(struct store *st);

#endif
