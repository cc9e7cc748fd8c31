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

#endif
