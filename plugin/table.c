#include "plugin/table.h"

#include "common/base/buf.h"
#include "common/base/log.h"

#include <assert.h>

#define CELL_BYTES_MAX 1024

void table_init(struct table *t, size_t columns)
{
	assert(columns && columns <= TABLE_COLUMNS_MAX);
	*t = (struct table){ .columns = columns };
}

void table_fini(struct table *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct table){ 0 };
}

void table_add(struct table *t, const char *cell)
{
	auto_buf text = BUF_INIT(4 * CELL_BYTES_MAX);

	log_escape(&text, cell, strnlen(cell, CELL_BYTES_MAX));
	if (!text.len)
		buf_char(&text, '-');
	t->cells = xrealloc(t->cells, (t->count + 1) * sizeof(*t->cells));
	t->cells[t->count++] = buf_steal(&text);
}

static void measure(const struct table *t, size_t *widths)
{
	for (size_t i = 0; i < t->count; i++) {
		size_t n = strlen(t->cells[i]);

		if (n > widths[i % t->columns])
			widths[i % t->columns] = n;
	}
}

void table_print(const struct table *t, FILE *to, size_t *widths)
{
	size_t own[TABLE_COLUMNS_MAX] = { 0 };

	if (!widths)
		widths = own;
	measure(t, widths);
	for (size_t i = 0; i < t->count; i++) {
		size_t column = i % t->columns;

		if (column + 1 == t->columns)
			fprintf(to, "%s\n", t->cells[i]);
		else
			fprintf(to, "%-*s   ", (int)widths[column], t->cells[i]);
	}
}
