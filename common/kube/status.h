/*
 * HTTP status and Status objects -> errno and sentence. The only place that
 * invents errnos for the API server's words.
 *
 *	400 -EINVAL   401 -EACCES   403 -EACCES (quota: -EDQUOT)   404 -ENOENT   405 -EOPNOTSUPP
 *	409 -EEXIST (AlreadyExists) or -EBUSY (Conflict)   410 -ESTALE   413 -EMSGSIZE   422 -EINVAL
 *	429 -EAGAIN   500 -EIO   502 503 -EHOSTUNREACH   504 -ETIMEDOUT
 */
#ifndef SBX_KUBE_STATUS_H
#define SBX_KUBE_STATUS_H

#include "common/base/err.h"

#include <stddef.h>

/*
 * body: what came (JSON Status, plain text or HTML; may be empty). what: "create pod web in namespace
 * dev". err becomes: cannot <what>: <message, escaped> (HTTP 403); <what to do>. Returns the errno.
 */
int status_error(int http, const char *body, size_t n, const char *what, struct err *err);

#endif
