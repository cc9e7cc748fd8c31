/*
 * Frames on their way, made fewer bytes where that pays: PACKED of pack.h. Pure bytes, no I/O.
 */
#ifndef SBX_PACK_PACKED_H
#define SBX_PACK_PACKED_H

#include "common/remote/pack/pack.h"

/* Of n bytes of whole frames, how many from the front go together: whole frames, at most PACK_PACKED_MAX bytes. */
size_t packed_piece(const uint8_t *frames, size_t n);

/*
 * One PACKED frame, the number-th of its direction, out of a piece. to holds PACK_HEAD + PACK_FRAME_MAX bytes. Its
 * length, or 0: the piece hardly shrinks and goes as it is.
 */
size_t packed_make(const uint8_t *piece, size_t n, uint64_t number, uint8_t *to);

/* How much a PACKED payload says it holds: 1 to PACK_PACKED_MAX, or -EBADMSG. */
ssize_t packed_size(const uint8_t *payload, size_t n);

/* What it holds, packed_size bytes. -EBADMSG: not so many, or no whole frames, or PACKED ones; to is anything then. */
int packed_take(const uint8_t *payload, size_t n, uint8_t *to);

#endif
