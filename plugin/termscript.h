/*
 * The scripts behind a terminal.
 */
#ifndef SBX_PLUGIN_TERMSCRIPT_H
#define SBX_PLUGIN_TERMSCRIPT_H

#include "common/base/buf.h"
#include "plugin/terminal.h"

/* Execs the command, or bash where the image has it, else sh. */
void termscript_command(struct buf *ret, const struct terminal_spec *spec);

/*
 * What TERMSCRIPT_LOADER runs: says the begin, runs the command where and with what the spec wants,
 * says the end with its status, and waits for a line, so that nothing of what it said is lost with it.
 */
void termscript_wrapped(struct buf *ret, const struct terminal_spec *spec, const char *term);

/*
 * sh -c TERMSCRIPT_LOADER sbx NONCE COLS ROWS: reads a script in the form of
 * termscript_encode from its terminal, and runs it. So no word of it ever stands in a URL or
 * in an audit log, and its length is not bound by theirs.
 */
extern const char TERMSCRIPT_LOADER[];

/* Lines that pass a terminal as they are: no control bytes, none longer than a terminal takes. */
void termscript_encode(struct buf *ret, const void *script, size_t n);

#endif
