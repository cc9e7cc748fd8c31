#include "plugin/typing.h"

#include "common/base/buf.h"

struct reading {
	struct cli *cli;
	struct typing *t;
	int argc; /* without the word being typed */
	char **argv;
	int i;
	const struct verb *family; /* or NULL */
};

static bool needs_value(const struct opt *o)
{
	return o->kind != OPT_BOOL && o->kind != OPT_MAYBE;
}

static const struct opt *opt_of(const struct verb *v, const char *name, size_t n)
{
	for (const struct opt *o = v ? v->opts : NULL; o && o->name; o++)
		if (strlen(o->name) == n && !memcmp(o->name, name, n))
			return o;
	return NULL;
}

/* Of "-it": the first letter that takes a value, behind those that take none. */
static const struct opt *letter_of(const struct verb *v, const char *letters, const char **ret_rest)
{
	for (const char *at = letters; *at; at++) {
		const struct opt *o = v ? v->opts : NULL;

		while (o && o->name && o->letter != *at)
			o++;
		if (!o || !o->name)
			return NULL;
		*ret_rest = at + 1;
		if (needs_value(o))
			return o;
	}
	return NULL;
}

static const struct verb *verb_of(const struct reading *r, const char *word)
{
	for (size_t i = 0; i < r->cli->verb_count; i++)
		if (!strcmp(r->cli->verbs[i]->name, word))
			return r->cli->verbs[i];
	return NULL;
}

static const struct verb *member_of(const struct verb *family, const char *word)
{
	for (const struct verb *const *v = family->family; *v; v++)
		if (!strcmp((*v)->name + strlen(family->name) + 1, word))
			return *v;
	return NULL;
}

static void set_value(struct reading *r, const struct opt *o, const char *value)
{
	if (!strcmp(o->name, "container"))
		r->t->container = value;
}

/* A flag of the verb, its value perhaps the next word; true: it is one, and moved over. */
static bool take_own(struct reading *r)
{
	const char *arg = r->argv[r->i], *value = NULL;
	const struct opt *o;

	if (arg[1] == '-') {
		size_t n = strcspn(arg + 2, "=");

		o = opt_of(r->cli->verb, arg + 2, n);
		value = arg[2 + n] ? arg + 3 + n : NULL;
	} else {
		o = letter_of(r->cli->verb, arg + 1, &value);
		if (value && !*value)
			value = NULL;
	}
	if (!o)
		return false;
	if (!needs_value(o))
		return true;
	if (!value && r->i + 1 < r->argc)
		value = r->argv[++r->i];
	if (value)
		set_value(r, o, value);
	else
		r->t->opt = o;
	return true;
}

/* kubectl's. One that wants a value where no word is left is the one being typed. */
static void take_global(struct reading *r)
{
	const char *arg = r->argv[r->i];
	struct err err;
	int rc = kube_flags_take(&r->cli->flags, r->argc, r->argv, &r->i, &err);

	if (rc < 0 && r->i + 1 == r->argc && !strchr(arg, '='))
		snprintf(r->t->flag, sizeof(r->t->flag), "%s", arg + strspn(arg, "-"));
}

static void take_word(struct reading *r)
{
	char *word = r->argv[r->i];

	if (r->family) {
		r->cli->verb = member_of(r->family, word);
		r->family = NULL;
	} else if (!r->cli->verb && !r->t->count) {
		r->cli->verb = verb_of(r, word);
		if (r->cli->verb && r->cli->verb->family)
			r->family = r->cli->verb;
		else if (!r->cli->verb)
			r->t->words[r->t->count++] = word;
	} else {
		r->t->words[r->t->count++] = word;
	}
}

/* All words but the last. */
static void read_words(struct reading *r)
{
	for (; r->i < r->argc; r->i++) {
		const char *arg = r->argv[r->i];

		if (!strcmp(arg, "--")) {
			r->t->place = TYPING_COMMAND;
			return;
		}
		if (arg[0] != '-' || !arg[1])
			take_word(r);
		else if (!take_own(r))
			take_global(r);
	}
}

/* "--flag=..." */
static bool attached(struct reading *r, const char *last)
{
	size_t n = strcspn(last + 2, "=");

	if (strncmp(last, "--", 2) || !last[2 + n])
		return false;
	r->t->opt = opt_of(r->cli->verb, last + 2, n);
	if (!r->t->opt)
		snprintf(r->t->flag, sizeof(r->t->flag), "%.*s", (int)n, last + 2);
	r->t->typed = last + 3 + n;
	r->t->place = TYPING_VALUE;
	return true;
}

void typing_read(struct cli *cli, int argc, char **argv, struct typing *ret)
{
	struct reading r = { cli, ret, argc ? argc - 1 : 0, argv, 0, NULL };
	const char *last = argc ? argv[argc - 1] : "";

	*ret = (struct typing){ .place = TYPING_WORD, .typed = last };
	ret->words = xcalloc((size_t)argc + 1, sizeof(*ret->words));
	read_words(&r);
	if (ret->place == TYPING_COMMAND)
		return;
	if (ret->opt || *ret->flag)
		ret->place = TYPING_VALUE;
	else if (last[0] == '-' && !attached(&r, last))
		ret->place = TYPING_FLAG;
	else if (ret->place != TYPING_VALUE && (r.family || (!cli->verb && !ret->count)))
		ret->place = TYPING_VERB;
}

void typing_fini(struct typing *t)
{
	free(t->words);
	t->words = NULL;
}

/* --- */

/* "[RUN...]" -> "RUN". */
static char *bare(const char *from, size_t n)
{
	while (n && *from == '[')
		from++, n--;
	while (n && (from[n - 1] == ']' || from[n - 1] == '.'))
		n--;
	return xstrndup(from, n);
}

static const char *over(const char *at, const char *bytes)
{
	at += strcspn(at, bytes);
	return at + strspn(at, bytes);
}

/* "up | down | import ..." -> "up|down|import". */
static char *choices(const char *usage)
{
	auto_buf all = BUF_INIT(1024);

	for (const char *at = usage; *at && *at != '.'; at = over(at, " |")) {
		buf_str(&all, all.len ? "|" : "");
		buf_add(&all, at, strcspn(at, " |"));
	}
	return buf_steal(&all);
}

char *typing_word_name(const char *usage, int n)
{
	const char *repeated = NULL;
	size_t repeated_n = 0;

	if (*usage >= 'a' && *usage <= 'z' && strchr(usage, '|') && strstr(usage, " | "))
		return n ? NULL : choices(usage);
	for (const char *at = usage; *at; at = over(at, " ")) {
		size_t len = strcspn(at, " ");

		if (!strncmp(at, "--", 2) || !strncmp(at, "[--", 3) || *at == '|')
			break;
		if (!strncmp(at, "[FLAGS]", 7))
			continue;
		if (*at == '-' || !strncmp(at, "[-", 2)) {
			at += strcspn(at, "]");
			continue;
		}
		if (!n--)
			return bare(at, len);
		if (strstr(at, "...") && strstr(at, "...") < at + len) {
			repeated = at;
			repeated_n = len;
		}
	}
	return repeated ? bare(repeated, repeated_n) : NULL;
}
