#include "plugin/opts.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "plugin/suggest.h"

#include <errno.h>
#include <limits.h>

struct parse {
	const struct opt *table;
	void *settings;
	struct kube_flags *flags;
	int argc;
	char **argv;
	int i;
	struct words *words;
};

static void *member(const struct parse *p, const struct opt *o)
{
	return (char *)p->settings + o->offset;
}

static const struct opt *by_name(const struct opt *table, const char *name, size_t n)
{
	for (const struct opt *o = table; o && o->name; o++)
		if (strlen(o->name) == n && !memcmp(o->name, name, n))
			return o;
	return NULL;
}

static const struct opt *by_letter(const struct opt *table, char letter)
{
	for (const struct opt *o = table; o && o->name; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

static int set_bool(bool *ret, const struct opt *o, const char *text, struct err *err)
{
	if (!text || !strcmp(text, "true") || !strcmp(text, "1")) {
		*ret = true;
		return 0;
	}
	if (!strcmp(text, "false") || !strcmp(text, "0")) {
		*ret = false;
		return 0;
	}
	return err_set(err, -EINVAL, "--%s is true or false, not \"%.60s\"", o->name, text);
}

static int set_maybe(enum opt_maybe *ret, const struct opt *o, const char *text, struct err *err)
{
	bool yes = false;
	int rc = set_bool(&yes, o, text, err);

	if (!rc)
		*ret = yes ? OPT_YES : OPT_NO;
	return rc;
}

static bool needs_value(const struct opt *o)
{
	return o->kind != OPT_BOOL && o->kind != OPT_MAYBE;
}

static int set_number(int64_t *ret, const struct opt *o, const char *text, struct err *err)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno || end == text || *end || n < 0 || n > INT_MAX)
		return err_set(
			err, -EINVAL, "--%s wants a whole number, not \"%.60s\"", o->name, text);
	*ret = n;
	return 0;
}

static int set_span(int64_t *ret, const struct opt *o, const char *text, struct err *err)
{
	if (duration_parse(text, ret) < 0)
		return err_set(err, -EINVAL,
			"--%s wants a time like 90s, 5m or 1h30m, not \"%.60s\"", o->name, text);
	return 0;
}

static void list_add(struct opt_list *l, const char *text)
{
	l->items = xrealloc(l->items, (l->count + 1) * sizeof(*l->items));
	l->items[l->count++] = text;
}

/* text: NULL only for a bool or a maybe */
static int set(const struct parse *p, const struct opt *o, const char *text, struct err *err)
{
	switch (o->kind) {
	case OPT_BOOL:
		return set_bool(member(p, o), o, text, err);
	case OPT_MAYBE:
		return set_maybe(member(p, o), o, text, err);
	case OPT_NUMBER:
		return set_number(member(p, o), o, text, err);
	case OPT_SPAN:
		return set_span(member(p, o), o, text, err);
	case OPT_LIST:
		list_add(member(p, o), text);
		return 0;
	case OPT_TEXT:
		*(const char **)member(p, o) = text;
		return 0;
	}
	return -EINVAL;
}

/* The value of an option that needs one: what hangs on it, else the next word. */
static int value_of(struct parse *p, const struct opt *o, const char *attached, const char **ret,
	struct err *err)
{
	if (attached) {
		*ret = attached;
		return 0;
	}
	if (p->i + 1 >= p->argc)
		return err_set(
			err, -EINVAL, "--%s needs a value: --%s %s", o->name, o->name, o->value);
	*ret = p->argv[++p->i];
	return 0;
}

static int take_long(struct parse *p, const char *arg, struct err *err)
{
	const char *eq = strchr(arg, '=');
	const struct opt *o = by_name(p->table, arg, eq ? (size_t)(eq - arg) : strlen(arg));
	const char *value = eq ? eq + 1 : NULL;
	int rc;

	if (!o)
		return 0;
	if (needs_value(o)) {
		rc = value_of(p, o, value, &value, err);
		if (rc < 0)
			return rc;
	}
	rc = set(p, o, value, err);
	return rc < 0 ? rc : 1;
}

static int take_letters(struct parse *p, const char *letters, struct err *err)
{
	int rc;

	for (const char *at = letters; *at; at++) {
		const struct opt *o = by_letter(p->table, *at);
		const char *value = NULL;

		if (!o && at == letters)
			return 0;
		if (!o)
			return err_set(
				err, -EINVAL, "unknown flag \"-%c\" in \"-%.60s\"", *at, letters);
		if (!needs_value(o)) {
			rc = set(p, o, NULL, err);
			if (rc < 0)
				return rc;
			continue;
		}
		if (at[1])
			value = at + 1 + (at[1] == '=');
		rc = value_of(p, o, value, &value, err);
		if (rc < 0)
			return rc;
		rc = set(p, o, value, err);
		return rc < 0 ? rc : 1;
	}
	return 1;
}

/* The nearest of our names and of kubectl's, which are read off the help so that no second list is
 * kept. */
static int unknown(const struct parse *p, const char *arg, struct err *err)
{
	struct suggest s = suggest_for(arg + strspn(arg, "-"));
	const char *at = kube_flags_help();

	for (const struct opt *o = p->table; o && o->name; o++)
		suggest_try(&s, o->name, strlen(o->name));
	while ((at = strstr(at, "--"))) {
		at += 2;
		suggest_try(&s, at, strcspn(at, " =\n,;"));
	}
	if (!strncmp(arg, "--", 2) && suggest_text(&s)[0])
		return err_set(err, -EINVAL, "unknown flag \"%.80s\"; did you mean \"--%s\"?", arg,
			suggest_text(&s));
	return err_set(err, -EINVAL, "unknown flag \"%.80s\"", arg);
}

static int take_option(struct parse *p, struct err *err)
{
	const char *arg = p->argv[p->i];
	int rc;

	if (!strcmp(arg, "--help") || !strcmp(arg, "-h"))
		return 1;
	rc = arg[1] == '-' ? take_long(p, arg + 2, err) : take_letters(p, arg + 1, err);
	if (rc == 0)
		rc = kube_flags_take(p->flags, p->argc, p->argv, &p->i, err);
	if (rc == 0)
		rc = unknown(p, arg, err);
	return rc < 0 ? rc : 0;
}

int opts_parse(const struct opt *table, void *settings, struct kube_flags *flags, int argc,
	char **argv, struct words *ret, struct err *err)
{
	struct parse p = { table, settings, flags, argc, argv, 0, ret };
	int rc;

	*ret = (struct words){ .at = xcalloc((size_t)argc + 1, sizeof(*ret->at)) };
	for (; p.i < argc; p.i++) {
		const char *arg = argv[p.i];

		if (!strcmp(arg, "--")) {
			ret->dashes = true;
			ret->command = argv + p.i + 1;
			ret->command_count = argc - p.i - 1;
			return 0;
		}
		if (arg[0] != '-' || !arg[1]) {
			ret->at[ret->count++] = argv[p.i];
			continue;
		}
		rc = take_option(&p, err);
		if (rc)
			return rc;
	}
	return 0;
}

int opts_put(const struct opt *table, void *settings, const char *name, const char *text,
	struct err *err)
{
	const struct parse p = { .table = table, .settings = settings };
	const struct opt *o = by_name(table, name, strlen(name));
	struct suggest s = suggest_for(name);

	if (o && !text && needs_value(o))
		return err_set(err, -EINVAL, "\"%s\" needs a value: %s", name, o->value);
	if (o)
		return set(&p, o, text, err);
	for (o = table; o->name; o++)
		suggest_try(&s, o->name, strlen(o->name));
	if (*suggest_text(&s))
		return err_set(err, -ENOENT, "\"%.80s\" is no setting; did you mean \"%s\"?", name,
			suggest_text(&s));
	return err_set(err, -ENOENT, "\"%.80s\" is no setting", name);
}

void opts_fini(const struct opt *table, void *settings)
{
	for (const struct opt *o = table; o && o->name; o++) {
		struct opt_list *l = (struct opt_list *)((char *)settings + o->offset);

		if (o->kind != OPT_LIST)
			continue;
		free(l->items);
		*l = (struct opt_list){ 0 };
	}
}

void words_fini(struct words *w)
{
	free(w->at);
	free(w->picked);
	*w = (struct words){ 0 };
}
