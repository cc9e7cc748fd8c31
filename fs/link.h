/*
 * Symbolic links of a sandbox, kept inside its fs/. Pure.
 *
 * A link that is followed on this side is resolved by this machine's kernel,
 * where "/" is this machine's root. So an absolute target is rewritten to a
 * relative one from fs/ down, and one that climbs is cut at fs/. A ".." behind
 * a name is folded away with it: through another link it could mean anything.
 */
#ifndef SBX_FS_LINK_H
#define SBX_FS_LINK_H

#include "common/base/buf.h"

/*
 * dir: path in the sandbox of the folder in which the link stands ("/" or "/a/b"). Appends what to
 * show. A target that is harmless is shown as it is. -EIO: empty; -ENAMETOOLONG.
 */
int link_contain(const char *dir, const char *target, struct buf *ret);

#endif
