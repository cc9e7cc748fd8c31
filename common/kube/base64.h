/* The URL alphabet of RFC 4648 base 64; the standard one is common/base/wire.h. */
#ifndef SBX_KUBE_BASE64_H
#define SBX_KUBE_BASE64_H

#include "common/base/buf.h"
#include "common/base/wire.h"

/*
 * "-" and "_", without padding: the parts of a JSON web token. n characters; appends.
 * -EINVAL: not base 64; -EMSGSIZE: ret is full.
 */
int base64url_decode(const char *text, size_t n, struct buf *ret);

#endif
