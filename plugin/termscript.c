#include "plugin/termscript.h"

#include "plugin/quote.h"

#include <ctype.h>
#include <string.h>

#define LINE 3000 /* bytes; a terminal takes 4095 at a time */

/*
 * The size is set before anything can draw, where the image has stty; the resize that follows says it
 * again. One line: some servers refuse a URL with a line feed in it.
 */
const char TERMSCRIPT_LOADER[] =
	"[ \"$2\" = 0 ] || stty cols \"$2\" rows \"$3\"; s= l=; "
	"while IFS= read -r l && [ \"$l\" != . ]; do s=$s$l; done; "
	"[ \"$l\" = . ] || exit 1; n=$1; shift 3; eval \"$(printf %b \"$s\")\"";

void termscript_encode(struct buf *ret, const void *script, size_t n)
{
	const unsigned char *at = script;
	size_t line = 0;

	for (size_t i = 0; i < n; i++) {
		size_t before = ret->len;

		if (at[i] < 128 && (isalnum(at[i]) || strchr(" /-_=:,", at[i])))
			buf_char(ret, (char)at[i]);
		else
			buf_printf(ret, "\\0%03o", at[i]);
		line += ret->len - before;
		if (line > LINE) {
			buf_char(ret, '\n');
			line = 0;
		}
	}
	buf_str(ret, line ? "\n.\n" : ".\n");
}

/* A name that a shell can export and does not keep for itself. */
static bool can_be_exported(const char *name, size_t n)
{
	static const char *const own[] = { "UID", "EUID", "GROUPS", "PPID", "BASHOPTS", "SHELLOPTS",
		"BASH_VERSINFO", "PWD", "OLDPWD", "IFS", "OPTIND", "PS4", "_" };

	for (size_t i = 0; i < n; i++)
		if (name[i] != '_' && !isalpha((unsigned char)name[i]) &&
			(i == 0 || !isdigit((unsigned char)name[i])))
			return false;
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (strlen(own[i]) == n && !memcmp(own[i], name, n))
			return false;
	return true;
}

static void add_exports(struct buf *ret, const char *const *env)
{
	for (; env && *env; env++) {
		size_t n = strcspn(*env, "=");

		if (!can_be_exported(*env, n))
			continue;
		buf_printf(ret, "export %.*s=", (int)n, *env);
		quote_word(ret, *env + n + 1);
		buf_char(ret, '\n');
	}
}

/* The other variables, by a program. Empty when there are none. */
static void add_env(struct buf *ret, const char *const *env)
{
	bool any = false;

	for (; env && *env; env++) {
		if (can_be_exported(*env, strcspn(*env, "=")))
			continue;
		buf_str(ret, any ? " " : "env ");
		quote_word(ret, *env);
		any = true;
	}
	if (any)
		buf_char(ret, ' ');
}

static void add_command(struct buf *ret, const struct terminal_spec *spec, const char *env)
{
	if (!spec->argc) {
		buf_printf(ret, "exec %s\"$(command -v bash || echo sh)\"\n", env);
		return;
	}
	buf_printf(ret, "exec %s", env);
	for (int i = 0; i < spec->argc; i++) {
		quote_word(ret, spec->argv[i]);
		buf_char(ret, i + 1 < spec->argc ? ' ' : '\n');
	}
}

void termscript_command(struct buf *ret, const struct terminal_spec *spec)
{
	add_command(ret, spec, "");
}

/*
 * INT and QUIT of the keyboard come to this shell too: it has handlers for them, which its child has
 * not. Its own standard error is elsewhere, so that it does not tell of a killed child as if that
 * were output (not closed: dash would then close its child's as well, at the first 2>&1). TTOU is ignored for the end mark: the command may have died as owner of the terminal.
 */
void termscript_wrapped(struct buf *ret, const struct terminal_spec *spec, const char *term)
{
	auto_buf env = BUF_INIT(ret->max);

	add_env(&env, spec->env);
	buf_str(ret, "trap : INT QUIT\n"
		     "exec 3>&2 2>/dev/null\n"
		     "printf '\\033_sbx;%s;begin %s\\033\\\\' \"$n\" \"$$\"\n"
		     "(\n");
	if (term && *term) {
		buf_str(ret, "export TERM=");
		quote_word(ret, term);
		buf_char(ret, '\n');
	}
	add_exports(ret, spec->env);
	if (spec->cwd) {
		buf_str(ret, "cd -- ");
		quote_word(ret, spec->cwd);
		buf_str(ret, " || exit 126\n");
	}
	add_command(ret, spec, buf_text(&env));
	if (env.bad)
		ret->bad = true;
	buf_str(ret, ") 2>&3 3>&-\n"
		     "c=$?\n"
		     "trap '' TTOU\n"
		     "printf '\\033_sbx;%s;end %s\\033\\\\' \"$n\" \"$c\"\n"
		     "read -r l\n"
		     "exit \"$c\"\n");
}
