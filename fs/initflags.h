/*
 * The INIT flags that libfuse 3.14 does not pass to the kernel.
 *
 * FUSE_PARALLEL_DIROPS (lookups in one folder side by side: twelve times as
 * many at 10 ms) and FUSE_HANDLE_KILLPRIV_V2 (no getxattr before each write):
 * put into the INIT answer on its way out, through libfuse's custom I/O. A
 * kernel that does not know a bit ignores it.
 */
#ifndef SBX_FS_INITFLAGS_H
#define SBX_FS_INITFLAGS_H

struct fuse_session;

/* After fuse_session_mount, before the loop. 0 or negative errno: the mount works without. */
int initflags_hook(struct fuse_session *se);

#endif
