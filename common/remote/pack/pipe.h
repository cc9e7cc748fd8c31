/*
 * Frames (pack.h) over two descriptors: checks, credit, and two threads, so that reading, working and
 * writing go on at the same time.
 *
 * What comes is taken off the descriptor as it comes, at most PACK_WINDOW ahead of its user, whatever
 * the user is doing: so nothing on the way ever waits for a slow disk. What goes is gathered, so that
 * many small frames are one write.
 */
#ifndef SBX_PACK_PIPE_H
#define SBX_PACK_PIPE_H

#include "common/remote/pack/pack.h"

#include <pthread.h>

struct pack_block;

struct pack_frame {
	uint8_t type;
	const uint8_t *data; /* until pack_pipe_release */
	size_t n;
	struct pack_block *block;
};

struct pack_pipe;

/*
 * in and out (may be the same) are borrowed, and made non-blocking. packs: what goes is packed where that
 * shrinks it; not for a way that costs nothing. -EAGAIN: no thread.
 */
int pack_pipe_open(int in, int out, bool packs, struct pack_pipe **ret);

/* Ends the threads; what was not flushed may not have gone. Takes NULL. */
void pack_pipe_close(struct pack_pipe *p);

/* Any thread: everything that waits, now or later, gives rc. The first reason counts. */
void pack_pipe_break(struct pack_pipe *p, int rc);

/* 0, or why it is over: -EPIPE the stream ended, -ETIMEDOUT silence, -EBADMSG the peer broke it. */
int pack_pipe_dead(struct pack_pipe *p);

/*
 * The next frame but ACK and BEAT, in order; 1, 0: none (without wait), or why it is over: not before
 * all that came is taken. One thread.
 */
int pack_pipe_next(struct pack_pipe *p, bool wait, struct pack_frame *ret);

/* It is consumed: credit for the peer. Any thread, each frame once. */
void pack_pipe_release(struct pack_pipe *p, const struct pack_frame *f);

/* Any thread; copies. Waits for credit. 0, or why it is over. */
int pack_pipe_send(struct pack_pipe *p, uint8_t type, const void *bytes, size_t n);

/*
 * The same without a copy: room for a payload of up to max bytes, which commit then sends as type with n
 * of them (n may be 0 bytes and type 0: nothing is sent). Only for a user whose one thread does all
 * the sending and releasing. *ret NULL and 0: a frame has come meanwhile, take it first.
 */
int pack_pipe_room(struct pack_pipe *p, size_t max, uint8_t **ret);
void pack_pipe_commit(struct pack_pipe *p, uint8_t type, size_t n);

/* What was sent goes out now, not with what comes after it. */
void pack_pipe_flush(struct pack_pipe *p);

/* Waits until all that was sent has left this process. 0 or why it is over. */
int pack_pipe_drain(struct pack_pipe *p);

#endif
