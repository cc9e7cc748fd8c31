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

/*
 * GET path with Upgrade: websocket, offering protocols ("v4.channel.k8s.io" or a comma list).
 * 0: upgraded; dial_protocol() is what the server chose. A refusal is turned by status.h into errno
 * and sentence; *ret_http_status (may be NULL) tells the number, so that a 403 without a body (the
 * subprotocol is unknown there) or a 400 can be told from RBAC: *ret_no_body. 401 is retried once
 * with renewed credentials.
 */
int dial_open(const struct kube_target *t, const char *path, const char *protocols, int64_t deadline_ms,
	struct dial **ret, int *ret_http_status, bool *ret_no_body, struct err *err);
void dial_close(struct dial *d);

const char *dial_protocol(const struct dial *d);
int dial_fd(const struct dial *d); /* for epoll; recv until -EAGAIN before sleeping on it */

/* Bytes sent or got; 0 from recv is the end; -EAGAIN; else -errno. After -EAGAIN send the same bytes again. */
ssize_t dial_send(struct dial *d, const void *bytes, size_t n);
ssize_t dial_recv(struct dial *d, void *bytes, size_t n);

#endif
