/*
 * A command in a container -> a descriptor.
 *
 * One pods/exec WebSocket whose stdin and stdout are one end of a socket pair:
 * what is written there goes to channel 0, what comes on channel 1 is read
 * there. Channel 2 is kept (its last EXEC_STDERR_TAIL bytes), channel 3 is the
 * Status. The other end of the pair belongs to the net thread (net.h), which
 * always reads the network; so a user must always read the descriptor, and
 * bound what it asks for by its own protocol. Only with a terminal, which has
 * no such protocol, does the network wait for a slow user (stream_may_pause).
 *
 * The API server's Success is no proof of anything (KUBERNETES.md 1.5): carry
 * an end mark of your own.
 */
#ifndef SBX_KUBE_EXEC_H
#define SBX_KUBE_EXEC_H

#include "common/base/buf.h"
#include "common/base/duct.h"
#include "common/kube/net.h"
#include "common/kube/target.h"

#include <stdint.h>
#include <sys/types.h>

#define EXEC_STDERR_TAIL 4096

struct buf;
struct exec;

/*
 * ANY: v4 alone first, v5 where that is refused. SPDY: that first, for who has much to send (spdy.h); then as ANY.
 * Not with a terminal.
 */
enum exec_protocol { EXEC_ANY, EXEC_V4, EXEC_V5, EXEC_SPDY };

struct exec_spec {
	const char *ns, *pod, *container;
	const char *const *argv; /* NULL-ended */
	bool tty;
	enum exec_protocol protocol; /* forced by SBX_EXEC_PROTOCOL=v4|v5|spdy */
	/* NULL, or: true ends exec_open within 100 ms; set it atomically */
	const volatile bool *stop;
};

/* How it ended, as the API server says. */
struct exec_end {
	bool has_status; /* false: the stream just stopped (lost) */
	bool success;
	int exit_code; /* -1 when the Status tells none */
	/*
	 * 0: it ran and ended with exit_code; -EPIPE: lost, or closed from here; -ENOEXEC: no such
	 * program in the image, or it cannot be executed; -ENOTCONN: the container is not running;
	 * -ENOBUFS: the descriptor was not read and NET_BACKLOG_MAX bytes waited; -EBADMSG: the
	 * server broke the protocol; -EIO: another failure
	 */
	int rc;
	struct err err; /* the Status' message, escaped */
};

/*
 * Connects and upgrades; blocks until deadline_ms. The errno is status.h's: -EACCES (err names verb
 * and resource and what to ask for), -ENOENT no such Pod, -ENOTCONN the container is not running,
 * -ETIMEDOUT, -ECONNREFUSED...; -ECANCELED: stop; -E2BIG: argv is too long for a URL; -EINVAL: the
 * container is not in the Pod, or SBX_EXEC_PROTOCOL is unknown. Under v5 no such
 * program and no such container come later, from exec_wait. t may go after the call. After
 * net_close only exec_wait, exec_stderr and exec_close may follow.
 */
int exec_open(struct net *net, const struct kube_target *t, const struct exec_spec *spec,
	int64_t deadline_ms, struct exec **ret, struct err *err);

int exec_fd(const struct exec *x); /* borrowed; blocking */
/* The descriptor, now the caller's; closing it, or its write side, closes the stream. */
int exec_take_fd(struct exec *x);

/*
 * A duct beside the descriptor, without a terminal: for who has taken the descriptor, reads it on (its
 * end is the stream's) and shuts it down at the end. It may outlive x, but not be put to after net_close.
 */
struct duct *exec_duct(struct exec *x);

bool exec_is_v5(const struct exec *x);
int exec_resize(struct exec *x, uint16_t cols, uint16_t rows); /* tty only, else -ENOTTY */
int exec_eof(struct exec *x); /* closes stdin: v5 only, else -EOPNOTSUPP */

/*
 * Waits until the stream is over: the server's last byte has gone to the descriptor (so read it),
 * or nobody can read it any more. -ETIMEDOUT.
 */
int exec_wait(struct exec *x, int64_t deadline_ms, struct exec_end *ret);

/* What came on channel 2, escaped for a terminal, oldest cut; appends. */
void exec_stderr(struct exec *x, struct buf *ret);

/*
 * Closes the stream if it still stands, after what was written to it; frees. Takes NULL. At most a
 * second. The process in the container is not told; its stdin ends (KUBERNETES.md 1.10).
 */
void exec_close(struct exec *x);

#endif
