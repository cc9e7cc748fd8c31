/*
 * Values as Go prints them: json.Marshal in templates, fmt.Sprint in columns.
 */
#include "plugin/jsonpathpriv.h"

#include <math.h>

/* In Go's two ways: json.Marshal's and fmt's differ in where an exponent begins and how it looks. */
struct number_style {
	int least;           /* below 10 to the power of this there is an exponent */
	int exponent_digits; /* at least, of a negative one */
};

static const struct number_style json_style = { -6, 1 }, text_style = { -4, 2 };

#define EXPONENT_MOST 21

/* The shortest digits that read back as the same number, and the exponent of the first one. */
static void shortest(double value, char digits[40], int *ret_exponent)
{
	char text[40];

	for (int n = 0; n < 17; n++) {
		snprintf(text, sizeof(text), "%.*e", n, value);
		if (strtod(text, NULL) == value)
			break;
	}
	*ret_exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
	*strchr(text, 'e') = '\0';
	digits[0] = text[0];
	snprintf(digits + 1, 39, "%s", text[1] ? text + 2 : "");
}

static void put_number(double value, const struct number_style *style, struct buf *ret)
{
	static const char zeros[] = "000000000000000000000000";
	char digits[40];
	int exponent, n;

	if (value == 0 || !isfinite(value)) {
		buf_char(ret, '0');
		return;
	}
	if (value < 0)
		buf_char(ret, '-');
	shortest(fabs(value), digits, &exponent);
	n = (int)strlen(digits);
	if (exponent < style->least || exponent >= EXPONENT_MOST)
		buf_printf(ret, "%c%s%se%c%0*d", digits[0], n > 1 ? "." : "", digits + 1,
			exponent < 0 ? '-' : '+', exponent < 0 ? style->exponent_digits : 2,
			abs(exponent));
	else if (exponent < 0)
		buf_printf(ret, "0.%.*s%s", -exponent - 1, zeros, digits);
	else if (n <= exponent + 1)
		buf_printf(ret, "%s%.*s", digits, exponent + 1 - n, zeros);
	else
		buf_printf(ret, "%.*s.%s", exponent + 1, digits, digits + exponent + 1);
}

/* As json.Marshal: what means something to HTML, or ends a line in JavaScript, is escaped. */
static void put_quoted(const char *text, struct buf *ret)
{
	static const char names[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";

	buf_char(ret, '"');
	for (const char *at = text; *at; at++) {
		unsigned char c = (unsigned char)*at;
		const char *name = strchr(names, c);

		if (name)
			buf_printf(ret, "\\%c", letters[name - names]);
		else if (c < 0x20 || c == '<' || c == '>' || c == '&')
			buf_printf(ret, "\\u%04x", c);
		else if (c == 0xe2 && (unsigned char)at[1] == 0x80 &&
			 ((unsigned char)at[2] & 0xfe) == 0xa8)
			buf_printf(ret, "\\u202%c", at[2] & 1 ? '9' : '8'), at += 2;
		else
			buf_char(ret, *at);
	}
	buf_char(ret, '"');
}

struct member {
	const cJSON *item;
	size_t place; /* in the document */
};

static const char *name_of(const struct member *m)
{
	return m->item->string ? m->item->string : "";
}

static int by_name(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int order = strcmp(name_of(x), name_of(y));

	return order ? order : (x->place > y->place) - (x->place < y->place);
}

/* The members by name, of duplicates the last one; malloc'ed. */
static struct member *sorted(const cJSON *object, size_t *ret_count)
{
	struct member *all = xcalloc((size_t)cJSON_GetArraySize(object) + 1, sizeof(*all));
	size_t n = 0, kept = 0;
	const cJSON *item;

	cJSON_ArrayForEach (item, object) {
		all[n] = (struct member){ item, n };
		n++;
	}
	if (n)
		qsort(all, n, sizeof(*all), by_name);
	for (size_t i = 0; i < n; i++)
		if (i + 1 == n || strcmp(name_of(&all[i]), name_of(&all[i + 1])))
			all[kept++] = all[i];
	*ret_count = kept;
	return all;
}

static void put_json(const cJSON *value, struct buf *ret);

static void put_array(const cJSON *array, struct buf *ret)
{
	const cJSON *item;

	buf_char(ret, '[');
	cJSON_ArrayForEach (item, array) {
		if (item != array->child)
			buf_char(ret, ',');
		put_json(item, ret);
	}
	buf_char(ret, ']');
}

static void put_object(const cJSON *object, struct buf *ret)
{
	size_t count;
	auto_free struct member *m = sorted(object, &count);

	buf_char(ret, '{');
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_char(ret, ',');
		put_quoted(name_of(&m[i]), ret);
		buf_char(ret, ':');
		put_json(m[i].item, ret);
	}
	buf_char(ret, '}');
}

static void put_plain(
	const cJSON *value, const char *null, const struct number_style *style, struct buf *ret)
{
	if (cJSON_IsNumber(value))
		put_number(value->valuedouble, style, ret);
	else if (cJSON_IsBool(value))
		buf_str(ret, cJSON_IsTrue(value) ? "true" : "false");
	else if (cJSON_IsString(value))
		buf_str(ret, value->valuestring);
	else
		buf_str(ret, null);
}

static void put_json(const cJSON *value, struct buf *ret)
{
	if (ret->bad)
		return;
	if (cJSON_IsObject(value))
		put_object(value, ret);
	else if (cJSON_IsArray(value))
		put_array(value, ret);
	else if (cJSON_IsString(value))
		put_quoted(value->valuestring, ret);
	else
		put_plain(value, "null", &json_style, ret);
}

void jsonpath_value_text(const cJSON *value, struct buf *ret)
{
	if (cJSON_IsString(value))
		buf_str(ret, value->valuestring);
	else if (cJSON_IsNumber(value))
		put_plain(value, "", &text_style, ret);
	else
		put_json(value, ret);
}

static void cell_of_object(const cJSON *object, struct buf *ret)
{
	size_t count;
	auto_free struct member *m = sorted(object, &count);

	buf_str(ret, "map[");
	for (size_t i = 0; i < count; i++) {
		buf_str(ret, i ? " " : "");
		buf_str(ret, name_of(&m[i]));
		buf_char(ret, ':');
		jsonpath_value_cell(m[i].item, ret);
	}
	buf_char(ret, ']');
}

void jsonpath_value_cell(const cJSON *value, struct buf *ret)
{
	const cJSON *item;

	if (ret->bad)
		return;
	if (cJSON_IsObject(value)) {
		cell_of_object(value, ret);
		return;
	}
	if (!cJSON_IsArray(value)) {
		put_plain(value, "<nil>", &text_style, ret);
		return;
	}
	buf_char(ret, '[');
	cJSON_ArrayForEach (item, value) {
		if (item != value->child)
			buf_char(ret, ' ');
		jsonpath_value_cell(item, ret);
	}
	buf_char(ret, ']');
}
