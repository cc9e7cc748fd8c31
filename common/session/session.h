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

/* Everything is copied. Either a Pod (net and target borrowed, must outlive the session) or
 * local_argv. */
struct session_spec {
	struct net *net;
	const struct kube_target *target;
	const char *ns, *pod, *container;
	const char *root; /* put before every path; NULL: "" */
	enum exec_protocol protocol;
	const char *const *local_argv; /* without target: a local far end; see hello_spawn */
};

int session_open(const struct session_spec *spec, struct session **ret);

/* Says bye, ends the stream and all that waits (-ENOTCONN). Blocks at most timeout_ms. Takes NULL.
 */
void session_close(struct session *s, int timeout_ms);

/*
 * As remote_send. rq->handle is one that this session gave (open); after a reconnect old handles
 * give -ESTALE. The deadline includes connecting.
 */
void session_send(struct session *s, const struct remote_request *rq, int64_t deadline_ms,
	remote_done *done, void *arg);
int session_call(struct session *s, const struct remote_request *rq, int64_t deadline_ms,
	struct remote_reply *ret);

/*
 * As remote_run; started on the stream when there is one. ended tells -ENOTCONN and the like. A run
 * whose stream is lost ends as RUN_LOST.
 */
struct session_run;
void session_run(struct session *s, const struct run_spec *spec, int64_t start_deadline_ms,
	const struct run_ops *ops, void *arg, struct session_run **ret);
int session_run_input(struct session_run *run, const void *bytes, size_t n);
int session_run_eof(struct session_run *run);
int session_run_more(struct session_run *run, int stream, size_t n);
int session_run_kill(struct session_run *run, const char *sig);
void session_run_unref(struct session_run *run);

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
	uint32_t uid, gid;
};
int session_far(struct session *s, struct session_far *ret); /* -ENOTCONN without a stream */

/* One JSON object's members (no braces): "connected":true,"agent":"sh","uid":0,"streams":1,...
 * Appends. */
void session_describe(struct session *s, struct buf *ret);

#endif
