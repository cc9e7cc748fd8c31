/*
 * Which of a terminal's modes a program has set and not yet undone: the alternate screen, a
 * hidden cursor, the mouse, bracketed paste, a scrolling region, colours. Read from its output as it
 * passes, so that a program that is left, or lost, leaves the terminal as one that ends would.
 */
#ifndef SBX_PLUGIN_SCREENMODES_H
#define SBX_PLUGIN_SCREENMODES_H

#include "common/base/buf.h"

#define SCREENMODES_TEXT    256 /* bytes that undo or redo all of them */
#define SCREENMODES_NUMBERS 16

/* Begins as zeroes. */
struct screenmodes {
	unsigned set; /* bits of screenmodes.c */
	/* of the sequence that is being read */
	int state;
	char kind; /* its private mark, '?' or '>'; 0: none; '!': it is of no interest */
	unsigned numbers[SCREENMODES_NUMBERS];
	int count; /* of those that are whole */
};

/* True: something has changed. Any bytes, cut anywhere. */
bool screenmodes_feed(struct screenmodes *s, const void *bytes, size_t n);

/* Appends what brings the terminal back from them; nothing when nothing is set. */
void screenmodes_undo(const struct screenmodes *s, struct buf *ret);
/* Appends what sets them again, but for what a program that draws anew sets by itself. */
void screenmodes_redo(const struct screenmodes *s, struct buf *ret);

#endif
