#include "common/kube/watchline.h"
#include "common/kube/json.h"

void watchline_init(struct watchline *w, size_t max_bytes)
{
	buf_init(&w->held, max_bytes);
}

void watchline_fini(struct watchline *w)
{
	buf_fini(&w->held);
}

void watchline_reset(struct watchline *w)
{
	buf_reset(&w->held);
}

static bool blank(const char *line, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
			return false;
	}
	return true;
}

static int give(const char *line, size_t n, watchline_fn *fn, void *arg)
{
	return blank(line, n) ? 0 : fn(arg, line, n);
}

/* The rest of the line begun; a line that comes whole never passes through the buffer. */
static int finish(struct watchline *w, const char *bytes, size_t n, watchline_fn *fn, void *arg)
{
	int rc;

	if (!w->held.len)
		return n > w->held.max ? -EMSGSIZE : give(bytes, n, fn, arg);
	buf_add(&w->held, bytes, n);
	rc = buf_check(&w->held);
	if (rc == 0)
		rc = give(w->held.data, w->held.len, fn, arg);
	buf_reset(&w->held);
	return rc;
}

int watchline_feed(struct watchline *w, const char *bytes, size_t n, watchline_fn *fn, void *arg)
{
	const char *end;
	int rc;

	while (n && (end = memchr(bytes, '\n', n))) {
		size_t line = (size_t)(end - bytes);

		rc = finish(w, bytes, line, fn, arg);
		if (rc != 0)
			return rc;
		bytes += line + 1;
		n -= line + 1;
	}
	buf_add(&w->held, bytes, n);
	return buf_check(&w->held);
}

int watchline_end(const struct watchline *w)
{
	return blank(w->held.data, w->held.len) ? 0 : -EPIPE;
}

static int kind_of(const char *type, struct watch_event *e)
{
	static const char *const names[] = { "ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(names[i], type) == 0) {
			e->kind = (enum watch_kind)i;
			e->type = names[i];
			return 0;
		}
	}
	return -EBADMSG;
}

int watch_event_parse(const char *line, size_t n, struct watch_event *ret)
{
	struct watch_event e = { .root = json_parse(line, n) };

	e.object = json_at(e.root, "object");
	if (!cJSON_IsObject(e.object) || kind_of(json_str(e.root, "type", ""), &e) < 0) {
		cJSON_Delete(e.root);
		return -EBADMSG;
	}
	e.rv = json_str(e.object, "metadata.resourceVersion", "");
	*ret = e;
	return 0;
}

void watch_event_fini(struct watch_event *e)
{
	cJSON_Delete(e->root);
	memset(e, 0, sizeof(*e));
}
