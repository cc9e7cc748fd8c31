/*
 * Sandboxes as output: a table, names, JSON, YAML, or what a template or columns of one's own make of them.
 */
#ifndef SBX_PLUGIN_SHOW_H
#define SBX_PLUGIN_SHOW_H

#include "plugin/columns.h"
#include "plugin/table.h"

#include "common/base/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

enum show_format {
	SHOW_TABLE,
	SHOW_WIDE,
	SHOW_NAME,
	SHOW_JSON,
	SHOW_YAML,
	SHOW_JSONPATH,
	SHOW_COLUMNS
};

#define SHOW_LABELS_MAX 32

struct show {
	enum show_format format;
	bool namespaces; /* -A: a column for them; names as NAMESPACE/NAME, else pod/NAME */
	bool headers;    /* above the first rows only */
	bool all_labels; /* a column with all of them */
	char *labels[SHOW_LABELS_MAX]; /* a column each */
	size_t label_count;
	struct jsonpath *path;  /* SHOW_JSONPATH */
	struct columns columns; /* SHOW_COLUMNS */
	size_t widths[TABLE_COLUMNS_MAX];
};

#define auto_show struct show auto_with(show_fini)

#define SHOW_FORMATS                                                                               \
	"name, wide, json, yaml, jsonpath=TEMPLATE,\n"                                             \
	"jsonpath-file=FILE, custom-columns=HEAD:PATH,...\n"                                       \
	"or custom-columns-file=FILE"

/*
 * The format of -o; NULL: the table. Reads the file that it may name. -EINVAL: no such format, or what is
 * in it is wrong; -ENOENT and others of open(2). show_fini also after a failure.
 */
int show_parse(const char *text, struct show *s, struct err *err);
void show_fini(struct show *s);

/* Rows and a headline, rather than a document or words. */
bool show_is_table(const struct show *s);

/* One Pod: a row, a name, a document. -EIO when it cannot be printed; -EINVAL: a path does not fit it. */
int show_pod(struct show *s, const cJSON *pod, FILE *to, struct err *err);

/* items: an array of Pods; JSON, YAML and templates get a List. */
int show_pods(struct show *s, const cJSON *items, FILE *to, struct err *err);

#endif
