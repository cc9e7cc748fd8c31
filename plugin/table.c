#include "plugin/table.h"

#include "common/base/buf.h"
#include "common/base/log.h"

#include <assert.h>

#define CELL_BYTES_MAX 1024
#define WHOLE_MAX      (16 * 1024 * 1024)
#define WIDTH_MIN      3 /* kubectl's, of a column that is not the last one */

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
	free(t->paints);
	*t = (struct table){ 0 };
}

/* Takes cell. */
static void add(struct table *t, char *cell)
{
	t->cells = xrealloc(t->cells, (t->count + 1) * sizeof(*t->cells));
	t->paints = xrealloc(t->paints, (t->count + 1) * sizeof(*t->paints));
	t->paints[t->count] = PAINT_NONE;
	t->cells[t->count++] = cell ? cell : xstrdup("");
}

void table_add(struct table *t, const char *cell)
{
	auto_buf text = BUF_INIT(4 * CELL_BYTES_MAX);

	log_escape(&text, cell, strnlen(cell, CELL_BYTES_MAX));
	if (!text.len)
		buf_char(&text, '-');
	add(t, buf_steal(&text));
}

void table_add_whole(struct table *t, const char *cell)
{
	auto_buf text = BUF_INIT(4 * WHOLE_MAX);

	log_escape(&text, cell, strnlen(cell, WHOLE_MAX));
	add(t, buf_steal(&text));
}

void table_paint(struct table *t, enum paint paint)
{
	t->paints[t->count - 1] = paint;
}

static void measure(const struct table *t, size_t *widths)
{
	for (size_t i = 0; i < t->count; i++) {
		size_t n = strlen(t->cells[i]);

		if (n < WIDTH_MIN)
			n = WIDTH_MIN;
		if (n > widths[i % t->columns])
			widths[i % t->columns] = n;
	}
}

static void print_cell(const struct table *t, size_t i, FILE *to, bool paints)
{
	enum paint paint = paints ? t->paints[i] : PAINT_NONE;

	fputs(paint_on(paint), to);
	fputs(t->cells[i], to);
	if (paint != PAINT_NONE)
		fputs(PAINT_OFF, to);
}

void table_print(const struct table *t, FILE *to, size_t *widths)
{
	size_t own[TABLE_COLUMNS_MAX] = { 0 };
	bool paints = paint_wanted(fileno(to));

	if (!widths)
		widths = own;
	measure(t, widths);
	for (size_t i = 0; i < t->count; i++) {
		size_t column = i % t->columns;

		print_cell(t, i, to, paints);
		if (column + 1 == t->columns)
			fputc('\n', to);
		else
			fprintf(to, "%*s   ", (int)(widths[column] - strlen(t->cells[i])), "");
	}
}
