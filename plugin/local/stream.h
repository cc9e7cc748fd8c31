/*
 * One exec, attach or portforward: the queues between the WebSocket (service thread) and
 * the process (pump thread).
 *
 * Each direction holds at most STREAM_QUEUE_BYTES (and one piece): then its
 * source is not read any more until there is room. The pump ends a stream by
 * queueing its Status; what was queued before it still goes out.
 */
#ifndef SBX_LOCAL_STREAM_H
#define SBX_LOCAL_STREAM_H

#include "plugin/local/engine.h"

#define STREAM_PIECE_BYTES (32u * 1024)
#define STREAM_QUEUE_BYTES (512u * 1024)
#define STREAM_PRE         32 /* room in front of a piece for the network library and the channel */
#define STREAMS_MAX        256

enum {
	CHANNEL_STDIN,
	CHANNEL_STDOUT,
	CHANNEL_STDERR,
	CHANNEL_STATUS,
	CHANNEL_RESIZE,
	CHANNEL_CLOSE = 255
};

struct piece {
	struct piece *next;
	size_t len; /* with the channel byte, for output */
	size_t at;  /* how much of it is written, for input */
	uint8_t bytes[STREAM_PRE + 1 + STREAM_PIECE_BYTES];
};

struct queue {
	struct piece *first;
	struct piece *last;
	size_t bytes;
};

struct stream_options {
	bool in, out, err, tty;
	bool attach;
	uint16_t port;      /* not 0: a portforward, forward.h */
	char *container_id; /* at the runtime */
	char *container_dir;
	char *pod_dir;
	char *container;
	int64_t restarts;
	char **argv; /* NULL at the end */
};

struct stream;

/* Takes what o points at. wake(arg) is called by the pump when there is output, or room for input.
 */
struct stream *stream_new(const struct stream_options *o, void (*wake)(void *arg), void *arg);
struct stream *stream_ref(struct stream *s);
void stream_unref(struct stream *s);

/* Service thread */
struct piece *stream_next_output(struct stream *s); /* the caller's; NULL: none for now */
bool stream_is_up(struct stream *s);                /* the process runs, or never will */
bool stream_is_finished(struct stream *s);          /* and all output was taken */
bool stream_has_room(struct stream *s);             /* true once, when the pump is to be kicked */
bool stream_input_full(struct stream *s);
void stream_put_input(struct stream *s, const void *bytes, size_t n);
void stream_close_input(struct stream *s);
void stream_resize(struct stream *s, uint16_t columns, uint16_t rows);
void stream_abandon(struct stream *s); /* the client is gone */

#endif
