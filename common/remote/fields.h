/*
 * The words of a line, separated by one space each.
 *
 * The reader is sticky like wire.h's: the first word that is absent or not
 * what was asked for marks it bad, and later ones give zero. Take all, then
 * ask fields_end() once. Nothing is copied.
 */
#ifndef SBX_REMOTE_FIELDS_H
#define SBX_REMOTE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fields {
	const char *at; /* borrowed; the next word, NULL when all were taken */
	const char *end;
	bool bad;
};

struct fields fields_of(const char *line, size_t n);      /* n 0: a line without words */
const char *fields_word(struct fields *f, size_t *ret_n); /* not NUL-terminated; NULL: bad */
const char *fields_rest(struct fields *f, size_t *ret_n); /* all that is left, spaces too */
uint64_t fields_u64(struct fields *f, uint64_t max);      /* decimal digits only */
uint64_t fields_hex(struct fields *f, uint64_t max);
int64_t fields_i64(struct fields *f);     /* a '-' may stand before it */
bool fields_left(const struct fields *f); /* there is another word */
int fields_end(const struct fields *f);   /* too few, too many, wrong: -EBADMSG */

#endif
