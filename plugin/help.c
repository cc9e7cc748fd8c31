#include "plugin/help.h"

#include "common/base/buf.h"

#define WIDTH  78
#define COLUMN 26 /* where the explanations begin */

/* Words until the next empty line, as many a line as fit; what stands behind it. */
static const char *paragraph(FILE *to, const char *at)
{
	size_t column = 0;

	while (*at && *at != '\n') {
		size_t n = strcspn(at, " \n");

		if (column && column + 1 + n > WIDTH) {
			fputc('\n', to);
			column = 0;
		}
		fprintf(to, "%s%.*s", column ? " " : "", (int)n, at);
		column += n + (column > 0);
		at += n + (at[n] != '\0');
	}
	fputc('\n', to);
	return at;
}

static void paragraphs(FILE *to, const char *at)
{
	while (*at) {
		at = paragraph(to, at);
		if (*at)
			fputc(*at++, to);
	}
}

static void entry(FILE *to, const char *left, const char *right)
{
	int width = (int)strlen(left);

	fprintf(to, "  %s", left);
	if (width > COLUMN - 4) {
		fputc('\n', to);
		width = -2;
	}
	for (;;) {
		size_t n = strcspn(right, "\n");

		fprintf(to, "%*s%.*s\n", COLUMN - 2 - width, "", (int)n, right);
		if (!right[n])
			return;
		right += n + 1;
		width = -2;
	}
}

static void option(FILE *to, const struct opt *o)
{
	auto_buf left = BUF_INIT(120);

	if (o->letter)
		buf_printf(&left, "-%c, ", o->letter);
	else
		buf_str(&left, "    ");
	buf_printf(&left, "--%s", o->name);
	if (o->value)
		buf_printf(&left, " %s", o->value);
	entry(to, buf_text(&left), o->help);
}

static void example(FILE *to, const char *program, const struct example *e)
{
	fprintf(to, "  # %s\n  %s %s\n", e->what, program, e->args);
	if (e[1].what)
		fputc('\n', to);
}

void help_all(FILE *to, const char *program, const struct verb *const *verbs, size_t count)
{
	fprintf(to,
		"Pods as sandboxes that feel like folders.\n\n"
		"Usage:\n  %s VERB [FLAGS] [ARGUMENTS]\n\nVerbs:\n",
		program);
	for (size_t i = 0; i < count; i++)
		if (!verbs[i]->hidden)
			entry(to, verbs[i]->name, verbs[i]->summary);
	entry(to, "help", "this text, or that of a verb: help VERB");
	fprintf(to,
		"\nExamples:\n"
		"  %s create web --image node:20-alpine\n"
		"  %s run web -- node --version\n"
		"  %s mount ~/sbx\n"
		"  %s rm web\n",
		program, program, program, program);
	fprintf(to, "\nFlags of every verb (after \"%s\"):\n%s", program, kube_flags_help());
	fprintf(to, "\nExit status: 0 done, 1 failed, 2 wrong usage; run: the command's own.\n");
}

void help_verb(FILE *to, const char *program, const struct verb *verb)
{
	paragraphs(to, verb->about);
	fputs("\nUsage:\n", to);
	if (!verb->family)
		fprintf(to, "  %s %s %s\n", program, verb->name, verb->args);
	for (const struct verb *const *v = verb->family; v && *v; v++)
		fprintf(to, "  %s %s %s\n", program, (*v)->name, (*v)->args);
	if (verb->opts) {
		fputs("\nFlags:\n", to);
		for (const struct opt *o = verb->opts; o->name; o++)
			option(to, o);
	}
	if (verb->examples) {
		fputs("\nExamples:\n", to);
		for (const struct example *e = verb->examples; e->what; e++)
			example(to, program, e);
	}
	fprintf(to, "\n\"%s help\" shows the flags of every verb, such as -n and --context.\n",
		program);
}
