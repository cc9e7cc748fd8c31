/*
 * Notices that a sandbox goes: deleted, replaced, ended.
 */
#ifndef SBX_PLUGIN_VIGIL_H
#define SBX_PLUGIN_VIGIL_H

#include "common/kube/sandbox.h"
#include "plugin/hub.h"

struct vigil;

/* work is poked when it has gone; s is copied, k and hub are borrowed. -errno of pthread_create(3). Who may not
 * watch Pods is never told. */
int vigil_open(struct kube *k, const struct sandbox *s, struct hub *hub, struct hub_work *work,
	struct vigil **ret);

/* True: it has gone, err says how. */
bool vigil_gone(struct vigil *v, struct err *err);

void vigil_close(struct vigil *v); /* within a second; takes NULL */

#endif
