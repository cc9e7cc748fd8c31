/* Blocks (common/remote/blocks.h) fed in parts of so many bytes; 0 or why not. */
#ifndef SBX_TESTS_UNPACK_H
#define SBX_TESTS_UNPACK_H

#include "common/remote/blocks.h"

static inline int unpack(const void *bytes, size_t n, size_t part, blocks_take *take, void *arg)
{
	const char *from = bytes;
	struct blocks b;
	int rc = 0;

	blocks_init(&b);
	for (size_t at = 0; at < n && rc == 0; at += part)
		rc = blocks_feed(&b, from + at, n - at < part ? n - at : part, take, arg);
	if (rc == 0)
		rc = blocks_end(&b);
	blocks_fini(&b);
	return rc;
}

#endif
