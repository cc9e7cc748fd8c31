#include "plugin/local/select.h"

#include <ctype.h>

enum how { IS, IS_NOT, IN, NOT_IN, THERE, NOT_THERE };

struct term {
	enum how how;
	char *key;
	char *values; /* with a NUL behind each */
	size_t values_bytes;
};

struct select {
	bool fields;
	size_t n;
	struct term terms[SELECT_TERMS];
};

struct scan {
	const char *at;
	struct err *err;
};

void select_free(struct select *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++) {
		free(s->terms[i].key);
		free(s->terms[i].values);
	}
	free(s);
}

void select_free_at(struct select **at)
{
	select_free(*at);
}

static void skip_space(struct scan *sc)
{
	while (isspace((unsigned char)*sc->at))
		sc->at++;
}

static bool take(struct scan *sc, const char *token)
{
	skip_space(sc);
	if (strncmp(sc->at, token, strlen(token)) != 0)
		return false;
	sc->at += strlen(token);
	return true;
}

static bool in_word(char c)
{
	return c && !isspace((unsigned char)c) && !strchr(",=!()", c);
}

/* A malloc'ed word, possibly empty. */
static char *word(struct scan *sc)
{
	const char *from;

	skip_space(sc);
	from = sc->at;
	while (in_word(*sc->at))
		sc->at++;
	return xstrndup(from, (size_t)(sc->at - from));
}

static void add_value(struct term *t, const char *value)
{
	size_t n = strlen(value) + 1;

	t->values = xrealloc(t->values, t->values_bytes + n);
	memcpy(t->values + t->values_bytes, value, n);
	t->values_bytes += n;
}

static int parse_set(struct scan *sc, struct term *t)
{
	if (!take(sc, "("))
		return err_set(sc->err, -EINVAL, "a '(' was expected behind in or notin");
	do {
		auto_free char *value = word(sc);

		add_value(t, value);
	} while (take(sc, ","));
	if (!take(sc, ")"))
		return err_set(sc->err, -EINVAL, "a ')' is missing");
	return 0;
}

static int parse_operator(struct scan *sc, struct term *t)
{
	auto_free char *op = NULL;

	if (take(sc, "!="))
		t->how = IS_NOT;
	else if (take(sc, "==") || take(sc, "="))
		t->how = IS;
	else
		t->how = THERE;
	if (t->how != THERE) {
		op = word(sc);
		add_value(t, op);
		return 0;
	}
	op = word(sc);
	if (!*op)
		return 0;
	if (!strcmp(op, "in"))
		t->how = IN;
	else if (!strcmp(op, "notin"))
		t->how = NOT_IN;
	else
		return err_set(sc->err, -EINVAL, "found '%s', expected: in, notin, =, ==, !=", op);
	return parse_set(sc, t);
}

static int parse_term(struct scan *sc, struct term *t, bool fields)
{
	bool absent = !fields && take(sc, "!");
	int rc;

	t->key = word(sc);
	if (!*t->key)
		return err_set(sc->err, -EINVAL, "a name was expected at '%.20s'", sc->at);
	if (absent) {
		t->how = NOT_THERE;
		return 0;
	}
	rc = parse_operator(sc, t);
	if (rc == 0 && fields && t->how > IS_NOT)
		return err_set(sc->err, -EINVAL, "field '%s' needs = or !=", t->key);
	return rc;
}

static int parse_terms(struct scan *sc, struct select *s)
{
	do {
		int rc;

		if (s->n == SELECT_TERMS)
			return err_set(sc->err, -EINVAL, "more than %d terms", SELECT_TERMS);
		rc = parse_term(sc, &s->terms[s->n++], s->fields);
		if (rc < 0)
			return rc;
	} while (take(sc, ","));
	skip_space(sc);
	if (*sc->at)
		return err_set(sc->err, -EINVAL, "unexpected '%.20s'", sc->at);
	return 0;
}

static int parse(const char *text, bool fields, struct select **ret, struct err *err)
{
	struct scan sc = { .at = text, .err = err };
	auto_with(select_free_at) struct select *s = NULL;
	int rc;

	if (!text || !*text) {
		*ret = NULL;
		return 0;
	}
	if (strlen(text) > SELECT_BYTES)
		return err_set(err, -EINVAL, "longer than %d bytes", SELECT_BYTES);
	s = xcalloc(1, sizeof(*s));
	s->fields = fields;
	rc = parse_terms(&sc, s);
	if (rc < 0)
		return rc;
	*ret = take_ptr(s);
	return 0;
}

int select_parse_labels(const char *text, struct select **ret, struct err *err)
{
	return parse(text, false, ret, err);
}

int select_parse_fields(const char *text, struct select **ret, struct err *err)
{
	return parse(text, true, ret, err);
}

static bool among(const struct term *t, const char *value)
{
	for (size_t i = 0; i < t->values_bytes; i += strlen(t->values + i) + 1)
		if (!strcmp(t->values + i, value))
			return true;
	return false;
}

static bool term_matches(const struct term *t, const char *value)
{
	switch (t->how) {
	case IS:
	case IN:
		return value && among(t, value);
	case IS_NOT:
	case NOT_IN:
		return !value || !among(t, value);
	case THERE:
		return value;
	case NOT_THERE:
		return !value;
	}
	return false;
}

/* Absent fields are empty, absent labels are absent. */
static const char *value_of(const struct select *s, const char *key, const cJSON *object)
{
	const cJSON *labels = json_at(object, "metadata.labels");

	if (s->fields)
		return json_text_or(object, key, "");
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(labels, key));
}

bool select_matches(const struct select *s, const cJSON *object)
{
	for (size_t i = 0; s && i < s->n; i++)
		if (!term_matches(&s->terms[i], value_of(s, s->terms[i].key, object)))
			return false;
	return true;
}

const char *select_name(const struct select *s)
{
	for (size_t i = 0; s && i < s->n; i++)
		if (s->fields && s->terms[i].how == IS && !strcmp(s->terms[i].key, "metadata.name"))
			return s->terms[i].values;
	return NULL;
}
