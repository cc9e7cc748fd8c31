/*
 * Colour, for people alone: never in a pipe or a file.
 */
#ifndef SBX_PLUGIN_PAINT_H
#define SBX_PLUGIN_PAINT_H

#include <stdbool.h>

enum paint { PAINT_NONE, PAINT_GOOD, PAINT_WAITS, PAINT_BAD, PAINT_FAINT };

/* fd is a terminal that has colours (TERM), and NO_COLOR is not set (no-color.org). */
bool paint_wanted(int fd);

/* What is written before it; behind it PAINT_OFF. Static. */
const char *paint_on(enum paint p);

#define PAINT_OFF "\033[0m"

#endif
