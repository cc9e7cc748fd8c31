/*
 * TEXT: bytes in a form that a shell's `read -r` and `printf %b` carry
 * unharmed (proto.h).
 */
#ifndef SBX_REMOTE_TEXT_H
#define SBX_REMOTE_TEXT_H

#include "common/base/buf.h"

/* The most bytes that n bytes can become. */
#define TEXT_BYTES(n) (5 * (n) + 1)

void text_escape(struct buf *ret, const void *bytes, size_t n);

/* -EBADMSG: a byte that should have been escaped, or a broken escape; -EMSGSIZE past ret->max. */
int text_unescape(struct buf *ret, const char *text, size_t n);

/* For a sentence at a line's end: what is no escape stands for itself. Never fails, cuts at
 * ret->max. */
void text_unescape_loosely(struct buf *ret, const char *text, size_t n);

#endif
