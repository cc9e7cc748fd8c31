/*
 * One HTTP request and its answer, without the network: server.c fills the
 * one and sends the other, api.c and its helpers turn one into the other.
 */
#ifndef SBX_LOCAL_CALL_H
#define SBX_LOCAL_CALL_H

#include "plugin/local/json.h"

#define CALL_BODY_MAX   (3u << 20)
#define CALL_ARGS_MAX   128
#define ANSWER_BODY_MAX (256u << 20)

struct call {
	char method[12];
	char *path;                /* decoded, without the query */
	char *args[CALL_ARGS_MAX]; /* "key=value", decoded */
	size_t n_args;
	char *accept;
	char *content_type;
	char *user_agent;
	char *authorization;
	struct buf body;
};

void call_init(struct call *c);
void call_fini(struct call *c);
void call_add_arg(struct call *c, const char *arg); /* beyond CALL_ARGS_MAX they are left out */

/* The first value of key, or NULL. Borrowed. */
const char *call_arg(const struct call *c, const char *key);
/* The nth (from 0) value of key, or NULL. */
const char *call_arg_nth(const struct call *c, const char *key, size_t n);
/* As Kubernetes reads booleans: absent, "0" and "false" are no, all else is yes. */
bool call_flag(const struct call *c, const char *key);
/* -ENOENT: absent; -EINVAL: no number. */
int call_number(const struct call *c, const char *key, uint64_t max, uint64_t *ret);

/*
 * A body that goes on. next appends what there is now (some 64 KiB at most at a time):
 * 1 something was appended, 0 nothing for now, -EPIPE the end. wait_ms: ask again after so long
 * even without a wake-up.
 */
struct source {
	int (*next)(struct source *s, struct buf *out);
	void (*close)(struct source *s);
	int wait_ms;
};

struct answer {
	int code;
	const char *type; /* "application/json"; static */
	struct buf body;
	struct source *source; /* or NULL; the body comes from it, chunked */
};

void answer_init(struct answer *a);
void answer_fini(struct answer *a);
void answer_json(struct answer *a, int code, cJSON *takes);
void answer_status(struct answer *a, cJSON *takes); /* with the code that is in it */

#endif
