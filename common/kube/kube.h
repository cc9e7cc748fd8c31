/*
 * struct kube, for the files of common/kube alone. Everyone else: rest.h.
 */
#ifndef SBX_KUBE_KUBE_H
#define SBX_KUBE_KUBE_H

#include "common/kube/http.h"
#include "common/kube/rest.h"

struct kube {
	struct kube_target *target;
	struct http *http;
	volatile bool interrupted; /* by __atomic; set in signal handlers */
	int wake_fd;               /* eventfd, readable while interrupted */
	kube_warning *warning;     /* set before calls */
	void *warning_arg;
};

/* Halts that go with k: kube_interrupt, and *stop (may be NULL). */
struct halt kube_halt(const struct kube *k, const volatile bool *stop);

/* rest_call with halts of one's own: for watches, which kube_interrupt does not end. */
int rest_call_halt(struct kube *k, const struct rest_request *rq, const struct halt *halt,
	cJSON **ret, int *ret_http, struct err *err);

/* One GET whose 2xx body goes to chunk. A refusal becomes errno and sentence. *ret_retry_ms:
 * Retry-After or -1. */
struct rest_follow {
	const char *path, *accept, *what;
	http_chunk *chunk;
	http_tick *begun;
	http_tick *tick;
	void *arg;
	int64_t deadline_ms;
	int silence_ms;
	struct halt halt;
	int http;               /* out */
	int64_t retry_after_ms; /* out; -1 */
	bool expired;           /* out: 410, list again */
};
int rest_follow(struct kube *k, struct rest_follow *f, struct err *err);

/* Path of a watch, or of a list (rv NULL). Selectors may be NULL; rv "": from the present state.
 * malloc'ed. */
char *watch_path(const char *collection, const char *label_selector, const char *field_selector,
	const char *rv, int timeout_s);

/* What an ERROR event's object says: -ESTALE and *ret_expired, or status.h's errno; sentence in
 * err. */
int watch_refused(const cJSON *object, const char *what, bool *ret_expired, struct err *err);

#define WATCH_SILENCE_MS 300000 /* bookmarks come about every minute; longer is a dead line */

/* Jittered exponential waits, 0.2 to 10 s. */
struct backoff {
	int next_ms; /* 0 at the start and after a success */
};
int backoff_next(struct backoff *b); /* ms to wait now */

#endif
