/*
 * A run as run.c, start.c and orders.c share it; its calls are declared in
 * remote.h. Nobody else includes this, tests excepted.
 *
 * start.c writes the request, run.c judges what the peer says, orders.c is
 * what this side says to it meanwhile; dial.c is where a connection differs.
 */
#ifndef SBX_REMOTE_RUN_H
#define SBX_REMOTE_RUN_H

#include "common/remote/inside.h"

#define RUN_START_MS 60000 /* without a deadline of the caller's: a peer does not want to by then */
#define RUN_SLACK_MS                                                                               \
	15000 /* beyond timeout_ms, until this side stops believing in the peer's clock */
#define RUN_USER_MAX 255

enum keeping {
	KEEPING_NOT,
	KEEPING_ASKED,   /* no answer yet */
	KEEPING_DONE,    /* it ends with RUN_KEPT, and not otherwise */
	KEEPING_UNKNOWN, /* no answer in time: either may come */
};

/*
 * References: the caller's, and one for each call that the mux has.
 * The reader thread sets ended under lock, and whoever sends holds lock: so
 * the remote is there for as long as ended is false.
 */
struct run {
	struct call call;    /* first; its tag is the run's id */
	struct call env;     /* goes before it, when there is one */
	struct call keeping; /* run_keep's, while keep is KEEPING_ASKED */
	struct remote *remote;
	struct run_ops ops;
	void *arg;
	uint32_t keep, attach; /* as in the spec */
	bool wants_stdin, terminal;
	unsigned wants;   /* RUN_WANTS_* */
	uint16_t port;    /* of a connection (dial.c); else 0 */
	bool shut;        /* the reader's: no more comes on it */
	uint64_t from[2]; /* the first byte of each output */
	uint64_t got[2];  /* the reader's: bytes of each output */

	pthread_mutex_t lock; /* all below; before the mux's */
	unsigned refs;
	bool started, ended, eof;
	int env_rc;
	uint64_t allowed[2]; /* bytes of each output that may have come */
	uint64_t credit;     /* bytes that run_input may take */
	uint64_t gave;       /* bytes that it took */
	uint32_t kept_id;    /* 0: it is not kept */
	enum keeping keep_state;
	uint32_t keep_id; /* what run_keep asked for */
	int timeout_ms;

	/* To be said when it has started. */
	char signal[16];
	bool timeout_said, left;
	unsigned cols, rows; /* 0: none */
};

/* run->lock held, and the run has started: what was asked before that. */
void run_say_early(struct run *run);

/* run->lock held. A run that this side has given up shall not go on unseen. */
void run_give_up(struct run *run);

/* run->lock held. KILL stays over other signals that wait for the start. */
int run_signal(struct run *run, const char *sig);

/* run->lock held, started: until when this side believes in it. INT64_MAX for a kept one. */
int64_t run_end_deadline(const struct run *run);

extern const struct call_ops run_call_ops; /* the run itself */
extern const struct call_ops run_env_ops;

/* --- dial.c: the run is a connection --- */

int dial_encode(struct run *run, const struct run_spec *spec);
/* -EBADMSG: not in its place. */
int dial_check_piece(struct run *run, const struct answer *a);
/* What its `=` says. */
int dial_end_of(struct run *run, const struct answer *a, struct run_end *end);

/* The last call of all. Completes, and lets go of what the mux had. */
void run_finish(struct run *run, struct run_end *end);

#endif
