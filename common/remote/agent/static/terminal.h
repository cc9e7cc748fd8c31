/* A pseudo-terminal for a run. */
#ifndef SBX_AGENT_TERMINAL_H
#define SBX_AGENT_TERMINAL_H

#include <stddef.h>

/* Both ends, CLOEXEC; ours does not block. 0 or -errno. */
int terminal_open(int *ret_ours, int *ret_theirs);
void terminal_resize(int ours, unsigned cols, unsigned rows);
/*
 * What ends its input, behind a byte `last`: an end-of-file character, two of them when the line
 * is not ended (the first only hands it on). Into ret; how many.
 */
size_t terminal_eof(int ours, char last, char ret[static 2]);

#endif
