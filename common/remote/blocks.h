/*
 * Content that comes packed, block by block (proto.h, zlist): "PACKED SIZE\n" and PACKED bytes that hold
 * SIZE; or, where PACKED is 0, SIZE bytes as they are. Whoever feeds it need not know where one ends.
 */
#ifndef SBX_REMOTE_BLOCKS_H
#define SBX_REMOTE_BLOCKS_H

#include "common/base/buf.h"

#define BLOCK_MAX   (128u * 1024) /* SIZE at most */
#define BLOCK_TITLE 16            /* bytes of the line, without its LF */

struct blocks {
	char title[BLOCK_TITLE + 1];
	size_t title_n;
	uint64_t packed, size; /* of the block whose bytes are coming; size 0: its line is */
	struct buf bytes;
};

typedef int blocks_take(void *arg, const void *bytes, size_t n);

void blocks_init(struct blocks *b);
void blocks_fini(struct blocks *b);

/* take is given each block's content as soon as it is whole. -EBADMSG: it is no such thing; or what take says. */
int blocks_feed(struct blocks *b, const void *bytes, size_t n, blocks_take *take, void *arg);

/* 0: nothing is half there. Else -EBADMSG. */
int blocks_end(const struct blocks *b);

#endif
