/*
 * Requests written, answers read (answer.h): proto.h in functions.
 */
#ifndef SBX_REMOTE_CODEC_H
#define SBX_REMOTE_CODEC_H

#include "common/remote/answer.h"
#include "common/remote/proto.h"
#include "common/remote/remote.h"
#include "common/remote/text.h"

/* What comes back as the content of an op's answer. */
enum content {
	CONTENT_NONE,
	CONTENT_ATTR,
	CONTENT_LIST,
	CONTENT_TARGET,
	CONTENT_BYTES,
	CONTENT_FILE, /* a RECORD, then bytes */
	CONTENT_KEPT
};

const char *op_name(enum remote_op op);             /* static */
enum remote_op op_find(const char *name, size_t n); /* OP_COUNT: unknown */
enum content op_content(enum remote_op op);
unsigned op_fields(enum remote_op op);      /* numbers of its `=` */
unsigned op_fields_more(enum remote_op op); /* that may follow them */

/*
 * One request with its body. ret is appended to and needs room for the whole.
 * -EINVAL: a path that is absent or not absolute, a number, stream or signal that cannot be;
 * -ENAMETOOLONG: past PROTO_LINE_MAX.
 */
int request_encode(struct buf *ret, uint32_t tag, const struct remote_request *rq, bool body_text);

/* A signal by name without SIG, as far as this side can tell. */
bool signal_name_ok(const char *sig);

/* The most bytes that request_encode makes of rq. */
size_t request_bytes(const struct remote_request *rq);

/* " N" LF and the n bytes: the end of any request with a body. */
void body_encode(struct buf *ret, const void *bytes, size_t n, bool body_text);

#endif
