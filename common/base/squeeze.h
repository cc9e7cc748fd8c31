/*
 * Bytes made fewer, fast rather than far: for what goes over a way that costs more a byte than this does.
 *
 * A block is LZ4's (lz4_Block_format.md): sequences of literals and of matches at most 64 KiB back,
 * without a frame or a checksum around them. How long it was is for others to tell.
 */
#ifndef SBX_BASE_SQUEEZE_H
#define SBX_BASE_SQUEEZE_H

#include <stddef.h>

#define SQUEEZE_MAX (16u * 1024 * 1024) /* bytes in one block */

/*
 * Packs n bytes, at most SQUEEZE_MAX, into at most max. The length of the block; 0: it does not fit, or
 * hardly anything would come of it (the first kilobytes tell).
 */
size_t squeeze(const void *from, size_t n, void *to, size_t max);

/* As much of n bytes as a block may have that is worth unpacking. */
static inline size_t squeeze_worth(size_t n)
{
	return n - n / 8;
}

/* The block, at most squeeze_worth(n) bytes, in memory that is now the caller's; NULL: it is not worth it. */
void *squeezed(const void *from, size_t n, size_t *ret_n);

/* Exactly size bytes out of a block of n foreign ones. -EBADMSG: it does not hold them; to is anything then. */
int unsqueeze(const void *from, size_t n, void *to, size_t size);

#endif
