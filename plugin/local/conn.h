/*
 * One connection: its request, its answer, or its stream. Service thread only,
 * but for the flag dirty.
 */
#ifndef SBX_LOCAL_CONN_H
#define SBX_LOCAL_CONN_H

#include "plugin/local/api.h"
#include "plugin/local/channel.h"
#include "plugin/local/stream.h"

#include <libwebsockets.h>

struct server;

struct conn {
	struct conn *next, *prev;
	struct server *server;
	struct lws *wsi;
	bool dirty; /* atomic: its stream has something for it */

	struct call call;
	struct answer answer;
	bool served; /* the answer is there */
	bool head_sent;
	bool ending; /* the last chunk is in out */
	bool must_close;
	struct buf out; /* bytes to send, of which sent are out */
	size_t sent;

	const struct protocol *protocol;
	struct stream *stream;
	bool first_sent;
	bool forwards; /* a port, not a process's channels */
	bool closing;  /* our close frame is out */
	bool reading_stopped;
	uint8_t channel;    /* of the message that is coming in */
	struct buf message; /* the same, where it is taken whole */
};

/* Reads the request's line and headers. */
void conn_take_request(struct conn *c);
void conn_serve(struct conn *c, struct engine *e);
int conn_write_http(struct conn *c); /* -1: close */
void conn_refuse(struct conn *c);    /* writes c->answer at once; for upgrades */
void conn_reset(struct conn *c);

/* channels */
int conn_open_stream(struct conn *c, struct engine *e, const struct stream_target *t);
int conn_write_stream(struct conn *c, struct engine *e);
int conn_read_stream(struct conn *c, struct engine *e, const void *bytes, size_t n);
void conn_audit(struct conn *c, int code);

#endif
