/*
 * HTTP status and Status objects -> errno and sentence. The only place that
 * invents errnos for the API server's words. Pure: bytes in, a sentence out.
 *
 *	400 -EINVAL   401 -EACCES   403 -EACCES (quota: -EDQUOT)   404 -ENOENT   405 -EOPNOTSUPP
 *	408 -ETIMEDOUT   409 -EEXIST (AlreadyExists) or -EBUSY (Conflict)   410 -ESTALE
 *	413 -EMSGSIZE   415 -EINVAL   422 -EINVAL   429 -EAGAIN
 *	500 -EIO   502 503 -EHOSTUNREACH   504 -ETIMEDOUT   other 4xx -EINVAL, other -EIO
 */
#ifndef SBX_KUBE_STATUS_H
#define SBX_KUBE_STATUS_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * body: what came (JSON Status, plain text or HTML; may be empty; any bytes are safe). what:
 * "create pod web in namespace dev". err becomes: cannot <what>: <message, escaped, at most 600
 * bytes> (HTTP 403); <what to do>. Returns the errno.
 */
int status_error(int http, const char *body, size_t n, const char *what, struct err *err);

/*
 * Too old a resourceVersion, said as 410 or as a Status (KUBERNETES.md 3.1): list again. body as
 * above; a watch's ERROR event has http 0 and its object as body.
 */
bool status_is_expired(int http, const char *body, size_t n);

#endif
