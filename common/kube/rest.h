/*
 * REST: GET, LIST, WATCH, POST, PATCH, PUT, DELETE with a deadline.
 *
 * struct kube is one cluster as one program uses it: target plus a pool of
 * kept-alive connections (HTTP/2 where offered). Any thread.
 *
 * Errors: the errno is status.h's, err is a sentence made from the Status
 * object with what was tried in front. 429 and 5xx are retried only with
 * Retry-After, idempotent verbs also after a lost connection; 401 once with
 * renewed credentials.
 */
#ifndef SBX_KUBE_REST_H
#define SBX_KUBE_REST_H

#include "common/kube/target.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#define REST_BODY_MAX (64 * 1024 * 1024)

struct kube;

/* Takes t, also on failure. */
int kube_open(struct kube_target *t, struct kube **ret, struct err *err);
void kube_close(struct kube *k); /* no call may be running and no watch be open */
const struct kube_target *kube_target(const struct kube *k);

/*
 * Ends every call that runs or comes, on any thread, with -EINTR, within 200 ms; watches go on.
 * Safe in a signal handler. After kube_resume calls work again (to clean up behind an interrupted
 * verb).
 */
void kube_interrupt(struct kube *k);
void kube_resume(struct kube *k);

/* fn gets the text (escaped) of each "Warning: 299", on the call's thread. Set before calls. */
typedef void kube_warning(void *arg, const char *text);
void kube_on_warning(struct kube *k, kube_warning *fn, void *arg);

struct rest_request {
	const char *method; /* "GET", ... */
	const char *path;   /* "/api/v1/namespaces/x/pods", with query; build with rest_path */
	const char *content_type; /* NULL: application/json */
	const char *accept;       /* NULL: application/json */
	const cJSON *body;        /* or NULL; borrowed */
	const char *what; /* "list pods in namespace dev"; the sentence puts "cannot " before */
	int timeout_ms;   /* 0: --request-timeout, else 30 s; retries included */
};

/*
 * ret, ret_http may be NULL. *ret is the answer's JSON, now the caller's (cJSON_Delete), never NULL
 * on success. *ret_http: the last status, or 0 when no answer came; set on failure too. status.h's
 * errnos, and: -ECONNREFUSED, -EHOSTUNREACH, -EPROTO (TLS)... of easy.h; -ECONNRESET: lost on the
 * way, what it asked may have been done; -ETIMEDOUT; -EINTR; -ECANCELED: credentials did not come, so
 * a change was not asked for; -EMSGSIZE; -EBADMSG: not JSON; -EIO: 502 to a change, too.
 */
int rest_call(
	struct kube *k, const struct rest_request *rq, cJSON **ret, int *ret_http, struct err *err);

/* What was to be changed by a call that failed so may be changed all the same; else it is not. */
bool rest_unsure(int rc);

/*
 * Now, by the cluster's clock where it is known to differ from ours (by the answers so far): what
 * others read, and what gc goes by. ahead: how far it is ahead.
 */
int64_t kube_wall_ms(const struct kube *k);
int64_t kube_ahead_ms(const struct kube *k);

/* What one request has shown of the line to the API server. */
struct rest_line {
	int64_t took_us;            /* the whole exchange */
	int64_t connect_us, tls_us; /* until then; 0: the connection was there already */
	bool http2;
	int64_t date_ms; /* its clock (the Date header), since 1970; 0: not said */
	int64_t here_ms; /* ours, in the middle of the exchange */
};

/* rest_call of a GET, watched. *ret is the caller's; nothing is repeated. */
int rest_look(struct kube *k, const struct rest_request *rq, cJSON **ret, struct rest_line *line,
	struct err *err);

/* The proxy that leads there, without credentials; malloc'ed; NULL: none. */
char *kube_proxy(const struct kube_target *t);

/*
 * Raw text answer, for logs: chunks as they come, until the end (0), *stop (-EINTR; may be NULL),
 * or nothing came for rq->timeout_ms (-ETIMEDOUT; 0: 4 hours, the server's own limit). Not
 * repeated.
 */
typedef int rest_chunk(void *arg, const char *bytes, size_t n); /* not 0: stops, is the result */
int rest_stream(struct kube *k, const struct rest_request *rq, rest_chunk *chunk, void *arg,
	const volatile bool *stop, struct err *err);

/*
 * printf for paths, of %s, %d and %%: strings are percent-encoded as one segment or query value.
 * malloc'ed.
 */
char *rest_path(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- watch ---------------------------------------------------------------
 *
 * A watch that heals itself: it lists, then watches from there with bookmarks, resumes after a
 * clean end, relists after 410 (as an HTTP status or inside the stream), waits with jittered
 * back-off after errors. Runs on a thread of its own.
 */
struct watch;

struct watch_ops {
	/* after each list: everything that is there now (an array of objects; borrowed) */
	void (*listed)(void *arg, const cJSON *items);
	/* type: "ADDED", "MODIFIED", "DELETED"; borrowed object */
	void (*event)(void *arg, const char *type, const cJSON *object);
	/*
	 * state of the line: rc 0 healthy (after each list, and when a lost watch stands again),
	 * else the errno and sentence of what fails; may repeat, the next try comes by itself
	 */
	void (*health)(void *arg, int rc, const struct err *err);
};

/*
 * collection: path without query ("/api/v1/namespaces/x/pods"); selectors may be NULL; copied. ops
 * (copied) are called on the watch's thread, one at a time; any may be NULL. Never fails for the
 * cluster's sake: that comes to health.
 */
int watch_open(struct kube *k, const char *collection, const char *label_selector,
	const char *field_selector, const struct watch_ops *ops, void *arg, struct watch **ret,
	struct err *err);
void watch_close(struct watch *w); /* at most a second (more while a credential plugin runs); no
				      callback after it returns; not from a callback */

/*
 * One watch of one object until fn says stop: for waiting. Starts without resourceVersion (the
 * present state comes first as ADDED), or from rv. fn returns 0 to go on, 1 when content, or a
 * negative errno that is passed on with err. object is NULL (type "TICK") some five times a second, so
 * that fn can act on time. A lost or ended watch is opened again where it stopped; where that is
 * too old, the object is listed: it comes as ADDED again, or, if it is not there now, once as type
 * "GONE" with object NULL. -ETIMEDOUT at the deadline, -EINTR when *stop became true or
 * kube_interrupt; refusals (-EACCES...) and a server that was never reached end it at once.
 */
typedef int watch_until_fn(void *arg, const char *type, const cJSON *object, struct err *err);
int watch_until(struct kube *k, const char *collection, const char *field_selector, const char *rv,
	int64_t deadline_ms, const volatile bool *stop, watch_until_fn *fn, void *arg,
	struct err *err);

/* The same of all that have these labels, from the present state; "GONE" when there is none. */
int watch_until_labelled(struct kube *k, const char *collection, const char *label_selector,
	int64_t deadline_ms, const volatile bool *stop, watch_until_fn *fn, void *arg,
	struct err *err);

#endif
