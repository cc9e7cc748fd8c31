#include "plugin/local/watch.h"
#include "common/base/clock.h"
#include "plugin/local/status.h"
#include "plugin/local/table.h"

#define WATCH_PIECE_BYTES (64u * 1024)
#define BOOKMARK_MS       60000

struct watch {
	struct source source; /* first: the two are cast to each other */
	struct store *store;
	const struct resource *resource;
	char *ns;
	char *include;
	struct select *labels;
	struct select *fields;
	bool bookmarks;
	bool initial_end;
	bool table;
	bool ended;
	uint64_t cursor;
	int64_t deadline;
	int64_t bookmark_due;
	struct snap **first; /* the state at the start, not sent yet */
	size_t n_first;
	size_t at_first;
};

static bool wanted(const struct watch *w, const struct snap *s)
{
	return s && select_matches(w->labels, s->json) && select_matches(w->fields, s->json);
}

static void put_event(struct watch *w, struct buf *out, const char *type, struct snap *s)
{
	buf_printf(out, "{\"type\":\"%s\",\"object\":", type);
	if (w->table) {
		auto_json cJSON *table = table_make(w->resource, &s, 1, s->rv, w->include);
		auto_free char *text = cJSON_PrintUnformatted(table);

		buf_str(out, text);
	} else {
		buf_add(out, s->text, strlen(s->text));
	}
	buf_str(out, "}\n");
}

static void put_bookmark(struct watch *w, struct buf *out, bool initial)
{
	char version[96];

	resource_api_version(w->resource, version);
	buf_printf(out,
		"{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"apiVersion\":\"%s\","
		"\"metadata\":{\"resourceVersion\":\"%llu\",\"creationTimestamp\":null%s}}}\n",
		w->table ? "Table" : w->resource->kind, w->table ? "meta.k8s.io/v1" : version,
		(unsigned long long)w->cursor,
		initial ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");
	w->bookmark_due = deadline_after(BOOKMARK_MS);
}

static void put_expired(struct watch *w, struct buf *out)
{
	auto_json cJSON *status = status_make(
		410, "Expired", "too old resource version: %llu", (unsigned long long)w->cursor);
	auto_free char *text = cJSON_PrintUnformatted(status);

	buf_printf(out, "{\"type\":\"ERROR\",\"object\":%s}\n", text);
	w->ended = true;
}

/* An object that begins or ceases to match is added or deleted for this watcher. */
static void put_change(struct watch *w, struct buf *out, const struct change *c)
{
	bool was = wanted(w, c->before), is = !c->deleted && wanted(w, c->now);

	if (is)
		put_event(w, out, was ? "MODIFIED" : "ADDED", c->now);
	else if (was)
		put_event(w, out, "DELETED", c->now);
}

static void put_first(struct watch *w, struct buf *out, size_t until)
{
	while (w->at_first < w->n_first && out->len < until) {
		struct snap *s = w->first[w->at_first++];

		if (wanted(w, s))
			put_event(w, out, "ADDED", s);
	}
	if (w->at_first < w->n_first || !w->initial_end)
		return;
	w->initial_end = false;
	put_bookmark(w, out, true);
}

static void put_changes(struct watch *w, struct buf *out, size_t until)
{
	struct change c;
	int rc = 0;

	while (out->len < until &&
		(rc = store_next(w->store, w->resource, w->ns, &w->cursor, &c)) > 0) {
		put_change(w, out, &c);
		change_fini(&c);
	}
	if (rc == -ESTALE)
		put_expired(w, out);
}

static int next(struct source *s, struct buf *out)
{
	struct watch *w = (struct watch *)s;
	size_t before = out->len, until = before + WATCH_PIECE_BYTES;

	if (w->ended || deadline_passed(w->deadline))
		return -EPIPE;
	put_first(w, out, until);
	if (w->at_first == w->n_first)
		put_changes(w, out, until);
	if (out->len == before && w->bookmarks && deadline_passed(w->bookmark_due))
		put_bookmark(w, out, false);
	s->wait_ms = deadline_left(
		w->bookmarks && w->bookmark_due < w->deadline ? w->bookmark_due : w->deadline);
	return out->len > before;
}

static void close_watch(struct source *s)
{
	struct watch *w = (struct watch *)s;

	snaps_free(w->first, w->n_first);
	select_free(w->labels);
	select_free(w->fields);
	free(w->ns);
	free(w->include);
	free(w);
}

int watch_open(struct store *st, const struct watch_options *o, struct source **ret)
{
	struct watch *w = xcalloc(1, sizeof(*w));
	struct change c;
	uint64_t probe = o->rv;
	int rc;

	*w = (struct watch){ .source = { .next = next, .close = close_watch },
		.store = st,
		.resource = o->resource,
		.ns = xstrdup(o->ns),
		.include = xstrdup(o->include),
		.labels = o->labels,
		.fields = o->fields,
		.bookmarks = o->bookmarks,
		.initial_end = o->initial_end,
		.table = o->table,
		.cursor = o->rv,
		.deadline = deadline_after(o->timeout_s * 1000),
		.bookmark_due = deadline_after(BOOKMARK_MS) };
	if (!o->has_rv)
		w->n_first = store_list(st, o->resource, o->ns, &w->first, &w->cursor);
	probe = w->cursor;
	rc = store_next(st, o->resource, o->ns, &probe, &c);
	if (rc > 0)
		change_fini(&c);
	if (rc < 0) {
		close_watch(&w->source);
		return rc;
	}
	*ret = &w->source;
	return 0;
}
