/*
 * Answers read.
 *
 * This and record.c are where bytes of a far end are judged; what comes out
 * is safe to compute with. The far end's errnos become ours here.
 */
#ifndef SBX_REMOTE_ANSWER_H
#define SBX_REMOTE_ANSWER_H

#include "common/remote/proto.h"
#include "common/remote/remote.h"
#include "common/remote/text.h"

/* One line of an answer. kind is its first byte: d = ! s o e i c */
struct answer {
	char kind;
	uint32_t tag;     /* c: the watch */
	uint64_t n;       /* d o e c: bytes that follow; i: credit; s: the process id */
	uint32_t id;      /* s: of the kept run, or 0 */
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
/* From least to most of them: how many there were. -EBADMSG. */
int answer_numbers_from(const struct answer *a, uint64_t *ret, size_t least, size_t most);

/* What a run's `=` says; kept: with the bytes that were dropped. RUN_KEPT either way. -EBADMSG. */
int answer_run_end(const struct answer *a, bool kept, struct run_end *ret);

/* By its word, if code fits it; running only where it may be. -EBADMSG. */
int run_state_find(const char *word, size_t n, uint64_t code, bool running, enum run_state *ret);

/* The sentence of a `!`, safe to show. */
void answer_sentence(const struct answer *a, struct err *ret);

/*
 * Answers out of a stream in any split. line() gets each line, piece() the
 * bytes behind a d, o, e or c as they come, in one or many parts.
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
