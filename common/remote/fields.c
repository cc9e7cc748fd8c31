#include "common/remote/fields.h"

#include <errno.h>
#include <string.h>

struct fields fields_of(const char *line, size_t n)
{
	return (struct fields){ .at = n ? line : NULL, .end = n ? line + n : line };
}

const char *fields_rest(struct fields *f, size_t *ret_n)
{
	const char *rest = f->at;

	if (f->bad || !rest) {
		f->bad = true;
		*ret_n = 0;
		return NULL;
	}
	*ret_n = (size_t)(f->end - rest);
	f->at = NULL;
	return rest;
}

const char *fields_word(struct fields *f, size_t *ret_n)
{
	size_t n;
	const char *word = fields_rest(f, &n);
	const char *space = word ? memchr(word, ' ', n) : NULL;

	if (space) {
		f->at = space + 1;
		n = (size_t)(space - word);
	}
	*ret_n = n;
	if (n)
		return word;
	f->bad = true;
	return NULL;
}

static unsigned digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 99;
}

static uint64_t number(struct fields *f, const char *word, size_t n, unsigned base, uint64_t max)
{
	uint64_t v = 0;

	if (!word || !n)
		f->bad = true;
	for (size_t i = 0; !f->bad && i < n; i++) {
		unsigned d = digit_of(word[i]);

		if (d >= base || v > (max - (d < max ? d : max)) / base || d > max)
			f->bad = true;
		else
			v = v * base + d;
	}
	return f->bad ? 0 : v;
}

uint64_t fields_u64(struct fields *f, uint64_t max)
{
	size_t n;
	const char *word = fields_word(f, &n);

	return number(f, word, n, 10, max);
}

uint64_t fields_hex(struct fields *f, uint64_t max)
{
	size_t n;
	const char *word = fields_word(f, &n);

	return number(f, word, n, 16, max);
}

int64_t fields_i64(struct fields *f)
{
	size_t n;
	const char *word = fields_word(f, &n);
	bool minus = word && word[0] == '-';
	uint64_t v = number(f, minus ? word + 1 : word, n - minus, 10, INT64_MAX);

	return minus ? -(int64_t)v : (int64_t)v;
}

bool fields_left(const struct fields *f)
{
	return f->at && !f->bad;
}

int fields_end(const struct fields *f)
{
	return f->bad || f->at ? -EBADMSG : 0;
}
