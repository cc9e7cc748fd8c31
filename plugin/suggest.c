#include "plugin/suggest.h"

#include "common/base/banned.h"

static size_t least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Levenshtein; both at most SUGGEST_BYTES_MAX long. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t row[SUGGEST_BYTES_MAX + 1];

	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t above = row[j];

			row[j] =
				least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[nb];
}

struct suggest suggest_for(const char *word)
{
	size_t n = strcspn(word, "=");

	/* a third of the letters may be wrong, but not all of a short word */
	return (struct suggest){ .word = word, .word_len = n, .best = n / 3 + (n > 1) + 1 };
}

void suggest_try(struct suggest *s, const char *candidate, size_t n)
{
	size_t d;

	if (!n || n > SUGGEST_BYTES_MAX || !s->word_len || s->word_len > SUGGEST_BYTES_MAX)
		return;
	d = distance(s->word, s->word_len, candidate, n);
	if (d >= s->best || d >= n)
		return;
	s->best = d;
	memcpy(s->text, candidate, n);
	s->text[n] = '\0';
}

const char *suggest_text(const struct suggest *s)
{
	return s->text;
}
