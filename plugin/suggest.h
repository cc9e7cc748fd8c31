/*
 * What was meant: the nearest of some words by edit distance.
 *
 *	struct suggest s = suggest_for("crate");
 *	suggest_try(&s, "create", 6);		... for each candidate
 *	suggest_text(&s)			"create", or "" when none is near
 */
#ifndef SBX_PLUGIN_SUGGEST_H
#define SBX_PLUGIN_SUGGEST_H

#include <stddef.h>

#define SUGGEST_BYTES_MAX 40 /* longer words are never near anything */

struct suggest {
	const char *word; /* borrowed; up to '=' */
	size_t word_len;
	size_t best; /* edits of the best so far */
	char text[SUGGEST_BYTES_MAX + 1];
};

struct suggest suggest_for(const char *word);
void suggest_try(struct suggest *s, const char *candidate, size_t n);
const char *suggest_text(const struct suggest *s);

#endif
