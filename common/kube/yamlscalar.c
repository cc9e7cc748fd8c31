/* What a plain scalar means. */
#include "common/kube/yaml.h"

#include <inttypes.h>
#include <math.h>

static bool one_of(const char *text, const char *const *words)
{
	for (; *words; words++) {
		if (strcmp(text, *words) == 0)
			return true;
	}
	return false;
}

/* 0x1F, 0o17, 017, 0b11, 31; -EINVAL when it is none or does not fit in 64 bits. */
static int integer(const char *at, double *ret)
{
	bool minus = *at == '-';
	uint64_t value;
	int base = 10;
	char *end;

	if (*at == '-' || *at == '+')
		at++;
	if (at[0] == '0' && at[1]) {
		base = at[1] == 'x' || at[1] == 'X' ? 16 : at[1] == 'b' || at[1] == 'B' ? 2 : 8;
		at += base != 8 || at[1] == 'o' || at[1] == 'O' ? 2 : 1;
	}
	if (strspn(at, "0123456789abcdefABCDEF") != strlen(at) || !*at)
		return -EINVAL;
	errno = 0;
	value = strtoumax(at, &end, base);
	if (*end || errno)
		return -EINVAL;
	*ret = minus ? -(double)value : (double)value;
	return 0;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_decimal(const char *at)
{
	size_t whole, part = 0;

	at += *at == '-' || *at == '+';
	whole = strspn(at, "0123456789");
	at += whole;
	if (*at == '.') {
		part = strspn(++at, "0123456789");
		at += part;
	}
	if (whole + part == 0)
		return false;
	if (*at == 'e' || *at == 'E') {
		at++;
		at += *at == '-' || *at == '+';
		if (!*at)
			return false;
		at += strspn(at, "0123456789");
	}
	return *at == '\0';
}

static int number(const char *text, double *ret)
{
	auto_free char *plain = xmalloc(strlen(text) + 1);
	size_t n = 0;

	if (!*text || !strchr("0123456789+-.", *text))
		return -EINVAL;
	for (const char *at = text; *at; at++) {
		if (*at != '_')
			plain[n++] = *at;
	}
	plain[n] = '\0';
	if (integer(plain, ret) == 0)
		return 0;
	if (!is_decimal(plain))
		return -EINVAL;
	*ret = strtod(plain, NULL);
	return isfinite(*ret) ? 0 : -EINVAL; /* JSON has no infinity: it stays text */
}

cJSON *yaml_scalar(const char *text)
{
	static const char *const nothing[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const yes[] = { "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE",
		"on", "On", "ON", NULL };
	static const char *const no[] = { "n", "N", "no", "No", "NO", "false", "False", "FALSE",
		"off", "Off", "OFF", NULL };
	cJSON *item;
	double n;

	if (one_of(text, nothing))
		return cJSON_CreateNull();
	if (one_of(text, yes))
		item = cJSON_CreateTrue();
	else if (one_of(text, no))
		item = cJSON_CreateFalse();
	else if (number(text, &n) == 0)
		item = cJSON_CreateNumber(n);
	else
		return cJSON_CreateString(text);
	item->valuestring = xstrdup(text); /* cJSON_Delete frees it whatever the type */
	return item;
}

const char *yaml_text(const cJSON *item)
{
	if (cJSON_IsString(item) || cJSON_IsNumber(item) || cJSON_IsBool(item))
		return item->valuestring;
	return NULL;
}
