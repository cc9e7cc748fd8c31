#include "plugin/candidates.h"

#include <string.h>

/* cobra's ShellCompDirective */
#define NO_SPACE  2
#define NO_FILES  4
#define ONLY_DIRS 16

void candidates_init(struct candidates *c, const char *typed)
{
	*c = (struct candidates){ .typed = typed, .lines = BUF_INIT(CANDIDATES_BYTES_MAX) };
}

void candidates_fini(struct candidates *c)
{
	buf_fini(&c->lines);
}

static bool plain(const char *text)
{
	for (const char *at = text; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return false;
	return *text;
}

void candidates_add(struct candidates *c, const char *text, const char *what)
{
	size_t n = what ? strcspn(what, "\n\t") : 0;

	if (c->count == CANDIDATES_MAX || !plain(text) || strncmp(text, c->typed, strlen(c->typed)))
		return;
	buf_printf(&c->lines, "%s%s%.*s\n", text, n ? "\t" : "", (int)n, n ? what : "");
	if (buf_check(&c->lines) < 0)
		return;
	c->count++;
	c->last = text[strlen(text) - 1];
}

void candidates_add_behind(struct candidates *c, const char *before, const char *text)
{
	auto_free char *whole = xprintf("%s%s", before, text);

	candidates_add(c, whole, NULL);
}

void candidates_add_each(struct candidates *c, const char *alternatives)
{
	for (const char *at = alternatives;; at++) {
		size_t n = strcspn(at, "|");
		auto_free char *one = xstrndup(at, n);

		candidates_add(c, one, NULL);
		at += n;
		if (!*at)
			return;
	}
}

/* One that goes on ("web:", "/etc/", "jsonpath=") has no space put behind it. */
void candidates_print(const struct candidates *c, FILE *to)
{
	int directive = c->dirs ? ONLY_DIRS : c->files && !c->count ? 0 : NO_FILES;

	if (c->count == 1 && strchr(":/=", c->last))
		directive |= NO_SPACE;
	fwrite(buf_text(&c->lines), 1, c->lines.len, to);
	fprintf(to, ":%d\n", directive);
}
