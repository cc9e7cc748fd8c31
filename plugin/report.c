#include "plugin/report.h"

#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "plugin/cli.h"

#define EVENTS_BYTES_MAX (16 * 1024)
#define EVENTS_MAX       5
#define LOG_BYTES_MAX    (8 * 1024)
#define LOG_LINES_MAX    20
#define ENDING           40 /* so many last bytes of an event tell whether it has been said already */

static bool is_news(const char *line, const char *told)
{
	size_t n = strlen(line);

	if (strncmp(line, "Warning", strlen("Warning")))
		return false;
	return !strstr(told, line + (n > ENDING ? n - ENDING : 0));
}

static void report_events(struct kube *k, const cJSON *pod, const char *told)
{
	auto_buf text = BUF_INIT(EVENTS_BYTES_MAX);
	const char *at;
	int count = 0;

	sandbox_events(k, json_str(pod, "metadata.namespace", ""),
		json_str(pod, "metadata.uid", ""), &text);
	for (at = buf_text(&text); *at && count < EVENTS_MAX;) {
		size_t n = strcspn(at, "\n");
		auto_free char *line = xstrndup(at, n);

		if (is_news(line, told)) {
			say("  event: %s", line);
			count++;
		}
		at += n + (at[n] == '\n');
	}
}

static int collect(void *arg, const char *bytes, size_t n)
{
	struct buf *b = arg;

	buf_add(b, bytes, n);
	return buf_check(b) < 0;
}

static void report_log(struct kube *k, const cJSON *pod)
{
	auto_buf text = BUF_INIT(LOG_BYTES_MAX);
	auto_free char *tail = xprintf("%d", LOG_LINES_MAX);
	auto_free char *limit = xprintf("%d", LOG_BYTES_MAX);
	auto_free char *path = rest_path(
		"/api/v1/namespaces/%s/pods/%s/log?container=%s&tailLines=%s&limitBytes=%s",
		json_str(pod, "metadata.namespace", ""), json_str(pod, "metadata.name", ""),
		SANDBOX_CONTAINER, tail, limit);
	struct rest_request rq = { .method = "GET", .path = path, .what = "read its log" };
	const char *at;

	if (rest_stream(k, &rq, collect, &text, NULL, NULL) < 0)
		return;
	for (at = buf_text(&text); *at;) {
		size_t n = strcspn(at, "\n");
		auto_buf line = BUF_INIT(4 * LOG_BYTES_MAX);

		log_escape(&line, at, n);
		say("  log: %s", buf_text(&line));
		at += n + (at[n] == '\n');
	}
}

void report_failure(struct kube *k, const cJSON *pod, const char *told)
{
	report_events(k, pod, told);
	report_log(k, pod);
}
