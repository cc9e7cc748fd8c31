#include "plugin/ready.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "plugin/cli.h"

#include <limits.h>

#define EVENTS_MAX      (32 * 1024)
#define EVENTS_EVERY_MS 1000 /* how often the cluster's own words are asked for: at first, */
#define EVENTS_LATER_MS 3000 /* and when it takes long */
#define EVENTS_LONG_MS  10000
#define MISSING_MS      2000 /* so long a volume's object may not be there yet */

struct waiting {
	struct kube *k;
	const struct ready_spec *spec;
	struct sandbox_wait wait;
	cJSON *last;              /* the Pod as last seen, ours */
	char told[64];            /* the trouble that has been told */
	int64_t runs_since_ms;    /* monotonic; 0: it does not */
	struct buf events;        /* as last seen, oldest first */
	int64_t events_next_ms;   /* monotonic */
	bool heard;               /* events may be read, and there were some */
	bool pulling;             /* as they say */
	int64_t looked_ms;        /* until here the time has been counted */
	int64_t started_ms;       /* monotonic */
	int64_t pulled_ms;        /* spent on the image */
	int64_t missing_since_ms; /* monotonic; 0: nothing is */
};

static char *clean(const char *text)
{
	auto_buf shown = BUF_INIT(4096);

	log_escape(&shown, text, strnlen(text, 800));
	buf_str(&shown, "");
	return buf_steal(&shown);
}

/* --- what the events say ------------------------------------------------------------------------ */

/* The last line that begins so, or NULL. */
static const char *last_of(const char *events, const char *begin)
{
	const char *found = NULL;
	size_t n = strlen(begin);

	for (const char *at = events; at && *at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, begin, n))
			found = at;
	}
	return found;
}

static void note_pulling(struct waiting *w)
{
	const char *text = buf_text(&w->events);
	const char *begun = last_of(text, "Normal Pulling:"),
		   *done = last_of(text, "Normal Pulled:");
	const char *failed = last_of(text, "Warning Failed:");
	auto_free char *image = clean(json_str(w->last, "spec.containers[0].image", "its image"));

	w->pulling = begun && (!done || done < begun) && (!failed || failed < begun);
	if (begun)
		phases_reach(w->spec->phases, "pulling", "pulling image %s", image);
	if (begun && done && done > begun)
		phases_reach(w->spec->phases, "pulled", "pulled it");
}

/* Somebody is bringing a node: then it is the whole time-out that counts. */
static void note_autoscaler(struct waiting *w)
{
	const char *text = buf_text(&w->events);

	if (!last_of(text, "Normal TriggeredScaleUp:") && !last_of(text, "Normal Nominated:"))
		return;
	w->wait.schedule_grace_ms = INT_MAX;
	phases_reach(w->spec->phases, "scaling", "the cluster is adding a node");
}

static void tell_news(struct waiting *w, const struct buf *now)
{
	for (const char *at = buf_text(now); *at;) {
		size_t n = strcspn(at, "\n");
		auto_free char *line = xstrndup(at, n);

		/* the rest is seen in the Pod itself */
		if (!strncmp(line, "Warning ", 8) && strncmp(line, "Warning Failed:", 15) != 0 &&
			strncmp(line, "Warning FailedScheduling:", 25) != 0 &&
			!strstr(buf_text(&w->events), line))
			phases_say(w->spec->phases, "%s", line);
		at += n + (at[n] == '\n');
	}
}

static void read_events(struct waiting *w)
{
	auto_buf now = BUF_INIT(EVENTS_MAX);

	w->events_next_ms =
		deadline_after(clock_now_ms() - w->started_ms < EVENTS_LONG_MS ? EVENTS_EVERY_MS
									       : EVENTS_LATER_MS);
	sandbox_events(w->k, json_str(w->last, "metadata.namespace", ""),
		json_str(w->last, "metadata.uid", ""), &now);
	tell_news(w, &now);
	buf_reset(&w->events);
	buf_add(&w->events, buf_text(&now), now.len);
	w->heard = w->heard || now.len;
	note_pulling(w);
	note_autoscaler(w);
}

/* A kubelet waits for ever for a volume whose ConfigMap, Secret or claim is not there. */
static int check_volumes(struct waiting *w, struct err *err)
{
	const char *line = last_of(buf_text(&w->events), "Warning FailedMount:");
	size_t n = line ? strcspn(line, "\n") : 0;
	auto_free char *text = line ? xstrndup(line, n) : NULL;

	if (!text || !strstr(text, "not found")) {
		w->missing_since_ms = 0;
		return 0;
	}
	if (!w->missing_since_ms)
		w->missing_since_ms = clock_now_ms();
	if (clock_now_ms() - w->missing_since_ms < MISSING_MS)
		return 0;
	return err_set(err, -ENOTCONN,
		"a volume of it cannot be mounted: %.600s; make what it names, in the same "
		"namespace",
		text + strlen("Warning FailedMount: "));
}

/* --- phases and time ---------------------------------------------------------------------------- */

static void tell_phases(struct waiting *w)
{
	const char *node = json_str(w->last, "spec.nodeName", "");

	if (*node) {
		auto_free char *shown = clean(node);

		phases_reach(w->spec->phases, "scheduled", "scheduled on node %s", shown);
	}
	if (w->wait.reason[0] && strcmp(w->wait.reason, w->told)) {
		phases_say(w->spec->phases, "waiting: %s%s%s", w->wait.reason,
			w->wait.message[0] ? ": " : "", w->wait.message);
		memcpy(w->told, w->wait.reason, sizeof(w->told));
	}
}

/* Where no events may be read, all that a container takes to be made may be its image. */
static bool is_pulling(const struct waiting *w)
{
	if (w->heard)
		return w->pulling;
	return deadline_passed(w->events_next_ms) &&
	       !strcmp(json_str(w->last, "status.containerStatuses[0].state.waiting.reason", ""),
		       "ContainerCreating");
}

/* A timeout's sentence says what was still missing. */
static int late(const struct waiting *w, struct err *err)
{
	auto_buf events = BUF_INIT(EVENTS_MAX);
	const char *last;

	buf_add(&events, buf_text(&w->events), w->events.len);
	while (events.len && events.data[events.len - 1] == '\n')
		buf_trim(&events, events.len - 1);
	last = strrchr(buf_text(&events), '\n');
	last = last ? last + 1 : buf_text(&events);
	return err_set(err, -ETIMEDOUT,
		"it was not running after %.0f s%s%.500s; --timeout gives it longer",
		(double)w->spec->timeout_ms / 1000, *last ? ": " : "", last);
}

static int late_pull(const struct waiting *w, struct err *err)
{
	auto_free char *image = clean(json_str(w->last, "spec.containers[0].image", ""));

	return err_set(err, -ETIMEDOUT,
		"its image %.200s was not pulled after %.0f s; --pull-timeout gives it longer",
		image, (double)w->spec->pull_timeout_ms / 1000);
}

static int check_time(struct waiting *w, struct err *err)
{
	int64_t now_ms = clock_now_ms();

	if (is_pulling(w))
		w->pulled_ms += now_ms - w->looked_ms;
	w->looked_ms = now_ms;
	if (w->pulled_ms > w->spec->pull_timeout_ms)
		return late_pull(w, err);
	if (now_ms - w->started_ms - w->pulled_ms < w->spec->timeout_ms)
		return 0;
	read_events(w);
	return late(w, err);
}

/* --- the watch ------------------------------------------------------------------------------------ */

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

static int ticked(struct waiting *w, struct err *err)
{
	int rc;

	if (deadline_passed(w->events_next_ms))
		read_events(w);
	rc = check_volumes(w, err);
	return rc < 0 ? rc : check_time(w, err);
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
		rc = ticked(w, err);
	return rc == 1 ? settled(w) : rc;
}

static int watch(struct waiting *w, struct err *err)
{
	const cJSON *pod = w->spec->pod;
	auto_free char *collection =
		rest_path("/api/v1/namespaces/%s/pods", json_str(pod, "metadata.namespace", ""));
	auto_free char *field = xprintf("metadata.name=%s", json_str(pod, "metadata.name", ""));
	int64_t most_ms = w->spec->timeout_ms + w->spec->pull_timeout_ms + EVENTS_EVERY_MS;
	/* What is wrong with it already may change no more: its clock begins now, not with the first tick. */
	int rc = changed(w, "CREATED", NULL, err);

	if (rc)
		return rc;
	rc = watch_until(w->k, collection, field, json_str(pod, "metadata.resourceVersion", NULL),
		w->started_ms + most_ms, w->spec->stop, changed, w, err);
	return rc == -ETIMEDOUT && deadline_passed(w->started_ms + most_ms) ? late(w, err) : rc;
}

int ready_wait(struct kube *k, const struct ready_spec *spec, cJSON **ret, struct err *err)
{
	int64_t now_ms = clock_now_ms();
	struct waiting w = { .k = k,
		.spec = spec,
		.wait.schedule_grace_ms = (int)spec->schedule_timeout_ms,
		.events_next_ms = deadline_after(EVENTS_EVERY_MS),
		.started_ms = now_ms,
		.looked_ms = now_ms };
	int rc;

	buf_init(&w.events, EVENTS_MAX);
	w.last = cJSON_Duplicate(spec->pod, true);
	rc = watch(&w, err);
	if (rc >= 0) {
		phases_reach(spec->phases, "running", "running");
		*ret = take_ptr(w.last);
		rc = 0;
	}
	cJSON_Delete(w.last);
	buf_fini(&w.events);
	return rc;
}
