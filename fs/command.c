#include "fs/command.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "fs/defaults.h"

#include <limits.h>
#include <signal.h>

#define SIGNAL_MAX   31 /* beyond are the real-time ones, which have no names in a shell */
#define TERMINAL_MAX 65535
#define USER_MAX     256

typedef int parse_rest(const char *rest, struct command *ret);

static bool all_digits(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

static int parse_signal(const char *rest, struct command *ret)
{
	const char *name = strncmp(rest, "SIG", 3) == 0 ? rest + 3 : rest;
	long number = all_digits(rest) ? strtol(rest, NULL, 10) : 0;

	for (int sig = 1; sig <= SIGNAL_MAX; sig++) {
		const char *known = sigabbrev_np(sig);

		if (known && (number == sig || strcmp(name, known) == 0)) {
			ret->text = xstrdup(known);
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_timeout(const char *rest, struct command *ret)
{
	int64_t ms;

	if (duration_parse(rest, &ms) < 0 || ms > INT_MAX)
		return -EINVAL;
	ret->timeout_ms = (int)ms;
	return 0;
}

static const char *parse_size(const char *at, unsigned *ret)
{
	char *end;
	unsigned long n;

	if (*at < '0' || *at > '9')
		return NULL;
	n = strtoul(at, &end, 10);
	if (n < 1 || n > TERMINAL_MAX)
		return NULL;
	*ret = (unsigned)n;
	return end;
}

static int parse_terminal(const char *rest, struct command *ret)
{
	const char *at = parse_size(rest, &ret->cols);

	if (!at || *at != ' ')
		return -EINVAL;
	at = parse_size(at + strspn(at, " "), &ret->rows);
	return at && !*at ? 0 : -EINVAL;
}

static int parse_nothing(const char *rest, struct command *ret)
{
	return *rest ? -EINVAL : 0;
}

static int parse_cwd(const char *rest, struct command *ret)
{
	return cwd_parse(rest, strlen(rest), &ret->text);
}

static int parse_env(const char *rest, struct command *ret)
{
	if (!env_pair_ok(rest))
		return -EINVAL;
	ret->text = xstrdup(rest);
	return 0;
}

static int parse_user(const char *rest, struct command *ret)
{
	if (!*rest || *rest == '-' || strlen(rest) > USER_MAX || strpbrk(rest, " \t:"))
		return -EINVAL;
	ret->text = xstrdup(rest);
	return 0;
}

static const struct {
	const char *word;
	parse_rest *parse;
	bool before, after;
} words[] = {
	[COMMAND_SIGNAL] = { "signal", parse_signal, false, true },
	[COMMAND_RESIZE] = { "resize", parse_terminal, false, true },
	[COMMAND_TIMEOUT] = { "timeout", parse_timeout, true, true },
	[COMMAND_DETACH] = { "detach", parse_nothing, true, true },
	[COMMAND_EOF] = { "eof", parse_nothing, true, true },
	[COMMAND_CWD] = { "cwd", parse_cwd, true, false },
	[COMMAND_ENV] = { "env", parse_env, true, false },
	[COMMAND_USER] = { "user", parse_user, true, false },
	[COMMAND_TERMINAL] = { "terminal", parse_terminal, true, false },
};

bool command_before_start(enum command_kind kind)
{
	return words[kind].before;
}

bool command_after_start(enum command_kind kind)
{
	return words[kind].after;
}

/* line: NUL-terminated, without LF */
static int parse_line(const char *line, struct command *ret)
{
	size_t n = strcspn(line, " ");

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strlen(words[i].word) != n || memcmp(words[i].word, line, n) != 0)
			continue;
		ret->kind = (enum command_kind)i;
		return words[i].parse(line + n + strspn(line + n, " "), ret);
	}
	return -EINVAL;
}

/* Adds to what is there; what was added before an error stays the caller's to free. */
static int parse_all(const char *text, size_t n, struct command **all, size_t *count)
{
	int rc = 0;

	for (size_t at = 0, len; rc == 0 && at < n; at += len + 1) {
		const char *lf = memchr(text + at, '\n', n - at);
		auto_free char *line = NULL;

		len = lf ? (size_t)(lf - text) - at : n - at;
		if (len == 0)
			continue;
		line = xstrndup(text + at, len);
		*all = xrealloc(*all, (*count + 1) * sizeof(**all));
		(*all)[*count] = (struct command){ 0 };
		rc = strlen(line) == len ? parse_line(line, &(*all)[*count]) : -EINVAL;
		++*count;
	}
	return rc;
}

int commands_parse(const char *text, size_t n, struct command **ret, size_t *ret_count)
{
	struct command *all = NULL;
	size_t count = 0;
	int rc;

	if (n > COMMAND_TEXT_MAX)
		return -EFBIG;
	rc = parse_all(text, n, &all, &count);
	if (rc < 0) {
		commands_free(all, count);
		return rc;
	}
	*ret = all;
	*ret_count = count;
	return 0;
}

void commands_free(struct command *all, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(all[i].text);
	free(all);
}

const char *command_help(void)
{
	return "One command a line:\n"
	       "signal NAME        to the run's whole group: TERM, SIGTERM or 15\n"
	       "timeout SECONDS    from now on; 0: none. At its end TERM, after 2 s KILL\n"
	       "resize COLS ROWS   of its terminal\n"
	       "detach             it goes on without this mount, and its output is kept there\n"
	       "eof                the end of its standard input\n"
	       "Before the start of a run made by runs/new, in runs/N/ctl, also:\n"
	       "cwd FOLDER         where it runs\n"
	       "env NAME=VALUE     one more variable\n"
	       "user USER          a name or a number in the container\n"
	       "terminal COLS ROWS it gets a terminal\n";
}
