/*
 * The lines of a ctl file: what a person or a program writes there.
 *
 * Pure text in, a checked list out; who obeys it is job.h's matter.
 */
#ifndef SBX_FS_COMMAND_H
#define SBX_FS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#define COMMAND_TEXT_MAX                                                                           \
	(128 * 1024) /* bytes of one write: a variable may be as long as execve's */

enum command_kind {
	/* for a run that runs */
	COMMAND_SIGNAL,
	COMMAND_RESIZE,
	/* for either */
	COMMAND_TIMEOUT,
	COMMAND_DETACH,
	COMMAND_EOF,
	/* for one that has not started */
	COMMAND_CWD,
	COMMAND_ENV,
	COMMAND_USER,
	COMMAND_TERMINAL,
};

struct command {
	enum command_kind kind;
	char *text;          /* signal's name without SIG, folder, NAME=VALUE, user; else NULL */
	int timeout_ms;      /* 0: none */
	unsigned cols, rows; /* resize, terminal */
};

/*
 * One command a line; the last LF may be missing, empty lines are nothing. -EINVAL: one of them is
 * wrong, and then there is none; -EFBIG past COMMAND_TEXT_MAX.
 */
int commands_parse(const char *text, size_t n, struct command **ret, size_t *ret_count);
void commands_free(struct command *all, size_t count); /* takes NULL */

/* May it be given to a run that has not started, and to one that has? */
bool command_before_start(enum command_kind kind);
bool command_after_start(enum command_kind kind);

/* What reading ctl shows. Static. */
const char *command_help(void);

#endif
