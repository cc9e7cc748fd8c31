/*
 * What a copy leaves out: --exclude PATTERN, a part of what .gitignore knows.
 *
 * A PATTERN without a '/' (but at its end) is compared with the name at any depth, one with a '/' with the whole
 * path below SRC. A '/' at its end: folders alone. * and ? stand for anything but '/', ** for that too, [abc]
 * for one of these. What is in a folder that is left out is left out with it. No "!" patterns.
 */
#ifndef SBX_PACK_EXCLUDE_H
#define SBX_PACK_EXCLUDE_H

#include "common/remote/pack/job.h"

/* path: below SRC, not empty. */
bool pack_excluded(const struct pack_list *patterns, const char *path, bool is_dir);

#endif
