#include "plugin/local/attach.h"
#include "common/base/io.h"
#include "plugin/local/podlog.h"

#include <fcntl.h>
#include <sys/inotify.h>

struct attach {
	int log;
	char *status; /* the shim's report */
	struct buf pending;
};

void attach_free(struct attach *a)
{
	if (!a)
		return;
	if (a->log >= 0)
		close(a->log);
	buf_fini(&a->pending);
	free(a->status);
	free(a);
}

int attach_begin(struct stream *s, struct err *err)
{
	auto_free char *log =
		xprintf("%s/%s.%lld.log", s->o.pod_dir, s->o.container, (long long)s->o.restarts);
	auto_free char *fifo = xprintf("%s/%s.stdin", s->o.pod_dir, s->o.container);
	struct attach *a = xcalloc(1, sizeof(*a));

	s->attach = a;
	buf_init(&a->pending, 4 * PODLOG_LINE_BYTES + STREAM_PIECE_BYTES);
	a->status = xprintf("%s/status.json", s->o.pod_dir);
	a->log = open(log, O_RDONLY | O_CLOEXEC);
	s->out.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (a->log < 0 || s->out.fd < 0 ||
		inotify_add_watch(s->out.fd, s->o.pod_dir, IN_MODIFY | IN_MOVED_TO) < 0)
		return err_set(err, -errno, "attaching to the log of %s: %m", s->o.container);
	lseek(a->log, 0, SEEK_END);
	if (s->o.in)
		s->in.fd = open(fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	return 0;
}

static void put_line(struct stream *s, const char *text, size_t n)
{
	struct podlog_line line;
	struct piece *p;

	if (podlog_parse(text, n, &line) < 0 || !(line.is_stderr ? s->o.err : s->o.out))
		return;
	if (line.text_bytes + 1 > STREAM_PIECE_BYTES)
		return;
	p = piece_new();
	p->bytes[STREAM_PRE] = line.is_stderr ? CHANNEL_STDERR : CHANNEL_STDOUT;
	memcpy(p->bytes + STREAM_PRE + 1, line.text, line.text_bytes);
	p->len = line.text_bytes + 1;
	if (!line.part)
		p->bytes[STREAM_PRE + p->len++] = '\n';
	stream_queue_output(s, p);
}

static void put_lines(struct stream *s, struct buf *pending)
{
	const char *from = buf_text(pending), *end = from + pending->len, *at = from, *newline;

	while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
		put_line(s, at, (size_t)(newline - at));
		at = newline + 1;
	}
	buf_drop(pending, (size_t)(at - from));
}

static bool runs(const struct stream *s)
{
	auto_json cJSON *report = NULL;
	const cJSON *c;

	if (json_load(s->attach->status, &report) < 0)
		return false;
	cJSON_ArrayForEach (c, json_at(report, "containers"))
		if (!strcmp(json_text_or(c, "id", ""), s->o.container_id))
			return json_at(c, "state.running");
	return false;
}

int attach_read(struct stream *s)
{
	struct attach *a = s->attach;
	char events[4096];
	bool going;

	while (read(s->out.fd, events, sizeof(events)) > 0)
		;
	going = runs(s); /* asked before reading, so that nothing behind it is missed */
	while (!stream_output_full(s)) {
		char piece[8 * 1024];
		ssize_t n = read(a->log, piece, sizeof(piece));

		if (n <= 0)
			return going ? 0 : -EPIPE;
		buf_add(&a->pending, piece, (size_t)n);
		put_lines(s, &a->pending);
		if (buf_check(&a->pending) < 0)
			return -EPIPE;
	}
	return 0;
}
