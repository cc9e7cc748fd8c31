/*
 * A template on an object -> what it finds; as jsonpath.go does it, whose {range} runs over the rest of
 * the template again and again, each time to its {end}.
 */
#include "plugin/jsonpathpriv.h"

#include <errno.h>

#define PRINT_MAX (64 * 1024 * 1024)

/* What {...} or a text has found, one after the other: between two of the same one comes a space. */
typedef int found_fn(void *arg, const struct jsonpath_values *v, struct err *err);

struct finder {
	const struct path_node *root;
	int begun, inside, ended; /* ranges */
	size_t last_end;          /* the {end} last met; root->count: none */
	size_t steps;
	bool dry; /* nothing is found: only the {end} is looked for */
	found_fn *found;
	void *arg;
	struct err *err;
};

void jsonpath_values_fini(struct jsonpath_values *v)
{
	free(v->at);
	*v = (struct jsonpath_values){ 0 };
}

#define auto_values struct jsonpath_values auto_with(jsonpath_values_fini)

static int put(struct finder *f, struct jsonpath_values *v, const cJSON *value)
{
	if (v->count == JSONPATH_VALUES_MAX || f->steps++ > 16 * (size_t)JSONPATH_VALUES_MAX)
		return err_set(f->err, -EMSGSIZE, "the JSONPath finds too much");
	if (!(v->count & (v->count - 1)))
		v->at = xrealloc(v->at, (v->count ? 2 * v->count : 1) * sizeof(*v->at));
	v->at[v->count++] = value;
	return 0;
}

static int put_all(struct finder *f, struct jsonpath_values *to, const struct jsonpath_values *v)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < v->count; i++)
		rc = put(f, to, v->at[i]);
	return rc;
}

static int walk(struct finder *f, const struct path_node *n, const struct jsonpath_values *in,
	struct jsonpath_values *ret);

/* --- each kind of node ------------------------------------------------------------------ */

static int walk_list(struct finder *f, const struct path_node *n, const struct jsonpath_values *in,
	struct jsonpath_values *ret)
{
	auto_values now = { 0 };
	int rc = put_all(f, &now, in);

	for (size_t i = 0; !rc && i < n->count; i++) {
		struct jsonpath_values next = { 0 };

		rc = walk(f, n->parts[i], &now, &next);
		jsonpath_values_fini(&now);
		now = next;
	}
	return rc ? rc : put_all(f, ret, &now);
}

/* A text stands for itself, whatever was found before; other literals come once for each of that. */
static int walk_literal(struct finder *f, const struct path_node *n,
	const struct jsonpath_values *in, struct jsonpath_values *ret)
{
	size_t times = cJSON_IsString(n->value) ? 1 : in->count;
	int rc = 0;

	for (size_t i = 0; !rc && i < times; i++)
		rc = put(f, ret, n->value);
	return rc;
}

/* Of duplicates the last one; a null is a value. */
static const cJSON *member(const cJSON *object, const char *name)
{
	const cJSON *found = NULL, *item;

	if (!cJSON_IsObject(object))
		return NULL;
	cJSON_ArrayForEach (item, object)
		if (item->string && !strcmp(item->string, name))
			found = item;
	return found;
}

static int walk_field(struct finder *f, const struct path_node *n, const struct jsonpath_values *in,
	struct jsonpath_values *ret)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < in->count; i++) {
		const cJSON *value = member(in->at[i], n->name);

		if (value)
			rc = put(f, ret, value);
	}
	return rc;
}

static int out_of_bounds(struct finder *f, int index, int length)
{
	return err_set(
		f->err, -EINVAL, "array index out of bounds: index %d, length %d", index, length);
}

/* From s to first, behind the last, and step, in an array so long. 1: nothing of it. */
static int bounds(struct finder *f, const struct path_slice *s, int length, int *ret)
{
	int first = s->known[0] ? s->at[0] : 0;
	int end = s->known[1] ? s->at[1] : length;

	if (first < 0)
		first += length;
	if (end < 0 || (end == 0 && s->single))
		end += length;
	if (first == end)
		return 1;
	if (first < 0 || first >= length)
		return out_of_bounds(f, first, length);
	if (end < 0 || end > length)
		return out_of_bounds(f, end - 1, length);
	if (first > end)
		return err_set(f->err, -EINVAL, "starting index %d is greater than ending index %d",
			first, end);
	if (s->known[2] && s->at[2] <= 0)
		return err_set(f->err, -EINVAL, "step must be > 0");
	ret[0] = first;
	ret[1] = end;
	ret[2] = s->known[2] ? s->at[2] : 1;
	return 0;
}

static int walk_slice(struct finder *f, const struct path_node *n, const struct jsonpath_values *in,
	struct jsonpath_values *ret)
{
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < in->count; i++) {
		const cJSON *item;
		int of[3] = { 0, 0, 1 }, at = 0;

		if (cJSON_IsNull(in->at[i]))
			continue;
		if (!cJSON_IsArray(in->at[i]))
			return err_set(f->err, -EINVAL, "what an index is asked of is no array");
		rc = bounds(f, &n->slice, cJSON_GetArraySize(in->at[i]), of);
		if (rc == 1)
			return 0;
		if (rc < 0)
			return rc;
		cJSON_ArrayForEach (item, in->at[i]) {
			if (at >= of[0] && at < of[1] && (at - of[0]) % of[2] == 0)
				rc = put(f, ret, item);
			at++;
			if (rc < 0)
				return rc;
		}
	}
	return rc;
}

static int walk_any(struct finder *f, const struct jsonpath_values *in, struct jsonpath_values *ret)
{
	const cJSON *item;
	int rc = 0;

	for (size_t i = 0; !rc && i < in->count; i++) {
		if (!cJSON_IsObject(in->at[i]) && !cJSON_IsArray(in->at[i]))
			continue;
		cJSON_ArrayForEach (item, in->at[i])
			if (!rc)
				rc = put(f, ret, item);
	}
	return rc;
}

/* Texts count, for to Go they have parts; what is empty does not. JSON's depth is json_parse's. */
static int descend(struct finder *f, const cJSON *value, struct jsonpath_values *ret)
{
	bool parts = (cJSON_IsObject(value) || cJSON_IsArray(value)) && value->child;
	const cJSON *item;
	int rc;

	if (!parts && !(cJSON_IsString(value) && *value->valuestring))
		return 0;
	rc = put(f, ret, value);
	if (!parts)
		return rc;
	cJSON_ArrayForEach (item, value)
		if (!rc)
			rc = descend(f, item, ret);
	return rc;
}

static int walk_descent(
	struct finder *f, const struct jsonpath_values *in, struct jsonpath_values *ret)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < in->count; i++)
		rc = descend(f, in->at[i], ret);
	return rc;
}

static int walk_union(struct finder *f, const struct path_node *n, const struct jsonpath_values *in,
	struct jsonpath_values *ret)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < n->count; i++)
		rc = walk(f, n->parts[i], in, ret);
	return rc;
}

/* --- filters ------------------------------------------------------------------------------ */

static bool holds(enum path_compare compare, int order)
{
	switch (compare) {
	case PATH_EQ:
		return order == 0;
	case PATH_NE:
		return order != 0;
	case PATH_LT:
		return order < 0;
	case PATH_LE:
		return order <= 0;
	case PATH_GT:
		return order > 0;
	case PATH_GE:
		return order >= 0;
	case PATH_EXISTS:
		break;
	}
	return true;
}

static int compare(
	struct finder *f, enum path_compare how, const cJSON *left, const cJSON *right, bool *ret)
{
	int order;

	if (cJSON_IsString(left) && cJSON_IsString(right))
		order = strcmp(left->valuestring, right->valuestring);
	else if (cJSON_IsNumber(left) && cJSON_IsNumber(right))
		order = (left->valuedouble > right->valuedouble) -
			(left->valuedouble < right->valuedouble);
	else if (cJSON_IsBool(left) && cJSON_IsBool(right) && (how == PATH_EQ || how == PATH_NE))
		order = cJSON_IsTrue(left) != cJSON_IsTrue(right);
	else
		return err_set(f->err, -EINVAL, "incompatible types for comparison");
	*ret = holds(how, order);
	return 0;
}

/* One side of a comparison. 1: it is not there. */
static int side(struct finder *f, const struct path_node *n, const cJSON *item, const cJSON **ret)
{
	const struct jsonpath_values in = { &item, 1 };
	auto_values found = { 0 };
	int rc = walk(f, n, &in, &found);

	if (rc < 0 || !found.count)
		return rc < 0 ? rc : 1;
	if (found.count > 1)
		return err_set(f->err, -EINVAL, "can only compare one element at a time");
	*ret = found.at[0];
	return 0;
}

static int exists(struct finder *f, const struct path_node *n, const cJSON *item, bool *ret)
{
	const struct jsonpath_values in = { &item, 1 };
	auto_values found = { 0 };
	int rc = walk(f, n, &in, &found);

	/* where kubectl meets an error here, as an index out of bounds, it goes by what it had before */
	*ret = found.count || rc == -EINVAL;
	return rc == -EMSGSIZE ? rc : 0;
}

static int passes(struct finder *f, const struct path_node *n, const cJSON *item, bool *ret)
{
	const cJSON *left = NULL, *right = NULL;
	int rc;

	*ret = false;
	if (n->compare == PATH_EXISTS)
		return exists(f, n->parts[0], item, ret);
	rc = side(f, n->parts[0], item, &left);
	if (!rc)
		rc = side(f, n->parts[1], item, &right);
	if (!rc)
		rc = compare(f, n->compare, left, right, ret);
	return rc < 0 ? rc : 0;
}

static int walk_filter(struct finder *f, const struct path_node *n,
	const struct jsonpath_values *in, struct jsonpath_values *ret)
{
	for (size_t i = 0; i < in->count; i++) {
		const cJSON *item;

		if (!cJSON_IsArray(in->at[i]))
			return err_set(f->err, -EINVAL, "what a filter is asked of is no array");
		cJSON_ArrayForEach (item, in->at[i]) {
			bool yes;
			int rc = passes(f, n, item, &yes);

			if (!rc && yes)
				rc = put(f, ret, item);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

/* --- */

static int walk(struct finder *f, const struct path_node *n, const struct jsonpath_values *in,
	struct jsonpath_values *ret)
{
	switch (n->kind) {
	case PATH_LIST:
		return walk_list(f, n, in, ret);
	case PATH_LITERAL:
		return walk_literal(f, n, in, ret);
	case PATH_FIELD:
		return walk_field(f, n, in, ret);
	case PATH_SLICE:
		return walk_slice(f, n, in, ret);
	case PATH_FILTER:
		return walk_filter(f, n, in, ret);
	case PATH_ANY:
		return walk_any(f, in, ret);
	case PATH_DESCENT:
		return walk_descent(f, in, ret);
	case PATH_UNION:
		return walk_union(f, n, in, ret);
	case PATH_RANGE:
		f->begun++;
		return put_all(f, ret, in);
	case PATH_END:
		if (!f->inside)
			return err_set(f->err, -EINVAL, "not in range, nothing to end");
		f->ended++;
		return 0;
	}
	return -EINVAL;
}

static int find(struct finder *f, const struct jsonpath_values *in, size_t from);

/* The rest of the template, to its {end}, on each of v; on none, only the {end} is looked for. */
static int repeat(struct finder *f, const struct jsonpath_values *v, size_t from)
{
	bool dry = f->dry;
	int rc = 0;

	f->inside++;
	for (size_t i = 0; !rc && i < v->count; i++) {
		const struct jsonpath_values one = { v->at + i, 1 };

		rc = find(f, &one, from);
	}
	if (!v->count) {
		f->dry = true;
		rc = find(f, v, from);
		f->dry = dry;
	}
	f->inside--;
	return rc;
}

static int find(struct finder *f, const struct jsonpath_values *in, size_t from)
{
	for (size_t i = from; i < f->root->count; i++) {
		auto_values v = { 0 };
		int rc = walk(f, f->root->parts[i], in, &v);

		if (rc < 0)
			return rc;
		if (f->ended && f->ended <= f->inside) {
			f->ended--;
			f->last_end = i;
			return 0;
		}
		if (f->begun) {
			f->begun--;
			rc = repeat(f, &v, i + 1);
			if (f->last_end > i && f->last_end < f->root->count)
				i = f->last_end;
		} else if (!f->dry) {
			rc = f->found(f->arg, &v, f->err);
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int run(
	const struct jsonpath *p, const cJSON *object, found_fn *found, void *arg, struct err *err)
{
	struct finder f = {
		.root = p->root, .last_end = p->root->count, .found = found, .arg = arg, .err = err
	};
	const struct jsonpath_values in = { &object, 1 };
	int rc = find(&f, &in, 0);

	return rc < 0 ? err_wrap(err, rc, "the JSONPath does not fit") : 0;
}

static int print(void *arg, const struct jsonpath_values *v, struct err *err)
{
	struct buf *to = arg;

	for (size_t i = 0; i < v->count; i++) {
		if (i)
			buf_char(to, ' ');
		jsonpath_value_text(v->at[i], to);
		if (buf_check(to) < 0)
			return err_set(err, -EMSGSIZE, "it gives more than 64 MiB");
	}
	return 0;
}

int jsonpath_print(const struct jsonpath *p, const cJSON *object, struct buf *ret, struct err *err)
{
	auto_buf text = BUF_INIT(PRINT_MAX);
	int rc = run(p, object, print, &text, err);

	if (rc < 0)
		return rc;
	buf_add(ret, buf_text(&text), text.len);
	return buf_check(ret) < 0 ? err_set(err, -EMSGSIZE, "it gives too much") : 0;
}

struct gathering {
	struct finder counter; /* for put's ceilings */
	struct jsonpath_values *to;
};

static int gather(void *arg, const struct jsonpath_values *v, struct err *err)
{
	struct gathering *g = arg;

	g->counter.err = err;
	return put_all(&g->counter, g->to, v);
}

int jsonpath_find(
	const struct jsonpath *p, const cJSON *object, struct jsonpath_values *ret, struct err *err)
{
	struct gathering g = { .to = ret };

	*ret = (struct jsonpath_values){ 0 };
	return run(p, object, gather, &g, err);
}
