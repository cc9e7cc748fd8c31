/*
 * A raw, encrypted connection to the API server that has been upgraded to a
 * WebSocket: libcurl CONNECT_ONLY for DNS, proxies, TLS and credentials; the
 * HTTP/1.1 upgrade is ours, so that a refusal's body can be read.
 *
 * dial_open blocks (a connect worker's or the caller's thread); afterwards all
 * calls are non-blocking and belong to one thread at a time.
 */
#ifndef SBX_KUBE_DIAL_H
#define SBX_KUBE_DIAL_H

#include "common/kube/target.h"

#include <stdint.h>
#include <sys/types.h>

struct dial;

struct dial_ask {
	const char *path;      /* "/api/v1/...?...", put behind the server's prefix */
	const char *protocols; /* "v4.channel.k8s.io", or a comma list */
	const char *what;      /* for status.h: "run a command in pod web of namespace dev" */
	const volatile bool
		*stop; /* NULL, or: true ends the wait within 100 ms; written atomically */
};

struct dial_refusal {
	int http;     /* 0: it did not come to an HTTP answer */
	bool no_body; /* a 403 so: the subprotocol is unknown there (KUBERNETES.md 1.5) */
};

/*
 * GET with Upgrade: websocket. 0: upgraded; dial_protocol() is what the server chose. A refusal is
 * turned by status.h into errno and sentence; *ret_refusal (may be NULL) is set on every failure.
 * 401 is retried once with renewed credentials. Else easy.h's errnos, -ETIMEDOUT, -ECANCELED
 * (stop), -EBADMSG (no WebSocket server), -EMSGSIZE (its answer is too large). t may go after it.
 */
int dial_open(const struct kube_target *t, const struct dial_ask *ask, int64_t deadline_ms,
	struct dial **ret, struct dial_refusal *ret_refusal, struct err *err);
void dial_close(struct dial *d); /* takes NULL; sends TLS's goodbye if that takes no waiting */

const char *dial_protocol(const struct dial *d);
int dial_fd(const struct dial
		*d); /* for epoll; sleep on it only after -EAGAIN, or without dial_has_more */

/* Bytes sent or got; 0 from recv is the end; -EAGAIN; else -errno. After -EAGAIN send the same
 * bytes again. */
ssize_t dial_send(struct dial *d, const void *bytes, size_t n);
ssize_t dial_recv(struct dial *d, void *bytes, size_t n);

/* Bytes may be here already that dial_fd does not tell of. */
bool dial_has_more(const struct dial *d);

#endif
