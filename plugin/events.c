/* What became of one sandbox: its events, and what its Pod says of itself, in one story by time. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "plugin/cli.h"
#include "plugin/ref.h"

#include <errno.h>

#define CHECK_MS    1000
#define MESSAGE_MAX 1000
#define TOLD_MAX    5000 /* lines that are remembered, so that none is said twice */
#define OF_POD      "Pod"

struct events {
	bool follow;
	const char *output;
};

#define AT(member) offsetof(struct events, member)

static const struct opt opts[] = {
	{ "follow", 'f', OPT_BOOL, NULL, "go on, until the sandbox has gone or Ctrl-C",
		AT(follow) },
	{ "output", 'o', OPT_TEXT, "FORMAT", "json: one line of it for each", AT(output) },
	{ NULL },
};

static const struct example examples[] = {
	{ "why does it not start?", "events web" },
	{ "what happens to it from now on, for a program", "events web -f -o json" },
	{ NULL },
};

struct story {
	bool json;

	pthread_mutex_t lock; /* all below; the two watches' and ours */
	pthread_cond_t ended;
	cJSON *told;  /* keys of what was said */
	cJSON *later; /* not NULL: lines are gathered here, to be sorted */
	bool there;   /* the Pod was seen */
	int rc;       /* not 0: it is over; 1: as it should */
	struct err err;
};

/* --- one line ---------------------------------------------------------------------- */

static void print(const struct story *s, const cJSON *line)
{
	auto_free char *text = s->json ? cJSON_PrintUnformatted(line) : NULL;
	const char *message = json_str(line, "message", "");
	auto_buf shown = BUF_INIT(8 * MESSAGE_MAX);
	auto_free char *times = NULL;
	int count = json_int(line, "count", 1);

	if (text) {
		puts(text);
		return;
	}
	log_escape(&shown, message, strnlen(message, MESSAGE_MAX));
	times = count > 1 ? xprintf(" (%d times)", count) : xstrdup("");
	printf("%s  %-7s  %-16s  %s%s\n", json_str(line, "time", ""), json_str(line, "type", ""),
		json_str(line, "reason", ""), buf_text(&shown), times);
}

/* lock held. Once for each of the same. */
static void tell(struct story *s, const char *time, const char *type, const char *reason, int count,
	const char *message)
{
	auto_free char *key = xprintf("%s %s %s %d %.200s", time, type, reason, count, message);
	cJSON *line;

	if (s->rc || cJSON_GetObjectItemCaseSensitive(s->told, key))
		return; /* nothing comes behind the last line */
	if (cJSON_GetArraySize(s->told) < TOLD_MAX)
		cJSON_AddNullToObject(s->told, key);
	line = cJSON_CreateObject();
	cJSON_AddStringToObject(line, "time", time);
	cJSON_AddStringToObject(line, "type", type);
	cJSON_AddStringToObject(line, "reason", reason);
	cJSON_AddNumberToObject(line, "count", count);
	cJSON_AddStringToObject(line, "message", message);
	if (s->later) {
		cJSON_AddItemToArray(s->later, line);
		return;
	}
	print(s, line);
	fflush(stdout);
	cJSON_Delete(line);
}

/* --- where lines come from ------------------------------------------------------------ */

/* lock held */
static void tell_event(struct story *s, const cJSON *e)
{
	static const char *const times[] = { "lastTimestamp", "eventTime", "firstTimestamp",
		"metadata.creationTimestamp" };
	const char *time = NULL;

	for (size_t i = 0; i < sizeof(times) / sizeof(*times) && !time; i++)
		time = json_str(e, times[i], NULL);
	tell(s, time ? time : "", json_str(e, "type", "Normal"), json_str(e, "reason", ""),
		json_int(e, "count", 1), json_str(e, "message", ""));
}

/* lock held */
static void tell_ends(struct story *s, const cJSON *pod)
{
	const cJSON *c;

	cJSON_ArrayForEach (c, json_at(pod, "status.containerStatuses")) {
		const cJSON *end = json_at(c, "state.terminated");
		auto_free char *text =
			xprintf("container %s ended with %d %s", json_str(c, "name", "?"),
				json_int(end, "exitCode", 0), json_str(end, "reason", ""));

		if (end)
			tell(s, json_str(end, "finishedAt", ""), OF_POD, "Ended", 1, text);
	}
}

/* lock held. Its conditions that hold, its containers' ends, its own. */
static void tell_pod(struct story *s, const cJSON *pod)
{
	const char *leaves = json_str(pod, "metadata.deletionTimestamp", NULL);
	const cJSON *c;

	cJSON_ArrayForEach (c, json_at(pod, "status.conditions")) {
		if (strcmp(json_str(c, "status", ""), "True"))
			continue;
		tell(s, json_str(c, "lastTransitionTime", ""), OF_POD, json_str(c, "type", ""), 1,
			json_str(c, "message", ""));
	}
	tell_ends(s, pod);
	if (leaves)
		tell(s, leaves, OF_POD, "Terminating", 1, "it is to be gone by then");
}

static int by_time(const void *a, const void *b)
{
	return strcmp(
		json_str(*(cJSON *const *)a, "time", ""), json_str(*(cJSON *const *)b, "time", ""));
}

/* lock held. What was gathered, in order; from now on lines are said as they come. */
static void tell_gathered(struct story *s)
{
	cJSON *list = take_ptr(s->later), *line;
	size_t n = (size_t)cJSON_GetArraySize(list), i = 0;
	auto_free cJSON **sorted = xcalloc(n + 1, sizeof(*sorted));

	cJSON_ArrayForEach (line, list)
		sorted[i++] = line;
	qsort(sorted, n, sizeof(*sorted), by_time);
	for (i = 0; i < n; i++)
		print(s, sorted[i]);
	fflush(stdout);
	cJSON_Delete(list);
}

/* --- as it is now ------------------------------------------------------------------------ */

static int list_events(struct kube *k, const struct ref *r, cJSON **ret, struct err *err)
{
	auto_free char *selector = xprintf("involvedObject.name=%s", r->name);
	auto_free char *path =
		rest_path("/api/v1/namespaces/%s/events?fieldSelector=%s", r->ns, selector);
	auto_free char *what = xprintf("list events of %s in namespace %s", r->name, r->ns);
	struct rest_request rq = { .method = "GET", .path = path, .what = what };

	return rest_call(k, &rq, ret, NULL, err);
}

/* -ENOENT: there is no such Pod, and nothing is known of one. */
static int gather(struct kube *k, const struct ref *r, struct story *s, struct err *err)
{
	auto_json pod = NULL;
	auto_json list = NULL;
	struct err no_pod = { 0 };
	const cJSON *e;
	int found = sandbox_get(k, r->ns, r->name, &pod, &no_pod);
	int rc = list_events(k, r, &list, err);

	if (rc < 0)
		return rc;
	cJSON_ArrayForEach (e, json_at(list, "items"))
		tell_event(s, e);
	s->there = pod;
	if (pod)
		tell_pod(s, pod);
	if (found == 0 || cJSON_GetArraySize(s->later))
		return 0;
	*err = no_pod;
	return found;
}

/* --- and on ----------------------------------------------------------------------------------- */

/* lock held */
static void end(struct story *s, int rc, const struct err *err)
{
	if (s->rc)
		return;
	s->rc = rc;
	if (err)
		s->err = *err;
	pthread_cond_signal(&s->ended);
}

static void events_listed(void *arg, const cJSON *items)
{
	struct story *s = arg;
	const cJSON *e;

	scoped_lock(&s->lock);
	cJSON_ArrayForEach (e, items)
		tell_event(s, e);
}

static void events_event(void *arg, const char *type, const cJSON *object)
{
	struct story *s = arg;

	scoped_lock(&s->lock);
	if (strcmp(type, "DELETED")) /* that is an old one, forgotten */
		tell_event(s, object);
}

/* lock held */
static void gone(struct story *s)
{
	char now[32];

	rfc3339_print(clock_wall_ms(), now);
	tell(s, now, OF_POD, "Deleted", 1, "it was deleted");
	end(s, 1, NULL);
}

static void pod_listed(void *arg, const cJSON *items)
{
	struct story *s = arg;
	const cJSON *pod;

	scoped_lock(&s->lock);
	cJSON_ArrayForEach (pod, items)
		tell_pod(s, pod);
	if (!cJSON_GetArraySize(items))
		gone(s);
}

static void pod_event(void *arg, const char *type, const cJSON *object)
{
	struct story *s = arg;

	scoped_lock(&s->lock);
	if (s->rc)
		return;
	tell_pod(s, object);
	if (!strcmp(type, "DELETED"))
		gone(s);
}

static void health(void *arg, int rc, const struct err *err)
{
	struct story *s = arg;

	scoped_lock(&s->lock);
	if (rc == -EACCES || rc == -ENOENT)
		end(s, rc, err);
}

static void wait_end(struct story *s)
{
	scoped_lock(&s->lock);
	while (!s->rc) {
		struct timespec until = deadline_timespec(deadline_after(CHECK_MS));

		pthread_cond_timedwait(&s->ended, &s->lock, &until);
		if (ferror(stdout))
			end(s, -EPIPE, NULL);
	}
}

static int follow(struct kube *k, const struct ref *r, struct story *s, struct err *err)
{
	static const struct watch_ops of_events = { events_listed, events_event, health };
	static const struct watch_ops of_pod = { pod_listed, pod_event, health };
	auto_free char *events = rest_path("/api/v1/namespaces/%s/events", r->ns);
	auto_free char *pods = rest_path("/api/v1/namespaces/%s/pods", r->ns);
	auto_free char *involved = xprintf("involvedObject.name=%s", r->name);
	auto_free char *named = xprintf("metadata.name=%s", r->name);
	struct watch *w[2] = { NULL, NULL };
	int rc = watch_open(k, events, NULL, involved, &of_events, s, &w[0], err);

	if (!rc)
		rc = watch_open(k, pods, NULL, named, &of_pod, s, &w[1], err);
	if (!rc)
		wait_end(s);
	for (int i = 0; i < 2; i++)
		if (w[i])
			watch_close(w[i]);
	if (!rc && s->rc < 0)
		*err = s->err;
	return rc < 0 ? rc : s->rc < 0 ? s->rc : 0;
}

static int tell_all(struct kube *k, const struct ref *r, const struct events *e)
{
	struct story s = { .json = e->output, .lock = PTHREAD_MUTEX_INITIALIZER };
	struct err err = { 0 };
	int rc;

	clock_cond_init(&s.ended);
	s.told = cJSON_CreateObject();
	s.later = cJSON_CreateArray();
	rc = gather(k, r, &s, &err);
	tell_gathered(&s);
	if (!rc && e->follow && s.there)
		rc = follow(k, r, &s, &err);
	cJSON_Delete(s.told);
	pthread_cond_destroy(&s.ended);
	if (rc == -EPIPE)
		return EXIT_FAILED;
	return rc < 0 ? cli_failed(&err, rc) : cli_flush();
}

static int run(struct cli *cli, const void *settings)
{
	const struct events *e = settings;
	auto_kube k = NULL;
	auto_ref ref = { 0 };
	struct err err = { 0 };
	int rc;

	if (cli->words.count != 1 || cli->words.dashes)
		return cli_usage(cli, "events wants one NAME");
	if (e->output && strcmp(e->output, "json"))
		return cli_usage(cli, "-o is json, not \"%.60s\"", e->output);
	rc = cli_open(cli, &k, &err);
	if (rc < 0)
		return cli_failed(&err, rc);
	rc = ref_parse(cli->words.at[0], kube_target(k)->ns, &ref, &err);
	if (rc < 0)
		return cli_usage(cli, "%s", err.text);
	return tell_all(k, &ref, e);
}

const struct verb verb_events = {
	.name = "events",
	.args = "NAME [FLAGS]",
	.summary = "what became of a sandbox, by time",
	.about = "Prints the cluster's events of a sandbox and what its Pod has reached, oldest "
		 "first, one line each: the time, Normal, Warning or Pod, the reason, the words. "
		 "The cluster forgets events after an hour, as a rule; those of a sandbox that has "
		 "gone are shown as long as they are there.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct events),
	.run = run,
};
