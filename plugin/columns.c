#include "plugin/columns.h"

#include <errno.h>

#define CELL_MAX (16 * 1024 * 1024)
#define BLANKS   " \t\r\n"

static int add(struct columns *c, const char *head, size_t head_n, const char *path, size_t path_n,
	struct err *err)
{
	auto_free char *text = xstrndup(path, path_n);
	struct jsonpath *parsed;
	int rc;

	if (c->count == TABLE_COLUMNS_MAX)
		return err_set(err, -EINVAL, "more than %d columns", TABLE_COLUMNS_MAX);
	rc = jsonpath_parse_relaxed(text, &parsed, err);
	if (rc < 0)
		return err_wrap(err, rc, "column %.*s", head_n < 60 ? (int)head_n : 60, head);
	c->heads = xrealloc(c->heads, (c->count + 1) * sizeof(*c->heads));
	c->paths = xrealloc(c->paths, (c->count + 1) * sizeof(*c->paths));
	c->heads[c->count] = xstrndup(head, head_n);
	c->paths[c->count++] = parsed;
	return 0;
}

int columns_parse(const char *spec, struct columns *ret, struct err *err)
{
	*ret = (struct columns){ 0 };
	if (!*spec)
		return err_set(err, -EINVAL,
			"custom-columns wants its columns: custom-columns=NAME:.metadata.name");
	for (const char *at = spec;; at++) {
		size_t n = strcspn(at, ",");
		const char *colon = memchr(at, ':', n);
		int rc;

		if (!colon)
			return err_set(err, -EINVAL,
				"a column is HEAD:PATH, as NAME:.metadata.name, not \"%.*s\"",
				n < 60 ? (int)n : 60, at);
		rc = add(ret, at, (size_t)(colon - at), colon + 1, (size_t)(at + n - colon - 1),
			err);
		if (rc < 0)
			return rc;
		at += n;
		if (!*at)
			return 0;
	}
}

int columns_parse_lines(const char *text, struct columns *ret, struct err *err)
{
	const char *head = text, *path = strchr(text, '\n');

	*ret = (struct columns){ 0 };
	while (path) {
		size_t head_n, path_n;
		int rc;

		head += strspn(head, " \t\r");
		path += strspn(path, BLANKS);
		head_n = strcspn(head, BLANKS);
		path_n = strcspn(path, BLANKS);
		if (!head_n && !path_n && ret->count)
			return 0;
		if (!head_n || !path_n)
			break;
		rc = add(ret, head, head_n, path, path_n, err);
		if (rc < 0)
			return rc;
		head += head_n;
		path += path_n;
	}
	return err_set(err, -EINVAL,
		"the file of columns wants a line of heads and a line with as many paths");
}

void columns_fini(struct columns *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->heads[i]);
		jsonpath_free(c->paths[i]);
	}
	free(c->heads);
	free(c->paths);
	*c = (struct columns){ 0 };
}

void columns_add_heads(const struct columns *c, struct table *t)
{
	for (size_t i = 0; i < c->count; i++)
		table_add_whole(t, c->heads[i]);
}

int columns_add_row(const struct columns *c, const cJSON *object, struct table *t, struct err *err)
{
	for (size_t i = 0; i < c->count; i++) {
		auto_buf cell = BUF_INIT(CELL_MAX);
		struct jsonpath_values v;
		int rc = jsonpath_find(c->paths[i], object, &v, err);

		for (size_t j = 0; !rc && j < v.count; j++) {
			if (j)
				buf_char(&cell, ',');
			jsonpath_value_cell(v.at[j], &cell);
		}
		table_add_whole(t, v.count ? buf_text(&cell) : "<none>");
		jsonpath_values_fini(&v);
		if (!rc && buf_check(&cell) < 0)
			rc = err_set(err, -EMSGSIZE, "a cell would be larger than 16 MiB");
		if (rc < 0)
			return err_wrap(err, rc, "column %.60s", c->heads[i]);
	}
	return 0;
}
