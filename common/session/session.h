/*
 * A sandbox one can work with: the one meeting point of kube and remote.
 *
 * A session opens the exec stream at first use, starts the agent on it,
 * notices its end, reconnects with back-off, and decides: -EIO the stream was
 * lost under a request that must not be repeated, -ESTALE the handle is of an
 * older stream. Whoever watches the Pods says the rest by session_down:
 * -ENOTCONN the container does not run, -ESTALE it is another Pod by now.
 * Requests that are safe to repeat are repeated once on the new stream.
 *
 * Sends and runs never block: while there is no stream they wait in a queue
 * until their deadline. Completions run on a reader thread or on the session's
 * own thread; the rules of remote.h hold for them.
 */
#ifndef SBX_SESSION_SESSION_H
#define SBX_SESSION_SESSION_H

#include "common/kube/exec.h"
#include "common/remote/remote.h"

struct session;
struct gate;

/* Everything is copied. Either a Pod (net and target borrowed, must outlive the session) or
 * local_argv. */
struct session_spec {
	struct net *net;
	const struct kube_target *target;
	const char *ns, *pod, *container;
	const char *root; /* put before every path; NULL: "" */
	enum exec_protocol protocol;
	const char *const *local_argv; /* without target: a local far end; see hello_spawn */
	bool agent_sh;    /* agent.sh, not the static agent: nothing is left in the sandbox */
	bool agent_there; /* the static agent if it is there already, else agent.sh */
	struct gate *
		gate; /* shared by those that shall not all connect at once; borrowed as net; or NULL */
	bool one_stream; /* none for bulk data (bulk.h) */

	/*
	 * What changes in folders that were listed with watch. Watches are numbered across streams; when
	 * one is over, all its watches are: LOST with the number that those of later ones are above.
	 * As remote_changed; LOST on any thread. Not called any more once session_close has returned.
	 */
	remote_changed *changed;
	void *changed_arg;
};

int session_open(const struct session_spec *spec, struct session **ret);

/* Says bye, ends the stream and all that waits (-ENOTCONN). Blocks at most timeout_ms. Takes NULL.
 */
void session_close(struct session *s, int timeout_ms);

/*
 * As remote_send. rq->handle is one that this session gave (open), as is a copy's handle2, and what was written
 * to either before a copy must have been answered; after a reconnect old handles
 * give -ESTALE; a kept run's id is the sandbox's own and good on every stream. The deadline includes
 * connecting.
 */
void session_send(struct session *s, const struct remote_request *rq, int64_t deadline_ms,
	remote_done *done, void *arg);
int session_call(struct session *s, const struct remote_request *rq, int64_t deadline_ms,
	struct remote_reply *ret);

/* No more is to be told of it; one of an older stream is no matter. Any thread, never blocks. */
void session_unwatch(struct session *s, uint64_t watch);

/*
 * A handle for an open to come (its rq->handle), on which requests can be sent right behind it. It
 * is of the stream that there is now: -ESTALE for the open, too, when that is lost before. 0: there
 * is no stream, so the answer must be waited for.
 */
uint64_t session_handle(struct session *s);

/*
 * As remote_run; started on the stream when there is one, by start_deadline_ms (the spec's is ignored)
 * or ended with -ETIMEDOUT. ended tells -ENOTCONN and the like. A run whose stream is lost ends as
 * RUN_LOST, rc as for a request; a kept one goes on in the sandbox (kept_id, out and err_bytes say
 * where to attach). While it waits for the stream eof, kill, timeout, resize and leave are
 * remembered (0, or -ESRCH once it has failed); input and more give -EAGAIN, keep -ESRCH.
 */
struct session_run;
void session_run(struct session *s, const struct run_spec *spec, int64_t start_deadline_ms,
	const struct run_ops *ops, void *arg, struct session_run **ret);
int session_run_input(struct session_run *run, const void *bytes, size_t n);
int session_run_eof(struct session_run *run);
int session_run_more(struct session_run *run, int stream, size_t n);
int session_run_kill(struct session_run *run, const char *sig);
int session_run_timeout(struct session_run *run, int ms);
int session_run_resize(struct session_run *run, unsigned cols, unsigned rows);
int session_run_keep(struct session_run *run, uint32_t id);
int session_run_leave(struct session_run *run);
void session_run_unref(struct session_run *run);

/*
 * Connects if there is no stream and calls done (0, or why not) when it is known, as session_send's
 * completions are, within this call when there is one: for an open that must say at once whether
 * anything can be run.
 */
void session_ready(
	struct session *s, int64_t deadline_ms, void (*done)(void *arg, int rc), void *arg);

/* Wakes the connecting: the watch saw the container (re)start. */
void session_poke(struct session *s);

/* The container is gone or does not run: fails what waits with rc, and later sends at once, until
 * poked. */
void session_down(struct session *s, int rc);

/*
 * 0: connected, -EINPROGRESS: connecting or idle; else why the last attempt failed. err may be
 * NULL. Never blocks: for "opening cmd fails at once when the sandbox cannot run anything".
 */
int session_state(struct session *s, struct err *err);

/* What the far end said of itself: the most bytes of one read or write, and whom it runs as. */
struct session_far {
	size_t max;
	unsigned calls; /* requests in flight that it wants at most */
	bool peeks;     /* it can peek (OP_PEEK) */
	uint32_t uid, gid;
	uint32_t kept;  /* the highest id of a kept run when the stream was opened */
	bool keeps;     /* it can keep runs (OP_KEEP) */
	bool terminals; /* it can give a run a terminal */
	bool dials;     /* it can make connections (run_spec.port) */
	char cwd[4096]; /* the container's working directory */
};
int session_far(struct session *s, struct session_far *ret); /* -ENOTCONN without a stream */

/* One JSON object's members (no braces): "connected":true,"agent":"static","uid":0,... and
 * "agent_why" when it is agent.sh though the static one was wanted, or lacks something;
 * "bulk":true or false once a second stream was wanted, "bulk_why" when it cannot be had. Appends. */
void session_describe(struct session *s, struct buf *ret);

#endif
