/* watch_until: one watch of one object on the caller's thread, for waiting. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kube/json.h"
#include "common/kube/kube.h"
#include "common/kube/watchline.h"

#define TICK_MS      200
#define STEADY_MS    1000
#define LIST_MS      30000
#define SERVER_MAX_S 600 /* asked of the server for one watch */

struct until {
	struct kube *k;
	const char *collection, *label_selector, *field_selector;
	const char *what;
	int64_t deadline_ms;
	struct halt halt;
	watch_until_fn *fn;
	void *arg;
	struct err *err;

	char *rv; /* "" from the present state */
	struct watchline lines;
	struct backoff backoff;
	struct err refusal; /* of an ERROR event or an unreadable line */
	int refused;        /* its errno, or 0 */
	int verdict;        /* fn's word once it is not 0 */
	bool reached;       /* a watch was accepted once */
	bool moved;         /* something came in the present one */
	bool expired;       /* the present one said 410 */
};

static int ask(struct until *u, const char *type, const cJSON *object)
{
	if (u->verdict == 0)
		u->verdict = u->fn(u->arg, type, object, u->err);
	return u->verdict;
}

static int on_tick(void *arg)
{
	return ask(arg, "TICK", NULL) != 0;
}

static int on_begun(void *arg)
{
	struct until *u = arg;

	u->reached = true;
	return 0;
}

static void set_rv(struct until *u, const char *rv)
{
	char *old = u->rv;

	u->rv = xstrdup(rv);
	free(old);
}

static int on_line(void *arg, const char *line, size_t n)
{
	struct until *u = arg;
	struct watch_event e;

	u->refused = watch_event_parse(line, n, &e);
	if (u->refused < 0) {
		err_set(&u->refusal, u->refused, "an event of the watch cannot be read");
		return 1;
	}
	u->moved = true;
	if (e.kind == WATCH_ERROR)
		u->refused = watch_refused(e.object, u->what, &u->expired, &u->refusal);
	else if (*e.rv)
		set_rv(u, e.rv);
	if (e.kind < WATCH_BOOKMARK)
		ask(u, e.type, e.object);
	watch_event_fini(&e);
	return u->verdict != 0 || u->refused != 0;
}

static int on_bytes(void *arg, const char *bytes, size_t n)
{
	struct until *u = arg;
	int rc = watchline_feed(&u->lines, bytes, n, on_line, u);

	if (rc < 0)
		u->refused = err_set(&u->refusal, rc, "an event of the watch is too large");
	return rc != 0;
}

static bool out_of_time(const struct until *u)
{
	return deadline_passed(u->deadline_ms);
}

/* Waiting can cure: the server being away or busy. It cannot: what it refuses, and what never was
 * there. */
static bool hopeless(const struct until *u, int http, int rc)
{
	if (http == 0)
		return !u->reached && rc != -ECONNRESET;
	return http >= 400 && http < 500 && http != 408 && http != 410 && http != 429;
}

/* Waits, ticking. */
static int rest_a_while(struct until *u, int64_t wait_ms)
{
	int64_t until_ms = clock_now_ms() + wait_ms;

	if (until_ms > u->deadline_ms)
		until_ms = u->deadline_ms;
	while (deadline_left(until_ms) > 0) {
		int left = deadline_left(until_ms);

		if (halt_wait(&u->halt, left < TICK_MS ? left : TICK_MS) < 0)
			return err_set(u->err, -EINTR, "interrupted");
		if (left >= TICK_MS && on_tick(u))
			return 0;
	}
	return 0;
}

static void tell_all(struct until *u, const cJSON *list)
{
	const cJSON *item;

	set_rv(u, json_str(list, "metadata.resourceVersion", ""));
	if (cJSON_GetArraySize(json_at(list, "items")) == 0)
		ask(u, "GONE", NULL);
	cJSON_ArrayForEach (item, json_at(list, "items"))
		ask(u, "ADDED", item);
}

/* After 410: a deletion may have been missed, so the present state must be asked for, absence
 * included. */
static int list_anew(struct until *u, int *ret_http)
{
	auto_free char *path =
		watch_path(u->collection, u->label_selector, u->field_selector, NULL, 0);
	int left = deadline_left(u->deadline_ms);
	struct rest_request rq = {
		.method = "GET",
		.path = path,
		.what = u->what,
		.timeout_ms = left < LIST_MS ? left : LIST_MS,
	};
	cJSON *list = NULL;
	int rc = left ? rest_call_halt(u->k, &rq, &u->halt, &list, ret_http, u->err) : -ETIMEDOUT;

	if (rc == 0) {
		u->expired = false;
		tell_all(u, list);
	}
	cJSON_Delete(list);
	return rc;
}

static int follow(struct until *u, int *ret_http, int64_t *ret_retry_ms)
{
	int left_s = deadline_left(u->deadline_ms) / 1000 + 1;
	auto_free char *path = watch_path(u->collection, u->label_selector, u->field_selector,
		u->rv, left_s < SERVER_MAX_S ? left_s : SERVER_MAX_S);
	struct rest_follow f = {
		.path = path,
		.what = u->what,
		.chunk = on_bytes,
		.begun = on_begun,
		.tick = on_tick,
		.arg = u,
		.deadline_ms = u->deadline_ms,
		.silence_ms = WATCH_SILENCE_MS,
		.halt = u->halt,
	};
	int rc;

	watchline_reset(&u->lines);
	u->moved = false;
	u->refused = 0;
	rc = rest_follow(u->k, &f, u->err);
	*ret_http = f.http;
	*ret_retry_ms = f.retry_after_ms;
	u->expired = u->expired || f.expired;
	if (u->refused < 0 && u->verdict == 0 && u->err)
		*u->err = u->refusal;
	return u->refused < 0 ? u->refused : rc > 0 ? 0 : rc;
}

/* One list or watch to its end. 0: go on (or verdict is set); else what watch_until returns. */
static int turn(struct until *u)
{
	int64_t started = clock_now_ms(), retry_ms = -1, wait_ms;
	int http = 0, rc;

	rc = u->expired ? list_anew(u, &http) : follow(u, &http, &retry_ms);
	if (u->verdict != 0)
		return 0;
	if (rc == -EINTR)
		return rc;
	if (rc < 0 && hopeless(u, http, rc) && !out_of_time(u))
		return rc;
	if (rc == 0 && (u->moved || clock_now_ms() - started >= STEADY_MS)) {
		u->backoff.next_ms = 0;
		return 0;
	}
	wait_ms = backoff_next(&u->backoff);
	return rest_a_while(u, retry_ms > wait_ms ? retry_ms : wait_ms);
}

static void until_fini(struct until *u)
{
	free(u->rv);
	watchline_fini(&u->lines);
}

static int run_until(struct until *u, const volatile bool *stop, const char *rv)
{
	auto_free char *what = xprintf("watch %s", u->collection);
	int rc = 0;

	u->what = what;
	u->halt = kube_halt(u->k, stop);
	u->rv = xstrdup(rv ? rv : "");
	watchline_init(&u->lines, WATCHLINE_MAX);
	while (rc == 0 && u->verdict == 0) {
		if (out_of_time(u))
			rc = err_set(
				u->err, -ETIMEDOUT, "cannot %s any longer: the time is up", what);
		else
			rc = turn(u);
	}
	until_fini(u);
	return u->verdict < 0 ? u->verdict : rc;
}

int watch_until(struct kube *k, const char *collection, const char *field_selector, const char *rv,
	int64_t deadline_ms, const volatile bool *stop, watch_until_fn *fn, void *arg,
	struct err *err)
{
	struct until u = {
		.k = k,
		.collection = collection,
		.field_selector = field_selector,
		.deadline_ms = deadline_ms,
		.fn = fn,
		.arg = arg,
		.err = err,
	};

	return run_until(&u, stop, rv);
}

int watch_until_labelled(struct kube *k, const char *collection, const char *label_selector,
	int64_t deadline_ms, const volatile bool *stop, watch_until_fn *fn, void *arg,
	struct err *err)
{
	struct until u = {
		.k = k,
		.collection = collection,
		.label_selector = label_selector,
		.deadline_ms = deadline_ms,
		.fn = fn,
		.arg = arg,
		.err = err,
	};

	return run_until(&u, stop, NULL);
}
