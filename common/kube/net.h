/*
 * The one thread that moves bytes between exec streams and descriptors.
 *
 * It owns every upgraded connection (dial.h), frames and unframes (ws.h,
 * channel.h), answers pings, sends a ping every 20 s and a data keepalive (an
 * empty binary message, KUBERNETES.md 1.4, 1.8) every 30 s. It never stops
 * reading the network; a stream whose user does not read is ended when
 * NET_BACKLOG_MAX bytes wait for it. It stops reading a user while
 * NET_SEND_MAX bytes wait for the network: that is the back-pressure.
 */
#ifndef SBX_KUBE_NET_H
#define SBX_KUBE_NET_H

#include "common/base/err.h"

#define NET_BACKLOG_MAX (16 * 1024 * 1024)
#define NET_SEND_MAX    (256 * 1024)

struct net;
struct stream;

int net_open(struct net **ret);
void net_close(struct net *n); /* ends every stream, at once; joins the thread. Takes NULL */

/* For exec.c: new, or something was asked of it (stream.h). Takes a reference of its own. Any
 * thread. */
void net_post(struct net *n, struct stream *s);

#endif
