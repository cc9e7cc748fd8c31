/*
 * A scripted WebSocket server on loopback, without TLS: does what no real
 * server does on demand (mute, cut, flood, refuse). Each connection runs the
 * script on a thread of its own. Wrong behaviour of the client aborts.
 */
#ifndef SBX_TEST_WSPEER_H
#define SBX_TEST_WSPEER_H

#include "common/base/buf.h"
#include "common/kube/target.h"

struct peer;

struct peer_conn {
	int fd;
	char request[16 * 1024]; /* the head */
	void *arg;               /* the script's */
};

typedef void peer_script(struct peer_conn *c);

struct peer *peer_open(peer_script *script, void *arg);
void peer_close(struct peer *p);                 /* waits for all scripts to return */
struct kube_target *peer_target(struct peer *p); /* borrowed */

void peer_reply(struct peer_conn *c, const char *text);       /* instead of the upgrade */
void peer_upgrade(struct peer_conn *c, const char *protocol); /* 101 */
bool peer_send(struct peer_conn *c, unsigned first, const void *bytes,
	size_t n); /* false: client has gone */
bool peer_channel(struct peer_conn *c, int channel, const void *bytes, size_t n);

/* One frame of the client's: its operation, payload in ret; -1 at the end. Asserts masked, whole,
 * <= 32 KiB + 1. */
int peer_recv(struct peer_conn *c, struct buf *ret);
int peer_recv_data(struct peer_conn *c, struct buf *ret); /* passes over pings and empty messages */

#endif
