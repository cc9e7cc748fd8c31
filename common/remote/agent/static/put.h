/*
 * Numbers and errnos as text, appended to a buf. (printf would be a quarter of the program.)
 */
#ifndef SBX_AGENT_PUT_H
#define SBX_AGENT_PUT_H

#include "common/base/buf.h"

void put_u64(struct buf *b, uint64_t v);
void put_i64(struct buf *b, int64_t v);
void put_hex(struct buf *b, uint64_t v);
void put_nine(struct buf *b, uint32_t v); /* exactly nine digits */
/* count of them with a space before each. */
void put_words(struct buf *b, const uint64_t *v, size_t count);

/* "ENOENT" for -ENOENT; "EIO" when it has no name here. Static. */
const char *put_errno(int rc);

/* "sh: WHAT: the errno's sentence" LF: a complaint as a shell's. */
void put_complaint(struct buf *b, const char *what, const char *why);

#endif
