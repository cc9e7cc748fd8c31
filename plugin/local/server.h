/*
 * HTTP/1.1 and WebSocket over TLS on loopback, by libwebsockets. One thread
 * runs server_run; all else of this program only wakes it.
 */
#ifndef SBX_LOCAL_SERVER_H
#define SBX_LOCAL_SERVER_H

#include "plugin/local/engine.h"

struct server;

int server_open(struct engine *e, int port, struct server **ret, struct err *err);
void server_close(struct server *s);

void server_run(struct server *s);  /* until server_stop */
void server_stop(struct server *s); /* any thread */
void server_wake(void *server);     /* bodies that go on may have more; any thread */

#endif
