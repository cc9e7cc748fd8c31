/*
 * CHANGEs: what a far end tells of a watched folder. See proto.h, "What changes".
 *
 * Bytes of a far end are judged here: what comes out has legal names and known types.
 */
#ifndef SBX_REMOTE_CHANGE_H
#define SBX_REMOTE_CHANGE_H

#include "common/remote/remote.h"

struct changes {
	struct change *all;
	size_t count;
};

/* The content of one `c`, whole; watch 0 may only be told `all`. -EBADMSG. */
int changes_parse(uint64_t watch, const char *bytes, size_t n, struct changes *ret);
void changes_fini(struct changes *c);

/* The inverse: parses to the same again. For tests. */
void change_print(struct buf *ret, const struct change *c);

#endif
