/*
 * What a word that is being typed may become, as kubectl and its shells' scripts want to read it
 * (github.com/spf13/cobra: "CANDIDATE\tWHAT IT IS" a line, at the end ":DIRECTIVE").
 */
#ifndef SBX_PLUGIN_CANDIDATES_H
#define SBX_PLUGIN_CANDIDATES_H

#include "common/base/buf.h"

#include <stdio.h>

#define CANDIDATES_MAX       2000
#define CANDIDATES_BYTES_MAX (512 * 1024)

struct candidates {
	const char *typed; /* so much of it stands there; borrowed */
	struct buf lines;
	size_t count;
	char last;        /* what the last one ends with */
	bool files, dirs; /* this machine's may stand there as well, or its folders alone */
};

void candidates_init(struct candidates *c, const char *typed);
void candidates_fini(struct candidates *c);

/* Left out when it does not begin with what is typed, or has bytes that no shell can be given. what may be
 * NULL, or several lines: the first one counts. */
void candidates_add(struct candidates *c, const char *text, const char *what);

/* Behind so much of what is typed that stays as it is: "web:" before "/etc/". */
void candidates_add_behind(struct candidates *c, const char *before, const char *text);

/* Each of "a|b|c". */
void candidates_add_each(struct candidates *c, const char *alternatives);

void candidates_print(const struct candidates *c, FILE *to);

#endif
