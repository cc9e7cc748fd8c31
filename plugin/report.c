#include "plugin/report.h"

#include "common/base/log.h"
#include "common/kube/json.h"
#include "common/kube/sandbox.h"
#include "plugin/cli.h"

#define LOG_BYTES_MAX  (8 * 1024)
#define LOG_LINES_MAX  20
#define LOG_TIMEOUT_MS 5000
#define LAST_BYTES_MAX 200 /* of it in the sentence */

static int collect(void *arg, const char *bytes, size_t n)
{
	struct buf *b = arg;

	buf_add(b, bytes, n);
	return buf_check(b) < 0;
}

static void add_lines(struct buf *ret, const char *at)
{
	while (*at) {
		size_t n = strcspn(at, "\n");

		log_escape(ret, at, n);
		if (n)
			buf_char(ret, '\n');
		at += n + (at[n] == '\n');
	}
}

void report_log(struct kube *k, const cJSON *pod, struct buf *ret)
{
	auto_buf text = BUF_INIT(LOG_BYTES_MAX);
	auto_free char *path = rest_path(
		"/api/v1/namespaces/%s/pods/%s/log?container=%s&tailLines=%d&limitBytes=%d",
		json_str(pod, "metadata.namespace", ""), json_str(pod, "metadata.name", ""),
		SANDBOX_CONTAINER, LOG_LINES_MAX, LOG_BYTES_MAX);
	struct rest_request rq = {
		.method = "GET", .path = path, .what = "read its log", .timeout_ms = LOG_TIMEOUT_MS
	};

	if (rest_stream(k, &rq, collect, &text, NULL, NULL) >= 0)
		add_lines(ret, buf_text(&text));
}

/* Where the last line begins. */
static const char *last_line(const struct buf *log)
{
	const char *text = buf_text(log), *at = text + log->len;

	if (at > text)
		at--;
	while (at > text && at[-1] != '\n')
		at--;
	return at;
}

void report_wrap(struct err *err, int rc, const struct buf *log)
{
	const char *last = last_line(log);
	struct err before = *err;

	if (!*last)
		return;
	err_set(err, rc, "%.750s; its log ends with: %.*s", before.text,
		(int)strnlen(last, strcspn(last, "\n") < LAST_BYTES_MAX ? strcspn(last, "\n")
									: LAST_BYTES_MAX),
		last);
}

void report_print(const struct buf *log)
{
	const char *last = last_line(log);

	if (last == buf_text(log))
		return;
	for (const char *at = buf_text(log); *at;) {
		size_t n = strcspn(at, "\n");

		say("  log: %.*s", (int)n, at);
		at += n + (at[n] == '\n');
	}
}
