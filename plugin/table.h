/*
 * Columns, as wide as their widest cell, three spaces between.
 */
#ifndef SBX_PLUGIN_TABLE_H
#define SBX_PLUGIN_TABLE_H

#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 12

struct table {
	size_t columns;
	size_t count; /* cells so far */
	char **cells; /* row by row, ours */
};

void table_init(struct table *t, size_t columns);
void table_fini(struct table *t);

/* One cell, row by row; copied; an empty one shows as "-". Foreign bytes are escaped here. */
void table_add(struct table *t, const char *cell);

/* widths: columns numbers, grown as needed, so that a later table (a watch) lines up; or NULL. */
void table_print(const struct table *t, FILE *to, size_t *widths);

#endif
