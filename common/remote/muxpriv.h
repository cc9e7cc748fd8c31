/*
 * What mux.c, muxin.c and muxout.c share. Nobody else includes it.
 */
#ifndef SBX_REMOTE_MUXPRIV_H
#define SBX_REMOTE_MUXPRIV_H

#include "common/remote/calls.h"
#include "common/remote/mux.h"
#include "common/remote/outq.h"
#include "common/remote/pulse.h"

#include <pthread.h>

/*
 * Each message on an exec stream costs some 200 us of two machines' time at five programs' hands. So
 * while answers are due anyway requests wait for each other, to go as one message: until the next
 * answers are here, or so long. It is far below what a network adds.
 */
#define HOLD_NS     (100 * 1000)
#define BATCHES_MAX 2 /* messages whose answers are due */
/* What nobody waits for (call.patient) goes with the next that somebody does, or after so long. */
#define PATIENCE_NS (2 * 1000 * 1000)

/*
 * Order of locks: turn, write_lock, then lock. Only who has the turn takes a call
 * out of the table, so what it has found there stays while it works on it: the
 * reader thread, and with a duct the thread that receives.
 */
struct mux {
	int fd, wake_fd;
	pthread_t reader;
	bool ended; /* it was joined: of who closes alone */
	pthread_mutex_t
		turn;      /* held through the callbacks; never waited for with another lock held */
	pthread_t turn_by; /* atomic; 0: nobody */
	struct answers answers;
	struct buf told;                          /* of the `c` that is coming */
	bool answered;                            /* what was read last is more than that */
	_Atomic(struct remote_traffic *) traffic; /* or NULL */

	pthread_mutex_t write_lock; /* not held while something is sent */
	struct outq out;
	bool room;      /* the stream has some again, and nobody was there to use it */
	bool hurried;   /* not all that is queued is patient */
	int64_t due_ns; /* the reader thread sends what is queued then; 0: it need not */
	bool in_turn;   /* its end sends what is queued */

	pthread_mutex_t lock; /* all below, and every struct call here */
	struct calls calls;
	int dead;            /* 0, or what every call returns from now on */
	bool refusing, over; /* bye was sent; all were told of the death */
	struct pulse pulse;
	void (*death_fn)(void *arg, int rc);
	void *death_arg;
	mux_told *told_fn;
	void *told_arg;
};

void mux_kick(struct mux *m); /* wakes the reader thread */
void mux_counted(struct mux *m, bool out, ssize_t n);

/* --- muxout.c; write_lock held, and let go of while something is sent --- */

/* Room was asked for before. True: it was sent at once, or shall not wait for others. */
bool mux_put(struct mux *m, const struct buf *frame, bool patient);

/*
 * The calls whose turn it is: the order of the table is the order of the frames. True: something was
 * sent, and who came meanwhile relies on this thread.
 */
bool mux_pump(struct mux *m);
void mux_send_all(struct mux *m); /* that, and all that is queued, as far as the stream takes it */
/* What is queued goes with what comes next, or after so long. */
void mux_hold(struct mux *m, int64_t ns);
bool mux_held(struct mux *m, int64_t *ret_left_ns); /* until then; any thread, without the lock */

/* --- muxin.c ----------------------------------------------------------- */

/* Who has it gives out answers. At its end goes what they have led to. */
void mux_take_turn(struct mux *m);
void mux_end_turn(struct mux *m);

int mux_feed(struct mux *m, const void *bytes, size_t n); /* in a turn, or before there are calls */
/* What the stream has, in a turn of its own; bytes: room for max. -EPIPE: it has ended. */
int mux_read(struct mux *m, char *bytes, size_t max);

#endif
