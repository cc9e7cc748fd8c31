/*
 * Label and field selectors, from foreign text.
 *
 * Labels: a=b a==b a!=b "a in (b,c)" "a notin (b,c)" a !a. Fields: path=value, path!=value.
 * A comma is "and". At most SELECT_TERMS terms of SELECT_BYTES in all.
 */
#ifndef SBX_LOCAL_SELECT_H
#define SBX_LOCAL_SELECT_H

#include "common/base/err.h"
#include "plugin/local/json.h"

#define SELECT_TERMS 64
#define SELECT_BYTES 4096

struct select;

/* NULL or "" selects all. -EINVAL, with a sentence. */
int select_parse_labels(const char *text, struct select **ret, struct err *err);
int select_parse_fields(const char *text, struct select **ret, struct err *err);
void select_free(struct select *s);
void select_free_at(struct select **at);

bool select_matches(const struct select *s, const cJSON *object); /* NULL matches all */

/* The value that "metadata.name=" asks for, or NULL. Borrowed. */
const char *select_name(const struct select *s);

#endif
