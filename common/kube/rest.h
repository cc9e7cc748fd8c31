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
#include <stdint.h>

#define REST_BODY_MAX (64 * 1024 * 1024)

struct kube;

/* Takes t, also on failure. */
int kube_open(struct kube_target *t, struct kube **ret, struct err *err);
void kube_close(struct kube *k);
const struct kube_target *kube_target(const struct kube *k);

struct rest_request {
	const char *method;	  /* "GET", ... */
	const char *path;	  /* "/api/v1/namespaces/x/pods", with query; build with rest_path */
	const char *content_type; /* NULL: application/json */
	const char *accept;	  /* NULL: application/json */
	const cJSON *body;	  /* or NULL; borrowed */
	const char *what;	  /* "list pods in namespace dev": for the sentence; "cannot " is put before */
	int timeout_ms;		  /* 0: --request-timeout, else 30 s */
};

/* *ret (may be NULL) is the answer's JSON, now the caller's (cJSON_Delete). *ret_http: status or 0. */
int rest_call(struct kube *k, const struct rest_request *rq, cJSON **ret, int *ret_http, struct err *err);

/* Raw text answer, for logs: chunks as they come, until the end, stop() or the deadline of silence. */
typedef int rest_chunk(void *arg, const char *bytes, size_t n); /* non-zero stops */
int rest_stream(struct kube *k, const struct rest_request *rq, rest_chunk *chunk, void *arg,
	const volatile bool *stop, struct err *err);

/* printf for paths: %s arguments are percent-encoded as one segment or query value. malloc'ed. */
char *rest_path(const char *fmt, ...);

/* --- watch ---------------------------------------------------------------
 *
 * A watch that heals itself: it lists, then watches from there with bookmarks, resumes after a clean
 * end, relists after 410 (as an HTTP status or inside the stream), waits with jittered back-off after
 * errors. Runs on a thread of its own.
 */
struct watch;

struct watch_ops {
	/* after each list: everything that is there now (an array of objects; borrowed) */
	void (*listed)(void *arg, const cJSON *items);
	/* type: "ADDED", "MODIFIED", "DELETED"; borrowed object */
	void (*event)(void *arg, const char *type, const cJSON *object);
	/* state of the line: rc 0 healthy again, else the errno and sentence of what fails; may repeat */
	void (*health)(void *arg, int rc, const struct err *err);
};

/* collection: path without query ("/api/v1/namespaces/x/pods"); selectors may be NULL; copied. */
int watch_open(struct kube *k, const char *collection, const char *label_selector,
	const char *field_selector, const struct watch_ops *ops, void *arg, struct watch **ret, struct err *err);
void watch_close(struct watch *w); /* at most a second; no callback after it returns */

/*
 * One watch of one object until fn says stop: for waiting. Starts without resourceVersion (the present
 * state comes first as ADDED), or from rv. fn returns 0 to go on, 1 when content, or a negative errno
 * that is passed on with err. object is NULL (type "TICK") about once a second, so that fn can act on time.
 * -ETIMEDOUT at the deadline, -EINTR when *stop became true.
 */
typedef int watch_until_fn(void *arg, const char *type, const cJSON *object, struct err *err);
int watch_until(struct kube *k, const char *collection, const char *field_selector, const char *rv,
	int64_t deadline_ms, const volatile bool *stop, watch_until_fn *fn, void *arg, struct err *err);

#endif
