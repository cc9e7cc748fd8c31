/*
 * A command line that is being typed: where in it the last word stands.
 */
#ifndef SBX_PLUGIN_TYPING_H
#define SBX_PLUGIN_TYPING_H

#include "plugin/verb.h"

enum typing_place {
	TYPING_VERB,    /* a verb, or a member of cli->verb, which is a family */
	TYPING_FLAG,    /* "-" or more of a flag */
	TYPING_VALUE,   /* of opt, or of kubectl's flag called flag */
	TYPING_WORD,    /* the count'th word of the verb */
	TYPING_COMMAND, /* of a sandbox, behind "--" */
};

struct typing {
	enum typing_place place;
	const struct opt *opt; /* or NULL */
	char flag[64];         /* or "" */
	const char *typed;     /* of the word, or of the value behind a "="; borrowed */
	const char *container; /* what -c says; borrowed; or NULL */
	char **words;          /* those before it; the array is ours */
	int count;
};

/* argv: all behind the program's name; the last word may be empty. cli gets verb and flags. */
void typing_read(struct cli *cli, int argc, char **argv, struct typing *ret);
void typing_fini(struct typing *t);

/*
 * What the verb's usage calls the n'th word ("NAME", "SRC", "up|down"), from 0; malloc'ed, or NULL: there is
 * none.
 */
char *typing_word_name(const char *usage, int n);

#endif
