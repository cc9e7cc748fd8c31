/* A JSON tree as YAML text. */
#include "common/kube/yaml.h"

static void value(struct buf *b, const cJSON *item, int indent, bool inline_first);

static void pad(struct buf *b, int indent)
{
	for (int i = 0; i < indent; i++)
		buf_char(b, ' ');
}

/* --- strings --------------------------------------------------------------- */

/* Code point at s, its length in *n; -1 when it is not UTF-8. */
static long code_point(const unsigned char *s, int *n)
{
	long c = s[0];

	*n = c < 0x80                ? 1
	     : c >= 0xc2 && c < 0xe0 ? 2
	     : c >= 0xe0 && c < 0xf0 ? 3
	     : c >= 0xf0 && c < 0xf5 ? 4
				     : 0;
	if (*n == 0)
		return -1;
	if (*n > 1)
		c &= 0x7f >> *n;
	for (int i = 1; i < *n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (s[i] & 0x3f);
	}
	if ((*n == 3 && c < 0x800) || (*n == 4 && c < 0x10000) || (c >= 0xd800 && c < 0xe000) ||
		c > 0x10ffff)
		return -1;
	return c;
}

static bool printable(long c)
{
	return (c >= 0x20 && c < 0x7f) || (c >= 0xa0 && c < 0xd800 && c != 0x2028 && c != 0x2029) ||
	       (c >= 0xe000 && c < 0xfffe && c != 0xfeff) || c > 0xffff;
}

/* All characters printable; newlines (and tabs) too when asked. */
static bool all_printable(const char *s, const char *also)
{
	const unsigned char *at = (const unsigned char *)s;
	int n;

	for (; *at; at += n) {
		long c = code_point(at, &n);

		if (c < 0 || (!printable(c) && !(c < 0x80 && strchr(also, (int)c))))
			return false;
	}
	return true;
}

/* What is not UTF-8 cannot be said in YAML: it becomes U+FFFD, as Go does. */
static void double_quoted(struct buf *b, const char *s)
{
	const unsigned char *at = (const unsigned char *)s;
	int n;

	buf_char(b, '"');
	for (; *at; at += n) {
		long c = code_point(at, &n);

		if (c < 0)
			n = 1;
		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", (int)c);
		else if (c == '\n')
			buf_str(b, "\\n");
		else if (c == '\t')
			buf_str(b, "\\t");
		else if (c < 0)
			buf_str(b, "\\uFFFD");
		else if (printable(c))
			buf_add(b, at, (size_t)n);
		else
			buf_printf(b, c < 0x100 ? "\\x%02lX" : "\\u%04lX", (unsigned long)c);
	}
	buf_char(b, '"');
}

static void single_quoted(struct buf *b, const char *s)
{
	buf_char(b, '\'');
	for (; *s; s++)
		buf_str(b, *s == '\'' ? "''" : (char[]){ *s, '\0' });
	buf_char(b, '\'');
}

/* Reads as a number in base 60 or as a time somewhere else, if not here. */
static bool looks_like_time(const char *s)
{
	if (strspn(s, "0123456789") == 4 && s[4] == '-')
		return true;
	return strchr("0123456789+-", *s) && strchr(s, ':') &&
	       strspn(s, "0123456789+-_:.") == strlen(s);
}

static bool reads_otherwise(const char *s)
{
	cJSON *item = yaml_scalar(s);
	bool other = !cJSON_IsString(item) || looks_like_time(s) || strcmp(s, "<<") == 0 ||
		     strcmp(s, "=") == 0 || (strchr(".+-", *s) && strcasestr(s, ".inf")) ||
		     strcasecmp(s, ".nan") == 0;

	cJSON_Delete(item);
	return other;
}

static bool plain_fits(const char *s)
{
	size_t n = strlen(s);

	if (strchr("?:-", s[0]) && (s[1] == '\0' || s[1] == ' '))
		return false;
	if (strchr(",[]{}#&*!|>'\"%@` ", s[0]) || s[n - 1] == ' ' || s[n - 1] == ':')
		return false;
	if (strncmp(s, "---", 3) == 0 || strncmp(s, "...", 3) == 0)
		return false;
	return !strstr(s, ": ") && !strstr(s, " #");
}

static void text(struct buf *b, const char *s)
{
	if (!all_printable(s, "") || reads_otherwise(s))
		double_quoted(b, s);
	else if (plain_fits(s))
		buf_str(b, s);
	else
		single_quoted(b, s);
}

/* Several lines that a literal block can say without an indentation mark. */
static bool block_fits(const char *s)
{
	return strchr(s, '\n') && !strchr(" \t\n", s[0]) && all_printable(s, "\n\t");
}

static void block(struct buf *b, const char *s, int indent)
{
	size_t n = strlen(s);

	buf_str(b, s[n - 1] != '\n' ? "|-" : n > 1 && s[n - 2] == '\n' ? "|+" : "|");
	while (*s) {
		size_t line = strcspn(s, "\n");

		buf_char(b, '\n');
		if (line)
			pad(b, indent);
		buf_add(b, s, line);
		s += line + (s[line] == '\n');
	}
}

/* --- collections ----------------------------------------------------------- */

static int by_name(const void *one, const void *other)
{
	const cJSON *const *a = one, *const *b = other;

	return strcmp((*a)->string, (*b)->string);
}

static void mapping(struct buf *b, const cJSON *object, int indent, bool inline_first)
{
	size_t n = (size_t)cJSON_GetArraySize(object), i = 0;
	auto_free const cJSON **sorted = xcalloc(n, sizeof(*sorted));
	const cJSON *at;

	cJSON_ArrayForEach (at, object)
		sorted[i++] = at;
	qsort(sorted, n, sizeof(*sorted), by_name);
	for (i = 0; i < n; i++) {
		if (i || !inline_first) {
			buf_char(b, '\n');
			pad(b, indent);
		}
		text(b, sorted[i]->string);
		buf_char(b, ':');
		value(b, sorted[i], indent, false);
	}
}

static void sequence(struct buf *b, const cJSON *array, int indent, bool inline_first)
{
	const cJSON *at;

	cJSON_ArrayForEach (at, array) {
		if (at != array->child || !inline_first) {
			buf_char(b, '\n');
			pad(b, indent);
		}
		buf_char(b, '-');
		value(b, at, indent, true);
	}
}

static void leaf(struct buf *b, const cJSON *item, int indent)
{
	if (cJSON_IsString(item) && block_fits(item->valuestring)) {
		block(b, item->valuestring, indent + 2);
	} else if (cJSON_IsString(item)) {
		text(b, item->valuestring);
	} else {
		auto_free char *s = cJSON_PrintUnformatted(item); /* a number, word, [] or {} */

		buf_str(b, s);
	}
}

/*
 * What stands behind "key:" or "-". A list under a key is not indented further, as kubectl prints
 * it; under a dash everything is, and begins on the same line.
 */
static void value(struct buf *b, const cJSON *item, int indent, bool in_list)
{
	if (!item->child || cJSON_IsString(item)) {
		buf_char(b, ' ');
		leaf(b, item, indent);
	} else if (in_list) {
		buf_char(b, ' ');
		(cJSON_IsObject(item) ? mapping : sequence)(b, item, indent + 2, true);
	} else if (cJSON_IsObject(item)) {
		mapping(b, item, indent + 2, false);
	} else {
		sequence(b, item, indent, false);
	}
}

int yaml_print(const cJSON *item, struct buf *ret)
{
	if (cJSON_IsObject(item) && item->child)
		mapping(ret, item, 0, true);
	else if (cJSON_IsArray(item) && item->child)
		sequence(ret, item, 0, true);
	else
		leaf(ret, item, 0);
	buf_char(ret, '\n');
	return buf_check(ret);
}
