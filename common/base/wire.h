/*
 * Fields of fixed size, big-endian, written to a buf and read back.
 *
 * The reader is sticky: the first short read marks it bad and all later
 * ones give zero. Take all the fields, then ask reader_end() once.
 * Integers are assembled byte by byte; no struct is laid over foreign bytes.
 */
#ifndef SBX_BASE_WIRE_H
#define SBX_BASE_WIRE_H

#include "common/base/buf.h"

void wire_u8(struct buf *b, uint8_t v);
void wire_u16(struct buf *b, uint16_t v);
void wire_u32(struct buf *b, uint32_t v);
void wire_u64(struct buf *b, uint64_t v);

struct reader {
	const uint8_t *at; /* borrowed */
	size_t left;
	bool bad;
};

struct reader reader_of(const void *bytes, size_t n);
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
const void *reader_bytes(struct reader *r, size_t n); /* borrowed; NULL (and bad) when short */
int reader_end(const struct reader *r);               /* short or trailing bytes: -EBADMSG */

/*
 * Whole-string numbers: digits only, no sign, no spaces.
 * -EINVAL: not a number; -ERANGE: over max.
 */
int parse_u64(const char *text, uint64_t max, uint64_t *ret);

#endif
