/*
 * Requests written, answers read: proto.h in functions.
 *
 * This and record.c are where bytes of a far end are judged; what comes out
 * is safe to compute with. The far end's errnos become ours here.
 */
#ifndef SBX_REMOTE_CODEC_H
#define SBX_REMOTE_CODEC_H

#include "common/remote/proto.h"
#include "common/remote/remote.h"
#include "common/remote/text.h"

/* --- requests ----------------------------------------------------------- */

/* What comes back as the content of an op's answer. */
enum content { CONTENT_NONE, CONTENT_ATTR, CONTENT_LIST, CONTENT_TARGET, CONTENT_BYTES };

const char *op_name(enum remote_op op);             /* static */
enum remote_op op_find(const char *name, size_t n); /* OP_COUNT: unknown */
enum content op_content(enum remote_op op);
unsigned op_fields(enum remote_op op); /* numbers of its `=` */

/*
 * One request with its body. ret is appended to and needs room for the whole.
 * -EINVAL: a path that is absent or not absolute, a number out of range;
 * -ENAMETOOLONG: past PROTO_LINE_MAX.
 */
int request_encode(struct buf *ret, uint32_t tag, const struct remote_request *rq, bool body_text);

/* The most bytes that request_encode makes of rq. */
size_t request_bytes(const struct remote_request *rq);

/* " N" LF and the n bytes: the end of any request with a body. */
void body_encode(struct buf *ret, const void *bytes, size_t n, bool body_text);

/* --- answers ------------------------------------------------------------ */

/* One line of an answer. kind is its first byte: d = ! s o e i */
struct answer {
	char kind;
	uint32_t tag;
	uint64_t n;       /* d o e: bytes that follow; i: credit; s: the process id */
	int rc;           /* !: negative */
	const char *text; /* =: the fields; !: the sentence, as sent. Borrowed */
	size_t text_n;
};

/* line without its LF. -EBADMSG. */
int answer_parse(const char *line, size_t n, struct answer *ret);

/* The inverse (with LF): parses to the same again. For tests and traces. */
void answer_print(struct buf *ret, const struct answer *a);

/* Exactly count numbers, each at most INT64_MAX. -EBADMSG. */
int answer_numbers(const struct answer *a, uint64_t *ret, size_t count);

/* STATE CODE OUT ERR of a run's `=`. -EBADMSG. */
int answer_run_end(const struct answer *a, struct run_end *ret);

/* The sentence of a `!`, safe to show. */
void answer_sentence(const struct answer *a, struct err *ret);

/*
 * Answers out of a stream in any split. line() gets each line, piece() the
 * bytes behind a d, o or e as they come, in one or many parts.
 */
struct answer_sink {
	int (*line)(void *arg, const struct answer *a);
	int (*piece)(void *arg, const struct answer *a, const void *bytes, size_t n);
	void *arg;
};

struct answers {
	struct buf part;   /* of a line whose LF is still to come */
	struct answer now; /* whose bytes are coming */
	uint64_t left;     /* of them */
};

void answers_init(struct answers *s);
void answers_fini(struct answers *s);
/* -EBADMSG, or what the sink said; nothing may be fed after that. */
int answers_feed(struct answers *s, const void *bytes, size_t n, const struct answer_sink *sink);

#endif
