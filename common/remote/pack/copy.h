/*
 * The two sides of a copy, each on one end of a stream (pack.h).
 */
#ifndef SBX_PACK_COPY_H
#define SBX_PACK_COPY_H

#include "common/remote/pack/job.h"
#include "common/remote/pack/pipe.h"
#include "common/remote/pack/sys.h"

/* Sees what passes: each frame that the source, or the sink, has said. On the thread that does the copying, or a worker's. */
struct pack_watch {
	void (*source_says)(void *arg, uint8_t type, const uint8_t *data, size_t n);
	void (*sink_says)(void *arg, uint8_t type, const uint8_t *data, size_t n);
	void *arg;
};

struct pack_side {
	struct pack_pipe *pipe;
	struct pack_sys *sys;
	const struct pack_job *job;
	const struct pack_watch *watch; /* or NULL */
	const char *home; /* what relative paths are relative to, or NULL: where we stand */
	unsigned workers; /* of the sink: threads that write small files */
};

/*
 * 0: all that could be copied is, and the other side has said so; files that could not be are
 * told by FAIL frames (watch). else why the stream is over (pack_pipe_dead), or -EBADMSG.
 */
int pack_source(const struct pack_side *side);
int pack_sink(const struct pack_side *side);

/* An agent's side: reads the JOB, does it, waits for the stream's end. packs: as for pack_pipe_open. */
int pack_serve(
	int in, int out, bool packs, struct pack_sys *sys, const char *home, unsigned workers);

#endif
