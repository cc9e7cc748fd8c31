/*
 * An argument vector as one line of POSIX sh that execs exactly it.
 */
#ifndef SBX_PLUGIN_QUOTE_H
#define SBX_PLUGIN_QUOTE_H

#include "common/base/buf.h"

/* Appends word so that sh reads back the same bytes; any byte but NUL. */
void quote_word(struct buf *ret, const char *word);

/* Appends "exec 'a' 'b'": no word is split, expanded or looked at. */
void quote_exec(struct buf *ret, int argc, char *const *argv);

/*
 * A script in one line for people, safe for a terminal: what quote_exec made without its "exec" and the
 * quotes that are not needed, the rest as it is; at most QUOTE_SHOW_BYTES, then "...". more: it is a
 * beginning only. malloc'ed.
 */
#define QUOTE_SHOW_BYTES 200
char *quote_show(const char *script, size_t n, bool more);

#endif
