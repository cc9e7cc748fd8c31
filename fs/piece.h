/*
 * Pieces of an open file: asked for, or here. With fs->lock held, all of it.
 */
#ifndef SBX_FS_PIECE_H
#define SBX_FS_PIECE_H

#include "fs/reader.h"

struct fs;

struct piece {
	uint64_t offset;
	size_t want;
	unsigned refs; /* one while listed or asked for, one a wait */
	bool listed, ready;
	int64_t asked_us, ready_ms;
	struct remote_reply reply; /* when ready: its own */
	struct piece *prev, *next, *next_to_send;
};

uint64_t piece_end(const struct piece *p);
/* It came, and nothing is behind it: the end of the file, or a failure. */
bool piece_is_short(const struct piece *p);
/* It came, and is to be asked for again. */
bool piece_is_old(const struct piece *p);

/* The one with the byte at offset, or NULL. */
struct piece *piece_find(const struct reader *r, uint64_t offset);
/* Where the next one behind offset begins, at most limit. */
uint64_t piece_gap_end(const struct reader *r, uint64_t offset, uint64_t limit);

/* A new one, first in *to_send. There must be none of those bytes. */
struct piece *piece_ask(
	struct fs *fs, struct reader *r, uint64_t offset, size_t want, struct piece **to_send);
void piece_unref(struct fs *fs, struct piece *p);
/* Is not found any more; who waits for it still gets it. */
void piece_unlist(struct fs *fs, struct reader *r, struct piece *p);

#endif
