/*
 * The static agent's way into a sandbox (hello.h): the text that places it there.
 *
 * It is embedded in this program, one for each architecture that had a compiler. In the sandbox it
 * is a file whose name holds the hash of what is embedded, so that another version is another file;
 * the shell that starts it takes only what is its own user's, and nothing that comes from it is
 * believed more than what any far end says.
 */
#ifndef SBX_REMOTE_PLACING_H
#define SBX_REMOTE_PLACING_H

#include "common/base/buf.h"

/* The loader: it starts the agent that is there, or asks for it by `sbx want ARCH` (hello.c). Static. */
const char *placing_boot(void);

/* Is there one for this architecture, as `uname -m` says it? n bytes, not NUL-terminated. */
bool placing_has(const char *arch, size_t n);

/*
 * What the loader evaluates to place it: a line, then the program's bytes, raw where the sandbox has
 * a dd that takes an exact count, else a line of them for its printf. When it cannot be placed, the
 * loader asks again. Bytes: about as many as the program has, or twice that.
 */
void placing_text(struct buf *ret, const char *arch, size_t n, bool dd);
#define PLACING_MAX (4 * 1024 * 1024)

#endif
