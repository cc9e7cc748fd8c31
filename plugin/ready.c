#include "plugin/ready.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "plugin/cli.h"

#include <stdarg.h>

#define EVENTS_MAX      (32 * 1024)
#define EVENTS_EVERY_MS 2000 /* how often a waiting person is told the cluster's own words */
#define EVENTS_FIRST_MS 1000

struct waiting {
	struct kube *k;
	const struct ready_spec *spec;
	struct sandbox_wait wait;
	cJSON *last;            /* the Pod as last seen, ours */
	bool scheduled;         /* has been told */
	char told[64];          /* the trouble that has been told */
	int64_t runs_since_ms;  /* monotonic; 0: it does not */
	struct buf events;      /* what has been told of them */
	int64_t events_next_ms; /* monotonic */
};

void ready_say(int64_t started_ms, const char *fmt, ...)
{
	auto_buf line = BUF_INIT(ERR_TEXT_BYTES);
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&line, fmt, ap);
	va_end(ap);
	say("%5.1fs %s", (double)(clock_now_ms() - started_ms) / 1000, buf_text(&line));
}

static void tell_phases(struct waiting *w)
{
	const char *node = json_str(w->last, "spec.nodeName", "");

	if (!w->spec->talk)
		return;
	if (*node && !w->scheduled) {
		auto_buf shown = BUF_INIT(1024);

		log_escape(&shown, node, strnlen(node, 200));
		ready_say(w->spec->started_ms, "scheduled on node %s", buf_text(&shown));
		w->scheduled = true;
	}
	if (w->wait.reason[0] && strcmp(w->wait.reason, w->told)) {
		ready_say(w->spec->started_ms, "waiting: %s", w->wait.reason);
		memcpy(w->told, w->wait.reason, sizeof(w->told));
	}
}

/* Events come oldest first, so what is new stands behind what was told, or instead of it. */
static void tell_events(struct waiting *w)
{
	auto_buf now = BUF_INIT(EVENTS_MAX);
	const char *uid = json_str(w->last, "metadata.uid", "");
	const char *at;

	if (!w->spec->talk || !deadline_passed(w->events_next_ms))
		return;
	w->events_next_ms = deadline_after(EVENTS_EVERY_MS);
	sandbox_events(w->k, json_str(w->last, "metadata.namespace", ""), uid, &now);
	for (at = buf_text(&now); *at;) {
		size_t n = strcspn(at, "\n");
		auto_free char *line = xstrndup(at, n);

		if (n && !strstr(buf_text(&w->events), line))
			ready_say(w->spec->started_ms, "%s", line);
		at += n + (at[n] == '\n');
	}
	buf_reset(&w->events);
	buf_add(&w->events, buf_text(&now), now.len);
}

static bool is_ours(const struct waiting *w, const cJSON *object)
{
	return !strcmp(
		json_str(object, "metadata.uid", ""), json_str(w->spec->pod, "metadata.uid", "-"));
}

/* A command that is not ours may run and end at once; a kubelet tells of both a second apart. */
static int settled(struct waiting *w)
{
	if (!w->runs_since_ms)
		w->runs_since_ms = clock_now_ms();
	return clock_now_ms() - w->runs_since_ms >= w->spec->settle_ms;
}

static int changed(void *arg, const char *type, const cJSON *object, struct err *err)
{
	struct waiting *w = arg;
	int rc;

	if (object && (!is_ours(w, object) || !strcmp(type, "DELETED")))
		return err_set(err, -ESTALE, "somebody else deleted it while it was starting");
	if (object) {
		cJSON_Delete(w->last);
		w->last = cJSON_Duplicate(object, true);
	}
	rc = sandbox_progress(w->last, &w->wait, err);
	tell_phases(w);
	if (rc == 0 && !object)
		tell_events(w);
	return rc == 1 ? settled(w) : rc;
}

/* A timeout's sentence says what was still missing. */
static int late(const struct waiting *w, struct err *err)
{
	auto_buf events = BUF_INIT(EVENTS_MAX);
	const char *last;

	sandbox_events(w->k, json_str(w->last, "metadata.namespace", ""),
		json_str(w->last, "metadata.uid", ""), &events);
	while (events.len && events.data[events.len - 1] == '\n')
		buf_trim(&events, events.len - 1);
	last = strrchr(buf_text(&events), '\n');
	last = last ? last + 1 : buf_text(&events);
	return err_set(err, -ETIMEDOUT,
		"it was not running after %.0f s%s%.500s; --timeout gives it longer",
		(double)(w->spec->deadline_ms - w->spec->started_ms) / 1000, *last ? ": " : "",
		last);
}

int ready_wait(struct kube *k, const struct ready_spec *spec, cJSON **ret, struct err *err)
{
	struct waiting w = {
		.k = k, .spec = spec, .events_next_ms = deadline_after(EVENTS_FIRST_MS)
	};
	const char *ns = json_str(spec->pod, "metadata.namespace", "");
	const char *name = json_str(spec->pod, "metadata.name", "");
	auto_free char *collection = rest_path("/api/v1/namespaces/%s/pods", ns);
	auto_free char *field = xprintf("metadata.name=%s", name);
	int rc;

	buf_init(&w.events, EVENTS_MAX);
	w.last = cJSON_Duplicate(spec->pod, true);
	rc = watch_until(k, collection, field,
		json_str(spec->pod, "metadata.resourceVersion", NULL), spec->deadline_ms,
		spec->stop, changed, &w, err);
	if (rc == -ETIMEDOUT && deadline_passed(spec->deadline_ms))
		rc = late(&w, err);
	if (rc >= 0) {
		*ret = take_ptr(w.last);
		rc = 0;
	}
	cJSON_Delete(w.last);
	buf_fini(&w.events);
	return rc;
}
