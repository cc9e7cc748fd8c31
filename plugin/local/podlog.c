#include "plugin/local/podlog.h"
#include "common/base/clock.h"
#include "common/base/wire.h"
#include "plugin/local/podspec.h"
#include "plugin/local/podstatus.h"
#include "plugin/local/status.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#define PIECE_BYTES (64u * 1024)

struct podlog {
	struct source source; /* first: the two are cast to each other */
	struct store *store;
	char *ns, *pod, *uid, *container;
	int64_t restarts;
	char *path;
	int fd;
	bool follow;
	bool timestamps;
	bool at_line_start;
	uint64_t limit; /* bytes still to give */
	int64_t since_ms;
	struct buf pending; /* read, and not yet a whole line */
};

int podlog_parse(const char *line, size_t n, struct podlog_line *ret)
{
	const char *space = memchr(line, ' ', n), *at;
	size_t left;

	if (!space || space == line)
		return -EBADMSG;
	at = space + 1;
	left = n - (size_t)(at - line);
	if (left < 9 || (memcmp(at, "stdout ", 7) && memcmp(at, "stderr ", 7)) ||
		(at[7] != 'P' && at[7] != 'F') || at[8] != ' ')
		return -EBADMSG;
	*ret = (struct podlog_line){ .time = line,
		.time_bytes = (size_t)(space - line),
		.is_stderr = at[3] == 'e',
		.part = at[7] == 'P',
		.text = at + 9,
		.text_bytes = left - 9 };
	return 0;
}

void podlog_print(struct buf *ret, bool is_stderr, bool part, const char *text, size_t n)
{
	struct timespec now;
	struct tm tm;
	char when[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_printf(ret, "%s.%09ldZ %s %c ", when, now.tv_nsec, is_stderr ? "stderr" : "stdout",
		part ? 'P' : 'F');
	buf_add(ret, text, n);
	buf_char(ret, '\n');
}

static bool is_old(const struct podlog *l, const struct podlog_line *line)
{
	auto_free char *when = NULL;
	int64_t ms;

	if (!l->since_ms)
		return false;
	when = xstrndup(line->time, line->time_bytes);
	return rfc3339_parse(when, &ms) == 0 && ms < l->since_ms;
}

static void give(struct podlog *l, struct buf *out, const char *bytes, size_t n)
{
	if (n > l->limit)
		n = l->limit;
	buf_add(out, bytes, n);
	l->limit -= n;
}

static void put_line(struct podlog *l, struct buf *out, const char *text, size_t n)
{
	struct podlog_line line;

	if (podlog_parse(text, n, &line) < 0 || is_old(l, &line))
		return;
	if (l->timestamps && l->at_line_start) {
		give(l, out, line.time, line.time_bytes);
		give(l, out, " ", 1);
	}
	give(l, out, line.text, line.text_bytes);
	if (!line.part)
		give(l, out, "\n", 1);
	l->at_line_start = !line.part;
}

static void put_lines(struct podlog *l, struct buf *out)
{
	const char *from = buf_text(&l->pending), *end = from + l->pending.len, *newline;
	const char *at = from;

	while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
		put_line(l, out, at, (size_t)(newline - at));
		at = newline + 1;
	}
	buf_drop(&l->pending, (size_t)(at - from));
}

/* Whether more may come: this very container still runs. */
static bool goes_on(const struct podlog *l)
{
	auto_snap struct snap *pod = store_get(l->store, resource_named("pods"), l->ns, l->pod);
	const cJSON *one;

	if (!pod || strcmp(pod->uid, l->uid) != 0)
		return false;
	cJSON_ArrayForEach (one, json_at(pod->json, "status.containerStatuses")) {
		if (strcmp(json_text_or(one, "name", ""), l->container) != 0)
			continue;
		return json_int(one, "restartCount", 0) == l->restarts &&
		       json_at(one, "state.running");
	}
	return false;
}

/* The file was begun anew: go to its start. */
static void follow_file(struct podlog *l)
{
	struct stat here, there;
	int fd;

	if (fstat(l->fd, &here) < 0 || stat(l->path, &there) < 0 || here.st_ino == there.st_ino)
		return;
	fd = open(l->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	close(l->fd);
	l->fd = fd;
}

static int next(struct source *s, struct buf *out)
{
	struct podlog *l = (struct podlog *)s;
	size_t before = out->len;
	bool more = l->follow && goes_on(l); /* asked before reading: then nothing is missed */

	s->wait_ms = 1000;
	for (;;) {
		char *room = buf_room(&l->pending, PIECE_BYTES);
		ssize_t n = room && l->limit ? read(l->fd, room, PIECE_BYTES) : 0;

		if (n <= 0)
			break;
		buf_grew(&l->pending, (size_t)n);
		put_lines(l, out);
		if (out->len > before)
			return 1;
	}
	if (more && l->limit) {
		follow_file(l);
		return 0;
	}
	return -EPIPE;
}

static void close_log(struct source *s)
{
	struct podlog *l = (struct podlog *)s;

	if (l->fd >= 0)
		close(l->fd);
	buf_fini(&l->pending);
	free(l->path);
	free(l->ns);
	free(l->pod);
	free(l->uid);
	free(l->container);
	free(l);
}

/* Counts whole lines only, so a line in parts is one. */
static size_t count_ends(const char *bytes, size_t n)
{
	size_t ends = 0;
	const char *at = bytes, *newline;

	while ((newline = memchr(at, '\n', n - (size_t)(at - bytes)))) {
		struct podlog_line line;

		if (podlog_parse(at, (size_t)(newline - at), &line) == 0 && !line.part)
			ends++;
		at = newline + 1;
	}
	return ends;
}

/* Sets the offset so that at most lines whole lines follow. Two passes over the file. */
static void seek_tail(struct podlog *l, uint64_t lines)
{
	size_t total = 0, skip, at = 0;
	auto_buf all = BUF_INIT(PODLOG_FILE_BYTES + (1u << 20));
	char piece[16 * 1024];
	ssize_t n;

	while ((n = read(l->fd, piece, sizeof(piece))) > 0 && buf_check(&all) == 0)
		buf_add(&all, piece, (size_t)n);
	total = count_ends(buf_text(&all), all.len);
	skip = total > lines ? total - (size_t)lines : 0;
	while (skip && at < all.len) {
		const char *line = all.data + at, *newline = memchr(line, '\n', all.len - at);
		size_t len = newline ? (size_t)(newline - line) + 1 : all.len - at;

		skip -= count_ends(line, len);
		at += len;
	}
	lseek(l->fd, lines ? (off_t)at : (off_t)all.len, SEEK_SET);
}

static int64_t since(const struct call *c)
{
	const char *time = call_arg(c, "sinceTime");
	uint64_t seconds;
	int64_t ms;

	if (call_number(c, "sinceSeconds", 1u << 30, &seconds) == 0)
		return clock_wall_ms() - (int64_t)seconds * 1000;
	return time && rfc3339_parse(time, &ms) == 0 ? ms : 0;
}

static cJSON *open_log(
	struct engine *e, struct snap *pod, const char *container, struct call *c, struct podlog *l)
{
	const cJSON *status = podstatus_of(pod->json, container);
	int64_t restarts = json_int(status, "restartCount", 0);

	if (call_flag(c, "previous") && restarts == 0)
		return status_make(400, NULL,
			"previous terminated container \"%s\" in pod \"%s\" not found", container,
			pod->name);
	l->restarts = restarts - (call_flag(c, "previous") ? 1 : 0);
	l->path = xprintf(
		"%s/pods/%s/%s.%lld.log", e->home, pod->uid, container, (long long)l->restarts);
	l->fd = open(l->path, O_RDONLY | O_CLOEXEC);
	if (l->fd >= 0)
		return NULL;
	return status_make(400, NULL, "container \"%s\" in pod \"%s\" is waiting to start: %s",
		container, pod->name,
		json_text_or(status, "state.waiting.reason", "ContainerCreating"));
}

void podlog_answer(struct engine *e, struct snap *pod, struct call *c, struct answer *ret)
{
	const char *asked = call_arg(c, "container");
	const cJSON *container = podspec_container(pod->json, asked);
	struct podlog *l;
	cJSON *wrong;
	uint64_t lines;

	if (!container) {
		answer_status(ret,
			status_make(400, NULL,
				asked && *asked ? "container %s is not valid for pod %s"
						: "%sa container name must be specified for pod %s",
				asked && *asked ? asked : "", pod->name));
		return;
	}
	l = xcalloc(1, sizeof(*l));
	*l = (struct podlog){ .source = { .next = next, .close = close_log },
		.fd = -1,
		.limit = UINT64_MAX,
		.at_line_start = true,
		.pending = BUF_INIT(4 * PIECE_BYTES) };
	wrong = open_log(e, pod, json_text(container, "name"), c, l);
	if (wrong) {
		close_log(&l->source);
		answer_status(ret, wrong);
		return;
	}
	l->store = e->store;
	l->ns = xstrdup(pod->ns);
	l->pod = xstrdup(pod->name);
	l->uid = xstrdup(pod->uid);
	l->container = xstrdup(json_text(container, "name"));
	l->follow = call_flag(c, "follow");
	l->timestamps = call_flag(c, "timestamps");
	l->since_ms = since(c);
	if (call_number(c, "limitBytes", UINT64_MAX, &l->limit) == -ENOENT)
		l->limit = UINT64_MAX;
	if (call_number(c, "tailLines", 1u << 30, &lines) == 0)
		seek_tail(l, lines);
	ret->code = 200;
	ret->type = "text/plain";
	ret->source = &l->source;
}
