/*
 * kubectl's JSONPath templates: -o jsonpath=, custom columns, --sort-by.
 *
 * The language is what k8s.io/client-go/util/jsonpath makes of it, oddities included, for what works
 * with kubectl is to work here: text outside of {} stands for itself; {.a.b}, {['a']}, {.a[0]},
 * {.a[1:3]}, {.a[-1]}, {.a[0,2]}, {.a[*]}, {.*}, {..a}, {@}, {$} (both: the object at hand),
 * {.a[?(@.b=="c")]} with == != < <= > >= or a path alone, {"quoted\n"}, {range .a}...{end}. What is
 * missing gives nothing; an index out of bounds is an error. A dot in a name is written "\.".
 *
 * Two differences: {.*} and {..} go by the order of the document where kubectl's order is random, and
 * 1 equals 1.0.
 */
#ifndef SBX_PLUGIN_JSONPATH_H
#define SBX_PLUGIN_JSONPATH_H

#include "common/base/buf.h"
#include "common/base/err.h"

#include <cjson/cJSON.h>

#define JSONPATH_TEXT_MAX  (64 * 1024)
#define JSONPATH_DEPTH_MAX 30 /* filters in filters */
#define JSONPATH_VALUES_MAX                                                                        \
	1000000 /* found at once, and looked at in all of one evaluation times 16 */

struct jsonpath;

/* -EINVAL: err says what is wrong; -EMSGSIZE: longer or deeper than the above. */
int jsonpath_parse(const char *text, struct jsonpath **ret, struct err *err);

/* The same of one path without its braces, or its first dot, or with them: "metadata.name". */
int jsonpath_parse_relaxed(const char *text, struct jsonpath **ret, struct err *err);
void jsonpath_free(struct jsonpath *p);

/* What was found, each a value of the object, or a text of the template: borrowed from both. */
struct jsonpath_values {
	const cJSON **at;
	size_t count;
};

/* Appends the text of the whole template. -EINVAL: it does not fit this object; -EMSGSIZE. */
int jsonpath_print(const struct jsonpath *p, const cJSON *object, struct buf *ret, struct err *err);

/* All values one after the other. The same errors. values_fini is the caller's, also after one. */
int jsonpath_find(const struct jsonpath *p, const cJSON *object, struct jsonpath_values *ret,
	struct err *err);
void jsonpath_values_fini(struct jsonpath_values *v);

/* As kubectl prints a value in a template: text as it is, objects and arrays as JSON in one line. */
void jsonpath_value_text(const cJSON *value, struct buf *ret);

/* As kubectl prints a value in a column, which is Go's: map[a:b], [x y], <nil>. */
void jsonpath_value_cell(const cJSON *value, struct buf *ret);

#endif
