/*
 * The watch that heals itself, on its own thread.
 *
 * Two states: without a resourceVersion it lists, with one it follows. 410 throws the version away;
 * nothing else does, except an object that cannot be read three times running. The thread alone
 * touches struct watch but for `stop`.
 */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kube/json.h"
#include "common/kube/kube.h"
#include "common/kube/status.h"
#include "common/kube/watchline.h"

#include <signal.h>
#include <sys/eventfd.h>

#define FOLLOW_MIN_S                                                                               \
	300 /* asked of the server, plus a random half: watches don't all end at once */
#define FOLLOW_GRACE_MS 60000
#define STEADY_MS       1000 /* a watch that lived so long is resumed at once */
#define POISONED_AFTER  3    /* failures in a row, then the list is taken anew */

struct watch {
	struct kube *k; /* borrowed */
	char *collection, *label_selector, *field_selector;
	struct watch_ops ops;
	void *arg;
	pthread_t thread;
	volatile bool stop; /* by __atomic */
	int wake_fd;        /* readable with stop */

	char *rv;   /* NULL: list first */
	char *what; /* for sentences */
	struct watchline lines;
	struct backoff backoff;
	int failures;     /* in a row */
	bool ill;         /* health has been told so */
	bool begun;       /* the present watch was accepted */
	bool moved;       /* an event came in it */
	bool expired;     /* it said 410 */
	struct err error; /* of an ERROR event or unreadable line */
};

char *watch_path(const char *collection, const char *label_selector, const char *field_selector,
	const char *rv, int timeout_s)
{
	auto_free char *label =
		rest_path("&labelSelector=%s", label_selector ? label_selector : "");
	auto_free char *field =
		rest_path("&fieldSelector=%s", field_selector ? field_selector : "");
	auto_free char *from = rest_path("&resourceVersion=%s", rv ? rv : "");
	auto_free char *watch =
		rest_path("watch=true&allowWatchBookmarks=true&timeoutSeconds=%d", timeout_s);

	return xprintf("%s?%s%s%s%s", collection, rv ? watch : "limit=0",
		label_selector ? label : "", field_selector ? field : "", rv && *rv ? from : "");
}

int watch_refused(const cJSON *object, const char *what, bool *ret_expired, struct err *err)
{
	auto_free char *text = cJSON_PrintUnformatted(object);
	int http = json_int(object, "code", 500);

	*ret_expired = status_is_expired(0, text, strlen(text));
	return status_error(*ret_expired ? 410 : http, text, strlen(text), what, err);
}

static struct halt halt_of(const struct watch *w)
{
	return (struct halt){ .flag = { &w->stop }, .fd = { w->wake_fd, -1 } };
}

static bool stopping(const struct watch *w)
{
	return __atomic_load_n(&w->stop, __ATOMIC_ACQUIRE);
}

static void set_rv(struct watch *w, const char *rv)
{
	char *old = w->rv;

	w->rv = xstrdup(rv);
	free(old);
}

static void tell_healthy(struct watch *w)
{
	w->ill = false;
	if (w->ops.health)
		w->ops.health(w->arg, 0, NULL);
}

static void tell_ill(struct watch *w, int rc, const struct err *err)
{
	trace(WATCH, "%s: %s", w->collection, err_text(err, rc));
	w->ill = true;
	if (w->ops.health)
		w->ops.health(w->arg, rc, err);
}

static void take_list(struct watch *w, const cJSON *list)
{
	set_rv(w, json_str(list, "metadata.resourceVersion", ""));
	trace(WATCH, "%s: listed at %s", w->collection, w->rv);
	if (w->ops.listed)
		w->ops.listed(w->arg, json_at(list, "items"));
	tell_healthy(w);
}

static int list(struct watch *w, struct err *err)
{
	auto_free char *path =
		watch_path(w->collection, w->label_selector, w->field_selector, NULL, 0);
	struct rest_request rq = { .method = "GET", .path = path, .what = w->what };
	struct halt halt = halt_of(w);
	cJSON *answer = NULL;
	int rc = rest_call_halt(w->k, &rq, &halt, &answer, NULL, err);

	if (rc < 0)
		return rc;
	if (cJSON_IsArray(json_at(answer, "items")))
		take_list(w, answer);
	else
		rc = err_set(err, -EBADMSG, "cannot %s: the answer is not a list", w->what);
	cJSON_Delete(answer);
	return rc;
}

static int on_begun(void *arg)
{
	struct watch *w = arg;

	w->begun = true;
	if (w->ill)
		tell_healthy(w);
	return 0;
}

static int take_event(struct watch *w, const struct watch_event *e)
{
	if (e->kind == WATCH_ERROR)
		return watch_refused(e->object, w->what, &w->expired, &w->error);
	if (*e->rv)
		set_rv(w, e->rv);
	trace(WATCH, "%s: %s at %s", w->collection, e->type, e->rv);
	w->moved = true;
	if (e->kind != WATCH_BOOKMARK && w->ops.event)
		w->ops.event(w->arg, e->type, e->object);
	return stopping(w) ? -EINTR : 0;
}

static int on_line(void *arg, const char *line, size_t n)
{
	struct watch *w = arg;
	struct watch_event e;
	int rc = watch_event_parse(line, n, &e);

	if (rc < 0)
		return err_set(&w->error, rc, "an event of the watch cannot be read");
	rc = take_event(w, &e);
	watch_event_fini(&e);
	return rc;
}

static int on_bytes(void *arg, const char *bytes, size_t n)
{
	struct watch *w = arg;
	int rc = watchline_feed(&w->lines, bytes, n, on_line, w);

	if (rc == -EMSGSIZE && !w->error.text[0])
		err_set(&w->error, rc, "an event of the watch is larger than %d MiB",
			WATCHLINE_MAX >> 20);
	return rc;
}

static void begin(struct watch *w)
{
	watchline_reset(&w->lines);
	w->begun = w->moved = w->expired = false;
	w->error.text[0] = '\0';
}

static int follow(struct watch *w, int64_t *ret_retry_ms, struct err *err)
{
	int asked_s = FOLLOW_MIN_S + (int)(clock_now_ms() % (FOLLOW_MIN_S / 2));
	auto_free char *path =
		watch_path(w->collection, w->label_selector, w->field_selector, w->rv, asked_s);
	struct rest_follow f = {
		.path = path,
		.what = w->what,
		.chunk = on_bytes,
		.begun = on_begun,
		.arg = w,
		.deadline_ms = deadline_after(asked_s * 1000 + FOLLOW_GRACE_MS),
		.silence_ms = WATCH_SILENCE_MS,
		.halt = halt_of(w),
	};
	int rc;

	begin(w);
	rc = rest_follow(w->k, &f, err);
	w->expired = w->expired || f.expired;
	*ret_retry_ms = f.retry_after_ms;
	if (rc < 0 && w->error.text[0])
		*err = w->error;
	if (rc == -ETIMEDOUT &&
		w->begun) /* quiet for too long: maybe dead, never a reason to alarm */
		return 0;
	return rc == 0 && watchline_end(&w->lines) < 0
		       ? err_set(err, -EPIPE, "the watch stopped in the middle of an event")
		       : rc;
}

static void forget_rv(struct watch *w)
{
	free(w->rv);
	w->rv = NULL;
}

/* One list or one watch, to its end. Returns the ms to wait before the next. */
static int64_t turn(struct watch *w)
{
	int64_t started = clock_now_ms(), retry_ms = -1, wait_ms;
	struct err err = { "" };
	bool listing = !w->rv;
	int rc = listing ? list(w, &err) : follow(w, &retry_ms, &err);

	if (rc == 0 && listing) {
		w->failures = 0;
		return 0;
	}
	if (w->moved)
		w->backoff.next_ms = 0;
	if (!listing && w->expired) {
		forget_rv(w);
		return backoff_next(&w->backoff);
	}
	w->failures =
		rc == 0 || (w->moved && rc != -EBADMSG && rc != -EMSGSIZE) ? 0 : w->failures + 1;
	if (rc == 0 && (w->moved || clock_now_ms() - started >= STEADY_MS)) {
		w->backoff.next_ms = 0;
		return 0;
	}
	if (rc < 0 && rc != -EINTR)
		tell_ill(w, rc, &err);
	if (w->failures >= POISONED_AFTER)
		forget_rv(w);
	wait_ms = backoff_next(&w->backoff);
	return retry_ms > wait_ms ? retry_ms : wait_ms;
}

static void *run(void *arg)
{
	struct watch *w = arg;
	struct halt halt = halt_of(w);

	while (!stopping(w))
		halt_wait(&halt, (int)turn(w));
	return NULL;
}

static int start(struct watch *w)
{
	sigset_t all, old;
	int rc;

	/* signals belong to the main thread */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -rc;
}

static void watch_free(struct watch *w)
{
	if (w->wake_fd >= 0)
		close(w->wake_fd);
	free(w->collection);
	free(w->label_selector);
	free(w->field_selector);
	free(w->rv);
	free(w->what);
	watchline_fini(&w->lines);
	free(w);
}

int watch_open(struct kube *k, const char *collection, const char *label_selector,
	const char *field_selector, const struct watch_ops *ops, void *arg, struct watch **ret,
	struct err *err)
{
	struct watch *w = xcalloc(1, sizeof(*w));
	int rc;

	w->k = k;
	w->collection = xstrdup(collection);
	w->label_selector = xstrdup(label_selector);
	w->field_selector = xstrdup(field_selector);
	w->what = xprintf("watch %s", collection);
	w->ops = *ops;
	w->arg = arg;
	watchline_init(&w->lines, WATCHLINE_MAX);
	w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = w->wake_fd < 0 ? -errno : start(w);
	if (rc < 0) {
		watch_free(w);
		return err_set(err, rc, "cannot start a watch: %s", strerror(-rc));
	}
	*ret = w;
	return 0;
}

void watch_close(struct watch *w)
{
	uint64_t one = 1;
	ssize_t ignored;

	if (!w)
		return;
	__atomic_store_n(&w->stop, true, __ATOMIC_RELEASE);
	ignored = write(w->wake_fd, &one, sizeof(one));
	(void)ignored;
	pthread_join(w->thread, NULL);
	watch_free(w);
}
