#include "plugin/quantity.h"

#include "common/base/banned.h"

#include <ctype.h>
#include <errno.h>

static const struct {
	const char *suffix;
	double factor;
} table[] = {
	{ "", 1 },
	{ "n", 1e-9 },
	{ "u", 1e-6 },
	{ "m", 1e-3 },
	{ "k", 1e3 },
	{ "M", 1e6 },
	{ "G", 1e9 },
	{ "T", 1e12 },
	{ "P", 1e15 },
	{ "E", 1e18 },
	{ "Ki", 0x1p10 },
	{ "Mi", 0x1p20 },
	{ "Gi", 0x1p30 },
	{ "Ti", 0x1p40 },
	{ "Pi", 0x1p50 },
	{ "Ei", 0x1p60 },
};

static size_t digits(const char *at)
{
	size_t n = 0;

	while (isdigit((unsigned char)at[n]))
		n++;
	return n;
}

/* Digits with at most one dot, exact bytes: strtod alone would take "inf", "0x1" and a locale's
 * comma. */
static const char *number_end(const char *at)
{
	size_t whole = digits(at);
	size_t part = 0;

	at += whole;
	if (*at == '.') {
		part = digits(at + 1);
		at += 1 + part;
	}
	return whole + part ? at : NULL;
}

static const char *exponent_end(const char *at)
{
	const char *from = at + 1 + (at[1] == '+' || at[1] == '-');

	return *at && strchr("eE", *at) && digits(from) ? from + digits(from) : at;
}

int quantity_parse(const char *text, double *ret)
{
	const char *end = number_end(text);
	char number[40];

	if (!end)
		return -EINVAL;
	end = exponent_end(end);
	if ((size_t)(end - text) >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, (size_t)(end - text));
	number[end - text] = '\0';
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		if (strcmp(end, table[i].suffix))
			continue;
		*ret = strtod(number, NULL) * table[i].factor;
		return 0;
	}
	return -EINVAL;
}
