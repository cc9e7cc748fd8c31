/*
 * A fast checksum: XXH64, as its specification gives it. Against accidents, not against an enemy.
 */
#ifndef SBX_PACK_HASH64_H
#define SBX_PACK_HASH64_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash64(const void *bytes, size_t n, uint64_t seed);

#endif
