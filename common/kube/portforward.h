/*
 * A TCP connection to a port of a Pod by pods/portforward -> a descriptor: for Pods that no agent of ours
 * can work in. One WebSocket each (KUBERNETES.md 2.1); the net thread moves the bytes.
 *
 * While nobody reads the descriptor the network waits, too. What that form lacks: the Pod's side is never
 * told that this one sends no more, only that it has gone; so shutting down the write side does nothing.
 */
#ifndef SBX_KUBE_PORTFORWARD_H
#define SBX_KUBE_PORTFORWARD_H

#include "common/kube/net.h"
#include "common/kube/target.h"

#include <stdint.h>

struct portforward;

/*
 * Connects to the API server and upgrades; blocks until deadline_ms, or until *stop (atomic; -ECANCELED). Whether
 * something listens on the port is seen later, by portforward_end. Errnos as exec_open's.
 */
int portforward_open(struct net *net, const struct kube_target *t, const char *ns, const char *pod,
	uint16_t port, const volatile bool *stop, int64_t deadline_ms, struct portforward **ret,
	struct err *err);

int portforward_fd(const struct portforward *p); /* borrowed; its end: the connection's */

/*
 * When the descriptor is at its end: why. 0: it just ended; -ECONNREFUSED, -EIO: the cluster's words are in err;
 * -EPIPE, -ETIMEDOUT...: the stream was lost.
 */
int portforward_end(struct portforward *p, struct err *err);

void portforward_close(struct portforward *p); /* takes NULL */

#endif
