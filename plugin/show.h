/*
 * Sandboxes as output: a table, names, JSON or YAML.
 */
#ifndef SBX_PLUGIN_SHOW_H
#define SBX_PLUGIN_SHOW_H

#include "plugin/table.h"

#include "common/base/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

enum show_format { SHOW_TABLE, SHOW_WIDE, SHOW_NAME, SHOW_JSON, SHOW_YAML };

struct show {
	enum show_format format;
	bool namespaces; /* -A: a column for them; names as NAMESPACE/NAME, else pod/NAME */
	bool headers;    /* above the first rows only */
	size_t widths[TABLE_COLUMNS_MAX];
};

#define SHOW_FORMATS "name, wide, json or yaml"

/* NULL: the table. -EINVAL: no such format. */
int show_format_parse(const char *text, enum show_format *ret, struct err *err);

/* One Pod: a row, a name or a document. 0, or -EIO when it cannot be printed. */
int show_pod(struct show *s, const cJSON *pod, FILE *to, struct err *err);

/* items: an array of Pods; JSON and YAML as a List. */
int show_pods(struct show *s, const cJSON *items, FILE *to, struct err *err);

#endif
