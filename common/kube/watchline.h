/*
 * A watch's bytes -> lines -> events. Pure; every byte is foreign.
 *
 * A watch answers with JSON objects, one a line, {"type": ..., "object": ...} (KUBERNETES.md 3.1).
 * Lines come in any pieces and may be long.
 */
#ifndef SBX_KUBE_WATCHLINE_H
#define SBX_KUBE_WATCHLINE_H

#include "common/base/buf.h"

#include <cjson/cJSON.h>

#define WATCHLINE_MAX (16 * 1024 * 1024)

struct watchline {
	struct buf held; /* the line begun */
};

/* line is borrowed, without its newline, never blank. Non-zero stops the feeding and is passed on.
 */
typedef int watchline_fn(void *arg, const char *line, size_t n);

void watchline_init(struct watchline *w, size_t max_bytes);
void watchline_fini(struct watchline *w);
void watchline_reset(struct watchline *w); /* forgets the line begun */

/* 0, fn's answer, or -EMSGSIZE: a line longer than max_bytes; the stream is then of no more use. */
int watchline_feed(struct watchline *w, const char *bytes, size_t n, watchline_fn *fn, void *arg);

/* At the end of the stream: 0, or -EPIPE when it stopped inside a line. */
int watchline_end(const struct watchline *w);

enum watch_kind { WATCH_ADDED, WATCH_MODIFIED, WATCH_DELETED, WATCH_BOOKMARK, WATCH_ERROR };

struct watch_event {
	enum watch_kind kind;
	const char *type;    /* its name, static */
	cJSON *root;         /* owner of object */
	const cJSON *object; /* borrowed from root; a JSON object always */
	const char *rv;      /* the object's resourceVersion, borrowed; "" when it has none */
};

/* -EBADMSG: not JSON, no known type, no object. ret is then untouched. */
int watch_event_parse(const char *line, size_t n, struct watch_event *ret);
void watch_event_fini(struct watch_event *e);

#endif
