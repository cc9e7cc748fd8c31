/*
 * A template's text -> nodes. The grammar is the one of k8s.io/client-go/util/jsonpath/parser.go, which
 * goes by the next character and by pieces of text rather than by rules.
 */
#include "plugin/jsonpathpriv.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>

struct parser {
	const char *at, *end;
	int depth;
	struct err *err;
};

void path_node_free(struct path_node *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->count; i++)
		path_node_free(n->parts[i]);
	free(n->parts);
	free(n->name);
	cJSON_Delete(n->value);
	free(n);
}

static void node_at(struct path_node **n)
{
	path_node_free(*n);
}

#define auto_node struct path_node *auto_with(node_at)

static struct path_node *node_new(enum path_kind kind)
{
	struct path_node *n = xcalloc(1, sizeof(*n));

	n->kind = kind;
	return n;
}

/* Takes part. */
static void add(struct path_node *to, struct path_node *part)
{
	to->parts = xrealloc(to->parts, (to->count + 1) * sizeof(struct path_node *));
	to->parts[to->count++] = part;
}

/* Takes value. */
static void add_literal(struct path_node *to, cJSON *value)
{
	struct path_node *n = node_new(PATH_LITERAL);

	n->value = value;
	add(to, n);
}

static void add_text(struct path_node *to, const char *from, size_t n)
{
	auto_free char *text = xstrndup(from, n);

	add_literal(to, cJSON_CreateString(text));
}

static bool starts(const struct parser *p, const char *with)
{
	size_t n = strlen(with);

	return (size_t)(p->end - p->at) >= n && !memcmp(p->at, with, n);
}

static bool line_end(char c)
{
	return c == '\r' || c == '\n';
}

static bool in_name(char c)
{
	return c == '_' || isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* What may stand behind a name. */
static bool ends_name(const struct parser *p)
{
	return p->at == p->end || strchr(" \t\r\n.,[]$@{}", *p->at);
}

static int wrong(const struct parser *p, const char *what, const char *from)
{
	size_t n = (size_t)(p->end - from);

	return err_set(p->err, -EINVAL, "%s at \"%.*s\"", what, n < 40 ? (int)n : 40, from);
}

static int parse(struct parser *p, struct path_node **ret);

/* The nodes of "{text}", as a list: what stands in a filter or a union is a path of its own. */
static int parse_piece(const struct parser *p, const char *text, size_t n, struct path_node **ret)
{
	auto_free char *braced = xprintf("{%.*s}", (int)n, text);
	struct parser inner = { braced, braced + n + 2, p->depth + 1, p->err };
	auto_node root = NULL;
	int rc;

	if (inner.depth > JSONPATH_DEPTH_MAX)
		return err_set(p->err, -EMSGSIZE, "it is nested too deeply");
	rc = parse(&inner, &root);
	if (rc < 0)
		return rc;
	*ret = take_ptr(root->parts[0]);
	root->parts[0] = node_new(PATH_LIST);
	return 0;
}

/* --- what stands in brackets ---------------------------------------------------------- */

static int parse_union(struct parser *p, struct path_node *to, const char *text, size_t n)
{
	auto_node all = node_new(PATH_UNION);
	const char *end = text + n;

	for (const char *at = text;; at++) {
		size_t len = strcspn(at, ",]");
		auto_free char *one = NULL;
		struct path_node *part;
		const char *from = at;
		int rc;

		at += len;
		while (len && from[0] == ' ')
			from++, len--;
		while (len && from[len - 1] == ' ')
			len--;
		one = xprintf("[%.*s]", (int)len, from);
		rc = parse_piece(p, one, strlen(one), &part);
		if (rc < 0)
			return rc;
		add(all, part);
		if (at >= end)
			break;
	}
	add(to, take_ptr(all));
	return 0;
}

static int parse_key(struct parser *p, struct path_node *to, const char *text, size_t n)
{
	auto_free char *field = xprintf(".%.*s", (int)n, text);
	auto_node list = NULL;
	int rc = parse_piece(p, field, strlen(field), &list);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < list->count; i++)
		add(to, list->parts[i]);
	list->count = 0;
	return 0;
}

/* A whole number of an int, moved over; false: there is none. */
static bool take_int(const char **at, int *ret)
{
	char *end;
	long n;

	if (!isdigit((unsigned char)(*at)[**at == '-']))
		return false;
	errno = 0;
	n = strtol(*at, &end, 10);
	if (errno || n > INT_MAX || n < -INT_MAX)
		return false;
	*ret = (int)n;
	*at = end;
	return true;
}

static int parse_slice(struct parser *p, struct path_node *to, const char *text, size_t n)
{
	auto_free char *copy = xstrndup(text, n);
	auto_node node = node_new(PATH_SLICE);
	struct path_slice *s = &node->slice;
	const char *at = copy;
	int colons = 0;

	s->known[0] = take_int(&at, &s->at[0]);
	for (; colons < 2 && *at == ':'; colons++) {
		at++;
		s->known[colons + 1] = take_int(&at, &s->at[colons + 1]);
	}
	if (*at)
		return err_set(p->err, -EINVAL, "\"[%.40s]\" is no index", copy);
	if (!colons) {
		s->single = s->known[1] = true;
		s->at[1] = s->at[0] + 1;
	}
	add(to, take_ptr(node));
	return 0;
}

static int parse_bracket(struct parser *p, struct path_node *to)
{
	const char *text = p->at + 1;
	size_t n = (size_t)(p->end - text);
	const char *close = memchr(text, ']', n);

	if (!close || memchr(text, '\n', (size_t)(close - text)))
		return wrong(p, "\"[\" without a \"]\"", p->at);
	p->at = close + 1;
	n = (size_t)(close - text);
	if (memchr(text, ',', n))
		return parse_union(p, to, text, n);
	if (n > 1 && text[0] == '\'' && memchr(text + 1, '\'', n - 1) == text + n - 1)
		return parse_key(p, to, text + 1, n - 2);
	if (n == 1 && *text == '*')
		return parse_slice(p, to, ":", 1);
	return parse_slice(p, to, text, n);
}

/* --- filters ---------------------------------------------------------------------------- */

static const struct {
	const char *text;
	enum path_compare compare;
} comparisons[] = { { "==", PATH_EQ }, { "!=", PATH_NE }, { "<", PATH_LT }, { "<=", PATH_LE },
	{ ">", PATH_GT }, { ">=", PATH_GE } };

static int parse_comparison(
	const struct parser *p, const char *text, size_t n, enum path_compare *ret)
{
	for (size_t i = 0; i < sizeof(comparisons) / sizeof(*comparisons); i++) {
		if (strlen(comparisons[i].text) != n || memcmp(text, comparisons[i].text, n))
			continue;
		*ret = comparisons[i].compare;
		return 0;
	}
	return err_set(
		p->err, -EINVAL, "there is no comparison \"%.*s\"", n < 20 ? (int)n : 20, text);
}

/* Where the ")" of a filter is: quotes hide one, and only the first pair of them counts. */
static const char *filter_end(const struct parser *p)
{
	bool begun = false, ended = false;
	char quote = 0;

	for (const char *at = p->at; at < p->end && *at != '\n'; at++) {
		if (*at == ')' && begun == ended)
			return at;
		if (*at != '"' && *at != '\'')
			continue;
		if (!begun) {
			begun = true;
			quote = *at;
		} else if (*at == quote && at[-1] != '\\') {
			ended = true;
		}
	}
	return NULL;
}

static int parse_filter(struct parser *p, struct path_node *to)
{
	const char *from = p->at, *close, *sign, *right;
	auto_node node = node_new(PATH_FILTER);
	struct path_node *part;
	int rc;

	p->at += strlen("[?(");
	close = filter_end(p);
	if (!close || close + 1 == p->end || close[1] != ']')
		return wrong(p, "\"[?(\" without a \")]\"", from);
	sign = p->at + strcspn(p->at, "!<>=");
	right = sign + strspn(sign, "!<>=");
	/* without both sides it is a path, and then a wrong one */
	if (sign > close || sign == p->at || right >= close)
		sign = right = close;
	rc = parse_piece(p, p->at, (size_t)(sign - p->at), &part);
	if (rc < 0)
		return rc;
	add(node, part);
	if (sign < close) {
		rc = parse_comparison(p, sign, (size_t)(right - sign), &node->compare);
		if (!rc)
			rc = parse_piece(p, right, (size_t)(close - right), &part);
		if (rc < 0)
			return rc;
		add(node, part);
	}
	p->at = close + 2;
	add(to, take_ptr(node));
	return 0;
}

/* --- literals ----------------------------------------------------------------------------- */

static void put_rune(struct buf *b, unsigned long rune)
{
	if (rune >= 0x110000 || (rune >= 0xd800 && rune < 0xe000))
		rune = 0xfffd;
	if (rune < 0x80) {
		buf_char(b, (char)rune);
		return;
	}
	if (rune >= 0x10000) {
		buf_char(b, (char)(0xf0 | rune >> 18));
		buf_char(b, (char)(0x80 | (rune >> 12 & 0x3f)));
	} else if (rune >= 0x800) {
		buf_char(b, (char)(0xe0 | rune >> 12));
	}
	if (rune >= 0x800)
		buf_char(b, (char)(0x80 | (rune >> 6 & 0x3f)));
	else
		buf_char(b, (char)(0xc0 | rune >> 6));
	buf_char(b, (char)(0x80 | (rune & 0x3f)));
}

/* digits of that base, moved over; false: they are not there. A NUL would end a text: it is refused. */
static bool take_code(const char **at, const char *end, int digits, int base, unsigned long *ret)
{
	char text[9] = "";
	char *stop;

	if (end - *at < digits)
		return false;
	memcpy(text, *at, (size_t)digits);
	if (!isxdigit((unsigned char)text[0]))
		return false;
	*ret = strtoul(text, &stop, base);
	*at += digits;
	return stop == text + digits && *ret;
}

/* What stands behind a backslash, as in Go. */
static bool take_escape(const char **at, const char *end, char quote, struct buf *b)
{
	static const char names[] = "abfnrtv\\", bytes[] = "\a\b\f\n\r\t\v\\";
	char c = *(*at)++;
	const char *name = c ? strchr(names, c) : NULL;
	unsigned long code;

	if (name || c == quote) {
		buf_char(b, name ? bytes[name - names] : c);
		return true;
	}
	if (c >= '0' && c <= '7') {
		--*at;
		if (!take_code(at, end, 3, 8, &code) || code > 255)
			return false;
		buf_char(b, (char)code);
		return true;
	}
	if (c == 'x' && take_code(at, end, 2, 16, &code)) {
		buf_char(b, (char)code);
		return true;
	}
	if ((c != 'u' && c != 'U') || !take_code(at, end, c == 'u' ? 4 : 8, 16, &code) ||
		code >= 0x110000)
		return false;
	put_rune(b, code);
	return true;
}

static int parse_quote(struct parser *p, struct path_node *to)
{
	const char *from = p->at, *at = from + 1;
	auto_buf text = BUF_INIT(JSONPATH_TEXT_MAX);
	const char *close = at;

	while (close < p->end && *close != '\n' && (*close != *from || close[-1] == '\\'))
		close++;
	if (close == p->end || *close == '\n')
		return wrong(p, "a quoted text does not end", from);
	while (at < close) {
		if (*at != '\\') {
			buf_char(&text, *at++);
			continue;
		}
		at++;
		if (at == close || !take_escape(&at, close, *from, &text))
			return wrong(p, "a wrong \"\\\" in a quoted text", from);
	}
	add_text(to, buf_text(&text), text.len);
	p->at = close + 1;
	return 0;
}

static int parse_number(struct parser *p, struct path_node *to)
{
	const char *from = p->at;
	char text[40];
	char *end;
	size_t n;
	double value;

	p->at += *p->at == '+' || *p->at == '-';
	while (p->at < p->end && (*p->at == '.' || isdigit((unsigned char)*p->at)))
		p->at++;
	n = (size_t)(p->at - from);
	if (n >= sizeof(text))
		return wrong(p, "a number is too long", from);
	memcpy(text, from, n);
	text[n] = '\0';
	value = strtod(text, &end);
	if (*end || end == text)
		return wrong(p, "what is no number", from);
	add_literal(to, cJSON_CreateNumber(value));
	return 0;
}

/* --- names ---------------------------------------------------------------------------------- */

static int parse_word(struct parser *p, struct path_node *to)
{
	const char *from = p->at;
	auto_free char *word = NULL;

	while (!ends_name(p))
		p->at++;
	word = xstrndup(from, (size_t)(p->at - from));
	if (!strcmp(word, "range"))
		add(to, node_new(PATH_RANGE));
	else if (!strcmp(word, "end"))
		add(to, node_new(PATH_END));
	else if (!strcmp(word, "true") || !strcmp(word, "false"))
		add_literal(to, cJSON_CreateBool(word[0] == 't'));
	else
		return wrong(p, "an unknown word", from);
	return 0;
}

static int parse_field(struct parser *p, struct path_node *to)
{
	auto_buf name = BUF_INIT(JSONPATH_TEXT_MAX);
	const char *from = p->at;
	struct path_node *n;

	while (!ends_name(p)) {
		bool escaped = *p->at == '\\';

		p->at += escaped;
		if (p->at < p->end && *p->at != '\\')
			buf_char(&name, *p->at);
		p->at += p->at < p->end;
	}
	n = node_new(p->at - from == 1 && *from == '*' ? PATH_ANY : PATH_FIELD);
	n->name = buf_steal(&name);
	if (!n->name)
		n->name = xstrdup("");
	add(to, n);
	return 0;
}

static int parse_descent(struct parser *p, struct path_node *to)
{
	if (to->count && to->parts[to->count - 1]->kind == PATH_DESCENT)
		return wrong(p, "\"..\" behind \"..\"", p->at);
	p->at += strlen("..");
	add(to, node_new(PATH_DESCENT));
	return p->at < p->end && in_name(*p->at) ? parse_field(p, to) : 0;
}

/* --- */

static int parse_next(struct parser *p, struct path_node *to)
{
	if (starts(p, "[?("))
		return parse_filter(p, to);
	if (starts(p, ".."))
		return parse_descent(p, to);
	switch (*p->at) {
	case '[':
		return parse_bracket(p, to);
	case '"':
	case '\'':
		return parse_quote(p, to);
	case ' ':
	case '@':
	case '$':
		p->at++;
		return 0;
	case '.':
		p->at++;
		return parse_field(p, to);
	}
	if (*p->at == '+' || *p->at == '-' || isdigit((unsigned char)*p->at))
		return parse_number(p, to);
	if (in_name(*p->at))
		return parse_word(p, to);
	return wrong(p, "what cannot stand in a path", p->at);
}

/* Behind "{", to behind "}". */
static int parse_action(struct parser *p, struct path_node *to)
{
	const char *from = p->at - 1;
	int rc = 0;

	while (!rc && p->at < p->end && !line_end(*p->at)) {
		if (*p->at == '}') {
			p->at++;
			return 0;
		}
		rc = parse_next(p, to);
	}
	return rc < 0 ? rc : wrong(p, "\"{\" without a \"}\"", from);
}

static int parse(struct parser *p, struct path_node **ret)
{
	auto_node root = node_new(PATH_LIST);

	while (p->at < p->end) {
		const char *open = memchr(p->at, '{', (size_t)(p->end - p->at));
		const char *text_end = open ? open : p->end;
		struct path_node *action;
		int rc;

		if (text_end > p->at)
			add_text(root, p->at, (size_t)(text_end - p->at));
		p->at = text_end;
		if (!open)
			break;
		p->at++;
		action = node_new(PATH_LIST);
		add(root, action);
		rc = parse_action(p, action);
		if (rc < 0)
			return rc;
	}
	*ret = take_ptr(root);
	return 0;
}

int jsonpath_parse(const char *text, struct jsonpath **ret, struct err *err)
{
	struct parser p = { .at = text, .end = text + strlen(text), .err = err };
	struct path_node *root;
	int rc;

	if ((size_t)(p.end - text) > JSONPATH_TEXT_MAX)
		return err_set(err, -EMSGSIZE, "the JSONPath is longer than 64 KiB");
	rc = parse(&p, &root);
	if (rc < 0)
		return err_wrap(err, rc, "the JSONPath is wrong");
	*ret = xcalloc(1, sizeof(**ret));
	(*ret)->root = root;
	return 0;
}

int jsonpath_parse_relaxed(const char *text, struct jsonpath **ret, struct err *err)
{
	size_t n = strlen(text);
	bool braced = n > 1 && text[0] == '{' && text[n - 1] == '}';
	const char *from = text + braced;
	auto_free char *path = NULL;

	if (n > JSONPATH_TEXT_MAX)
		return err_set(err, -EMSGSIZE, "the JSONPath is longer than 64 KiB");
	n -= 2 * (size_t)braced;
	if (n && *from == '.')
		from++, n--;
	if (!n || memchr(from, '{', n) || memchr(from, '}', n))
		return err_set(err, -EINVAL,
			"a path is wanted, as .metadata.name or {.metadata.name}, not \"%.60s\"",
			text);
	path = xprintf("{.%.*s}", (int)n, from);
	return jsonpath_parse(path, ret, err);
}

void jsonpath_free(struct jsonpath *p)
{
	if (!p)
		return;
	path_node_free(p->root);
	free(p);
}
