/*
 * libyaml's events become a cJSON tree by recursive descent. Its document
 * API would make cycles of aliases; here an alias is a counted copy of a
 * finished node, so a tree is always a tree and never larger than allowed.
 */
#include "common/kube/yaml.h"

#include <yaml.h>

struct size {
	size_t nodes, text;
};

struct anchor {
	char *name;
	cJSON *node; /* a copy; NULL while it is being read */
	struct size size;
};

struct loader {
	yaml_parser_t parser;
	yaml_event_t event; /* the present one */
	bool have_event;
	int depth;
	struct size used;
	struct anchor *anchors;
	size_t anchor_count;
	struct err *err;
};

static int node(struct loader *l, cJSON **ret);

static unsigned long line(const struct loader *l)
{
	return (unsigned long)l->event.start_mark.line + 1;
}

static int next(struct loader *l)
{
	if (l->have_event)
		yaml_event_delete(&l->event);
	l->have_event = false;
	if (!yaml_parser_parse(&l->parser, &l->event)) {
		size_t at = l->parser.problem_mark.line;

		if (l->parser.error == YAML_READER_ERROR)
			return err_set(l->err, -EINVAL, "not YAML: %s at byte %zu",
				l->parser.problem, l->parser.problem_offset);
		return err_set(l->err, -EINVAL, "line %zu: not YAML: %s", at + 1,
			l->parser.problem ? l->parser.problem : "cannot be read");
	}
	l->have_event = true;
	return 0;
}

static int spend(struct loader *l, size_t nodes, size_t text)
{
	l->used.nodes += nodes;
	l->used.text += text;
	if (l->used.nodes > YAML_NODES_MAX || l->used.text > YAML_TEXT_MAX)
		return err_set(l->err, -EMSGSIZE,
			"line %lu: more than %d values or %d MiB of text once aliases are expanded",
			line(l), YAML_NODES_MAX, YAML_TEXT_MAX >> 20);
	return 0;
}

/* --- anchors --------------------------------------------------------------- */

/* Index of a new anchor, -ENOENT when the node has none, -EMSGSIZE. */
static int anchor_begin(struct loader *l, const yaml_char_t *name)
{
	if (!name)
		return -ENOENT;
	if (l->anchor_count == YAML_ANCHOR_MAX)
		return err_set(l->err, -EMSGSIZE, "line %lu: more than %d anchors", line(l),
			YAML_ANCHOR_MAX);
	l->anchors = xrealloc(l->anchors, (l->anchor_count + 1) * sizeof(*l->anchors));
	l->anchors[l->anchor_count] =
		(struct anchor){ .name = xstrdup((const char *)name), .size = l->used };
	return (int)l->anchor_count++;
}

/* The anchor keeps a copy of its own, since merging may take the node apart. It is counted like any
 * other. */
static int anchor_end(struct loader *l, int at, cJSON *what)
{
	struct anchor *a;

	if (at < 0)
		return 0;
	a = &l->anchors[at];
	a->size.nodes = l->used.nodes - a->size.nodes + 1;
	a->size.text = l->used.text - a->size.text;
	a->node = cJSON_Duplicate(what, true);
	return spend(l, a->size.nodes, a->size.text);
}

static void anchors_free(struct loader *l)
{
	for (size_t i = 0; i < l->anchor_count; i++) {
		free(l->anchors[i].name);
		cJSON_Delete(l->anchors[i].node);
	}
	free(l->anchors);
}

static int depth_of(const cJSON *item)
{
	int deepest = 0;
	const cJSON *at;

	cJSON_ArrayForEach (at, item) {
		int d = depth_of(at);

		deepest = d > deepest ? d : deepest;
	}
	return deepest + 1;
}

/* Its name is not said in sentences: it may be a secret that wants quotes. */
static int alias(struct loader *l, cJSON **ret)
{
	const char *name = (const char *)l->event.data.alias.anchor;
	struct anchor *a = NULL;
	int rc;

	for (size_t i = l->anchor_count; i > 0 && !a; i--) {
		if (strcmp(l->anchors[i - 1].name, name) == 0)
			a = &l->anchors[i - 1];
	}
	if (!a)
		return err_set(l->err, -EINVAL, "line %lu: an alias (*) names no anchor before it",
			line(l));
	if (!a->node)
		return err_set(l->err, -EINVAL,
			"line %lu: an alias (*) stands inside its own anchor", line(l));
	rc = spend(l, a->size.nodes, a->size.text);
	if (rc < 0)
		return rc;
	if (l->depth + depth_of(a->node) > YAML_DEPTH_MAX)
		return err_set(l->err, -EMSGSIZE, "line %lu: more than %d levels deep", line(l),
			YAML_DEPTH_MAX);
	*ret = cJSON_Duplicate(a->node, true);
	return 0;
}

/* --- scalars --------------------------------------------------------------- */

static cJSON *tagged(const char *text, const char *tag, bool plain)
{
	if (tag && strcmp(tag, YAML_STR_TAG) == 0)
		return cJSON_CreateString(text);
	if (tag && (strcmp(tag, YAML_INT_TAG) == 0 || strcmp(tag, YAML_FLOAT_TAG) == 0 ||
			   strcmp(tag, YAML_BOOL_TAG) == 0 || strcmp(tag, YAML_NULL_TAG) == 0))
		return yaml_scalar(text);
	return plain && !tag ? yaml_scalar(text) : cJSON_CreateString(text);
}

static int scalar_text(struct loader *l, const char **ret)
{
	const char *text = (const char *)l->event.data.scalar.value;

	if (memchr(text, '\0', l->event.data.scalar.length))
		return err_set(
			l->err, -EINVAL, "line %lu: text with a NUL character in it", line(l));
	*ret = text;
	return spend(l, 0, l->event.data.scalar.length);
}

static int scalar(struct loader *l, cJSON **ret)
{
	const char *text = NULL;
	cJSON *made;
	int at, rc = scalar_text(l, &text);

	if (rc < 0)
		return rc;
	at = anchor_begin(l, l->event.data.scalar.anchor);
	if (at < 0 && at != -ENOENT)
		return at;
	if (at >= 0) /* the text was counted before its anchor was met */
		l->anchors[at].size.text -= strlen(text);
	made = tagged(text, (const char *)l->event.data.scalar.tag,
		l->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE);
	rc = anchor_end(l, at, made);
	if (rc < 0)
		cJSON_Delete(made);
	else
		*ret = made;
	return rc;
}

/* --- collections ----------------------------------------------------------- */

static int items(struct loader *l, cJSON *array)
{
	for (;;) {
		cJSON *item = NULL;
		int rc = next(l);

		if (rc < 0 || l->event.type == YAML_SEQUENCE_END_EVENT)
			return rc;
		rc = node(l, &item);
		if (rc < 0)
			return rc;
		cJSON_AddItemToArray(array, item);
	}
}

/* The members of a mapping with the sequence they came in; those merged by "<<" stand below zero.
 */
struct member {
	cJSON *item;
	long rank;
};

struct members {
	struct member *all;
	size_t count;
	long merged;
};

static void member_add(struct members *m, cJSON *item, long rank)
{
	if ((m->count & (m->count - 1)) == 0)
		m->all = xrealloc(m->all, (m->count ? m->count * 2 : 1) * sizeof(*m->all));
	m->all[m->count++] = (struct member){ item, rank };
}

static void members_fini(struct members *m)
{
	for (size_t i = 0; i < m->count; i++)
		cJSON_Delete(m->all[i].item);
	free(m->all);
}
#define auto_members struct members auto_with(members_fini)

/* Takes source. What was merged earlier wins over what is merged later. */
static void merge_one(struct members *m, cJSON *source)
{
	long rank = m->merged -= cJSON_GetArraySize(source);

	while (source->child)
		member_add(m, cJSON_DetachItemViaPointer(source, source->child), rank++);
	cJSON_Delete(source);
}

/* Takes source. */
static int merge(struct loader *l, struct members *m, cJSON *source)
{
	bool fine = cJSON_IsObject(source) || cJSON_IsArray(source);
	const cJSON *at;

	if (cJSON_IsObject(source)) {
		merge_one(m, source);
		return 0;
	}
	cJSON_ArrayForEach (at, source)
		fine = fine && cJSON_IsObject(at);
	while (fine && source->child)
		merge_one(m, cJSON_DetachItemViaPointer(source, source->child));
	cJSON_Delete(source);
	return fine ? 0
		    : err_set(l->err, -EINVAL, "line %lu: << needs a mapping or a list of them",
			      line(l));
}

static int by_key_then_rank(const void *one, const void *other)
{
	const struct member *a = one, *b = other;
	int order = strcmp(a->item->string, b->item->string);

	return order ? order : (a->rank > b->rank) - (a->rank < b->rank);
}

static int by_rank(const void *one, const void *other)
{
	const struct member *a = one, *b = other;

	return (a->rank > b->rank) - (a->rank < b->rank);
}

/* Of each key the highest rank, in the sequence they were written. */
static void settle(struct members *m, cJSON *object)
{
	size_t kept = 0;

	if (m->count == 0)
		return;
	qsort(m->all, m->count, sizeof(*m->all), by_key_then_rank);
	for (size_t i = 0; i < m->count; i++) {
		if (i + 1 < m->count &&
			strcmp(m->all[i].item->string, m->all[i + 1].item->string) == 0)
			cJSON_Delete(m->all[i].item);
		else
			m->all[kept++] = m->all[i];
	}
	m->count = kept;
	qsort(m->all, m->count, sizeof(*m->all), by_rank);
	for (size_t i = 0; i < m->count; i++)
		cJSON_AddItemToArray(object, m->all[i].item); /* keeps the item's own name */
	m->count = 0;
}

/* The key at the present event, as text. */
static int key(struct loader *l, char **ret, bool *ret_merge)
{
	const char *text = NULL;
	cJSON *copy = NULL;
	int rc;

	if (l->event.type == YAML_ALIAS_EVENT) {
		rc = alias(l, &copy);
		if (rc == 0 && yaml_text(copy))
			*ret = xstrdup(yaml_text(copy));
		else if (rc == 0)
			rc = err_set(
				l->err, -EINVAL, "line %lu: a key must be plain text", line(l));
		cJSON_Delete(copy);
		return rc;
	}
	if (l->event.type != YAML_SCALAR_EVENT)
		return err_set(l->err, -EINVAL, "line %lu: a key must be plain text", line(l));
	rc = scalar_text(l, &text);
	if (rc < 0)
		return rc;
	*ret_merge =
		l->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strcmp(text, "<<") == 0;
	rc = scalar(l, &copy); /* for its anchor */
	cJSON_Delete(copy);
	*ret = rc < 0 ? NULL : xstrdup(text);
	return rc;
}

static int members(struct loader *l, cJSON *object)
{
	auto_members m = { 0 };

	for (long rank = 0;; rank++) {
		auto_free char *name = NULL;
		bool is_merge = false;
		cJSON *item = NULL;
		int rc = next(l);

		if (rc == 0 && l->event.type == YAML_MAPPING_END_EVENT) {
			settle(&m, object);
			return 0;
		}
		if (rc == 0)
			rc = key(l, &name, &is_merge);
		if (rc == 0)
			rc = next(l);
		if (rc == 0)
			rc = node(l, &item);
		if (rc == 0 && is_merge)
			rc = merge(l, &m, item);
		if (rc < 0)
			return rc;
		if (is_merge)
			continue;
		item->string = take_ptr(name);
		member_add(&m, item, rank);
	}
}

static int collection(struct loader *l, cJSON **ret)
{
	bool map = l->event.type == YAML_MAPPING_START_EVENT;
	cJSON *whole;
	int at, rc;

	if (l->depth == YAML_DEPTH_MAX)
		return err_set(l->err, -EMSGSIZE, "line %lu: more than %d levels deep", line(l),
			YAML_DEPTH_MAX);
	at = anchor_begin(
		l, map ? l->event.data.mapping_start.anchor : l->event.data.sequence_start.anchor);
	if (at < 0 && at != -ENOENT)
		return at;
	whole = map ? cJSON_CreateObject() : cJSON_CreateArray();
	l->depth++;
	rc = map ? members(l, whole) : items(l, whole);
	l->depth--;
	if (rc == 0)
		rc = anchor_end(l, at, whole);
	if (rc < 0)
		cJSON_Delete(whole);
	else
		*ret = whole;
	return rc;
}

static int node(struct loader *l, cJSON **ret)
{
	int rc = spend(l, 1, 0);

	if (rc < 0)
		return rc;
	if (l->event.type == YAML_ALIAS_EVENT)
		return alias(l, ret);
	if (l->event.type == YAML_SCALAR_EVENT)
		return scalar(l, ret);
	return collection(l, ret);
}

static int document(struct loader *l, cJSON **ret)
{
	int rc = next(l); /* the stream's start */

	if (rc == 0)
		rc = next(l);
	if (rc < 0)
		return rc;
	if (l->event.type == YAML_STREAM_END_EVENT) {
		*ret = cJSON_CreateNull();
		return 0;
	}
	rc = next(l);
	return rc < 0 ? rc : node(l, ret);
}

int yaml_parse(const char *bytes, size_t n, cJSON **ret, struct err *err)
{
	struct loader l = { .err = err };
	int rc;

	if (n > YAML_BYTES_MAX)
		return err_set(err, -EMSGSIZE, "larger than %d MiB", YAML_BYTES_MAX >> 20);
	if (!yaml_parser_initialize(&l.parser))
		abort();
	yaml_parser_set_input_string(&l.parser, (const unsigned char *)bytes, n);
	rc = document(&l, ret);
	if (l.have_event)
		yaml_event_delete(&l.event);
	yaml_parser_delete(&l.parser);
	anchors_free(&l);
	return rc;
}
