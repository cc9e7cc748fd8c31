/*
 * Columns, as wide as their widest cell, three spaces between.
 */
#ifndef SBX_PLUGIN_TABLE_H
#define SBX_PLUGIN_TABLE_H

#include "plugin/paint.h"

#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 64

struct table {
	size_t columns;
	size_t count;       /* cells so far */
	char **cells;       /* row by row, ours */
	enum paint *paints; /* of each, or NULL */
};

void table_init(struct table *t, size_t columns);
void table_fini(struct table *t);

/* One cell, row by row; copied, a long one cut; an empty one shows as "-". Foreign bytes are escaped here. */
void table_add(struct table *t, const char *cell);

/* The same, whole, and empty when it is. */
void table_add_whole(struct table *t, const char *cell);

/* The cell added last, where it is printed to somebody who wants that. */
void table_paint(struct table *t, enum paint paint);

/* widths: columns numbers, grown as needed, so that a later table (a watch) lines up; or NULL. */
void table_print(const struct table *t, FILE *to, size_t *widths);

#endif
