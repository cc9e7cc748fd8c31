/*
 * -o custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[0].image, as kubectl has it.
 */
#ifndef SBX_PLUGIN_COLUMNS_H
#define SBX_PLUGIN_COLUMNS_H

#include "plugin/jsonpath.h"
#include "plugin/table.h"

struct columns {
	char **heads;
	struct jsonpath **paths;
	size_t count;
};

/* -EINVAL: err says what is wrong. columns_fini also after a failure. */
int columns_parse(const char *spec, struct columns *ret, struct err *err);

/* Of a file: a line of heads and a line of paths, with blanks between. */
int columns_parse_lines(const char *text, struct columns *ret, struct err *err);
void columns_fini(struct columns *c);

void columns_add_heads(const struct columns *c, struct table *t);

/* A row: all that a path finds with commas between, "<none>" for nothing. jsonpath_find's errors. */
int columns_add_row(const struct columns *c, const cJSON *object, struct table *t, struct err *err);

#endif
