/*
 * The two ways by which a relay reaches its port.
 */
#ifndef SBX_PLUGIN_FARSIDE_H
#define SBX_PLUGIN_FARSIDE_H

#include "common/kube/target.h"
#include "common/session/session.h"
#include "plugin/relay.h"

/* By the sandbox's agent, over its stream. host: a numeric address there, or NULL: itself. Borrowed. */
void farrun_begin(struct relay *r, struct session *s, const char *host);

/* By pods/portforward. All borrowed, and outlive the relay; *stop ends the connecting. */
struct farport_where {
	struct net *net;
	const struct kube_target *target;
	const char *ns, *pod;
	const volatile bool *stop;
};
void farport_begin(struct relay *r, const struct farport_where *where);

#endif
