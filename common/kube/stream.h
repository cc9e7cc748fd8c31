/*
 * One exec (or portforward) stream: an upgraded connection (dial.h) on one side, one end of a
 * socket pair on the other, and what moves bytes between them. net.c calls it
 * from its thread; exec.c asks and waits from others. Nothing else uses it.
 *
 * A stream has two owners, its struct exec and the net thread; the last
 * stream_unref frees it.
 */
#ifndef SBX_KUBE_STREAM_H
#define SBX_KUBE_STREAM_H

#include "common/kube/control.h"

struct delivery;
struct dial;
struct err;
struct stream;

struct stream_times {
	int ping_ms;      /* between pings */
	int keepalive_ms; /* between empty messages: a server's idle clock counts data only */
	int silence_ms;   /* nothing heard, pings out: lost */
	int stalled_ms;   /* the same when stdin went out since: the far process may just not read,
			     and   then the server answers no ping (KUBERNETES.md 1.9) */
	int grace_ms;     /* nothing more after the Status: over */
	int linger_ms; /* for the server's goodbye after ours; the longest an asked close takes */
};

extern const struct stream_times stream_times_default;

/* Takes d and fd. times: NULL for the default; borrowed. One reference, the caller's. */
struct stream *stream_new(struct dial *d, int fd, const struct stream_times *times);
/* On a new socket pair, of which the caller gets the user's end. Takes d, also on failure. */
int stream_pair(struct dial *d, struct stream **ret, int *ret_fd, struct err *err);
struct stream *stream_ref(struct stream *s);
void stream_unref(struct stream *s); /* takes NULL */

/*
 * Before it is posted: while STREAM_PAUSE_BYTES wait for the user, the network waits too, instead of an
 * end by NET_BACKLOG_MAX. For what has no flow control of its own, a terminal. No ping goes out meanwhile: its
 * answer could not be written, and would hold stdin up (KUBERNETES.md 1.9).
 */
#define STREAM_PAUSE_BYTES (256 * 1024)
void stream_may_pause(struct stream *s);

/* Before it is posted: it is a pods/portforward of this port (portchannel.h), no exec. What went wrong
 * there is the control's status. */
void stream_is_port(struct stream *s, uint16_t port);

/* The same; it is an exec over SPDY (spdy.h), not over a WebSocket. */
void stream_is_spdy(struct stream *s);

struct control *stream_control(struct stream *s); /* any thread; borrowed */

/* For a duct (duct.h): what comes on stdout goes to who taps it. Borrowed; of it only tap and untap. */
struct delivery *stream_delivery(struct stream *s);

/*
 * Any thread: bytes for stdin, sent on this thread as far as the network takes them. As duct_put; stuck:
 * the stream must be posted once, so that the net thread goes on with it.
 */
ssize_t stream_put(struct stream *s, const void *bytes, size_t n, bool *ret_stuck);

/* --- the net thread only --- */
enum stream_side { STREAM_NET, STREAM_USER };

/* What epoll's data points to. */
struct stream_watch {
	struct stream *stream;
	enum stream_side side;
	int fd;
	unsigned mask; /* in epoll now; 0: not in it */
};

void stream_serve(struct stream *s,
	int epoll_fd); /* after a post, first of all: begins, does what was asked */
void stream_ready(struct stream *s, enum stream_side side); /* after an event */
void stream_tick(struct stream *s);           /* pings and limits; at least once a second */
int64_t stream_due_ms(struct stream *s);      /* when the next tick has something to do */
bool stream_has_more(const struct stream *s); /* cut short for fairness: stream_ready again */
bool stream_is_gone(const struct stream *s);  /* over: forget it */
void stream_stop(struct stream *s);           /* over, now */

#endif
