/*
 * One stream of a run through a mount: a thread that reads the mount and writes to a descriptor of
 * ours, or the other way.
 */
#ifndef SBX_PLUGIN_FOLDERSTREAM_H
#define SBX_PLUGIN_FOLDERSTREAM_H

#include "plugin/sink.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct folder_stream {
	int fd;                  /* the mount's; ours; -1: none */
	const struct sink *sink; /* of an output */
	int from;                /* of the input */
	uint64_t at;             /* bytes since the run's beginning that were taken */
	uint64_t until;          /* no more is wanted */
	int stop;                /* eventfd: the thread is to end */
	int bell;                /* eventfd: an output has ended or broken */
	bool running;            /* the thread */
	bool broken;             /* nobody reads what we write */
	pthread_t thread;
};

/* An output may be begun and ended at once, in the caller's thread. -errno of pthread_create. */
int folder_stream_out(struct folder_stream *s);
int folder_stream_in(struct folder_stream *s);

void folder_stream_end(
	struct folder_stream *s); /* once stop is rung; also when it was never begun */
void folder_stream_ring(int fd);

#endif
