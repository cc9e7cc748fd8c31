/*
 * uthash with a keyed hash function (siphash.h), for tables whose keys a sandbox chooses. To be included by each
 * source file that adds to or looks into such a table, before any other header; a table must not be used
 * with and without it. HASH_DELETE and iteration don't hash.
 */
#ifndef SBX_BASE_KEYHASH_H
#define SBX_BASE_KEYHASH_H

#ifdef HASH_FUNCTION
#error "keyhash.h comes before uthash.h"
#endif

#include "common/base/siphash.h"

#define HASH_FUNCTION(keyptr, keylen, hashv)                                                       \
	do {                                                                                       \
		(hashv) = siphash_here((keyptr), (keylen));                                        \
	} while (0)

#include <uthash.h>

#endif
