/* Base 64, both alphabets of RFC 4648. */
#ifndef SBX_BASE_BASE64_H
#define SBX_BASE_BASE64_H

#include "common/base/buf.h"

/*
 * Appends what n characters of text say. With padding; CR and LF may stand anywhere in it, as in Go.
 * -EINVAL: not base 64; -EMSGSIZE: ret is full.
 */
int base64_decode(const char *text, size_t n, struct buf *ret);

/* "-" and "_", without padding: the parts of a JSON web token. */
int base64url_decode(const char *text, size_t n, struct buf *ret);

void base64_encode(const void *bytes, size_t n, struct buf *ret);

#endif
