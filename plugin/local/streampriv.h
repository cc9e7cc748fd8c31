/*
 * The inside of a stream, for stream.c (queues) and pump.c (descriptors).
 */
#ifndef SBX_LOCAL_STREAMPRIV_H
#define SBX_LOCAL_STREAMPRIV_H

#include "plugin/local/stream.h"

enum stream_phase { STREAM_NEW, STREAM_STARTING, STREAM_RUNNING, STREAM_OVER };

/* What an epoll event points at. */
struct watched {
	struct stream *stream;
	int fd;      /* -1: none */
	bool polled; /* is in the epoll set */
	uint32_t want;
};

struct stream {
	int refs;
	struct stream_options o;
	void (*wake)(void *arg);
	void *wake_arg;

	pthread_mutex_t lock; /* the queues and flags up to the next gap */
	struct queue input;
	struct queue output;
	bool input_closed;
	bool started;
	bool finished;
	bool abandoned;
	bool resized;
	bool stalled; /* the pump reads no output until it is kicked */
	uint16_t columns, rows;

	/* the pump's only */
	enum stream_phase phase;
	int64_t begin_ms; /* a terminal waits until then for its size */
	struct watched in, out, err, runtime, process;
	pid_t runtime_pid, pid;
	bool input_dead;
	int exit_code;
	bool exited;
	struct exec *exec;     /* while it starts */
	struct attach *attach; /* instead of all that: only in and out are used */
	struct stream *next;
};

void stream_queue_output(struct stream *s, struct piece *p); /* takes */
bool stream_output_full(struct stream *s);
void stream_started(struct stream *s);
void stream_finish(struct stream *s, cJSON *takes_status); /* NULL: none is due */
struct piece *piece_new(void);

#endif
