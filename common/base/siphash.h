/*
 * SipHash, a keyed hash for tables whose keys others choose: without the key nobody can find many that
 * collide. Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012.
 */
#ifndef SBX_BASE_SIPHASH_H
#define SBX_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* SipHash-c-d: c rounds for each 8 bytes, d at the end. */
uint64_t siphash(const uint64_t key[2], int c, int d, const void *bytes, size_t n);

/* SipHash-1-3 with a key that is random, once a process. Any thread. */
uint32_t siphash_here(const void *bytes, size_t n);

#endif
