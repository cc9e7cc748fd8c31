/*
 * pods/portforward in its WebSocket form (KUBERNETES.md 2.1; k8s.io/cri-streaming portforward/websocket.go):
 * one port, two channels, 0 for its bytes and 1 for what went wrong, each beginning with the port's number.
 */
#ifndef SBX_LOCAL_FORWARD_H
#define SBX_LOCAL_FORWARD_H

#include "plugin/local/stream.h"

enum { FORWARD_DATA, FORWARD_ERROR };

/* Connects, inside the Pod's network, to 127.0.0.1 or else ::1; then s->in and s->out are that connection. What
 * the client is told of a failure is queued. */
int forward_begin(struct stream *s);

#endif
